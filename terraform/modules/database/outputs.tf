output "host" {
  description = "Host name of the database."
  value       = aws_db_instance.this.address
}

output "identifier" {
  description = "Identifier of the instance."
  value       = aws_db_instance.this.identifier
}

output "arn" {
  description = "ARN of the instance."
  value       = aws_db_instance.this.arn
}

output "secret_name" {
  description = "Name of the secret with the service's user."
  value       = module.user.name
}

output "secret_arn" {
  description = "ARN of that secret."
  value       = module.user.arn
}

output "master_secret_arn" {
  description = "ARN of the secret with the administrator's password, which RDS keeps."
  value       = try(aws_db_instance.this.master_user_secret[0].secret_arn, null)
}

output "network" {
  description = "Subnet group and security group of the instance, for one that is restored beside it."
  value       = { subnet_group = aws_db_subnet_group.this.name, security_group_id = aws_security_group.this.id }
}
