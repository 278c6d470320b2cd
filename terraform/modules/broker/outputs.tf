output "host" {
  description = "Host name that speaks amqps on 5671."
  value       = regex("^amqps://([^:]+):5671$", aws_mq_broker.this.instances[0].endpoints[0])[0]
}

output "name" {
  description = "Name of the broker."
  value       = aws_mq_broker.this.broker_name
}

output "admin_secret_name" {
  description = "Name of the administrator's secret."
  value       = aws_secretsmanager_secret.admin.name
}

output "secret_names" {
  description = "Name of each service's secret."
  value       = { for user, secret in module.user : user => secret.name }
}

output "secret_arns" {
  description = "ARN of each service's secret."
  value       = { for user, secret in module.user : user => secret.arn }
}

output "arn" {
  description = "ARN of the broker."
  value       = aws_mq_broker.this.arn
}
