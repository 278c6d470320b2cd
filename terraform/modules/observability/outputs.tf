output "topic_arn" {
  description = "Topic of alarms."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard_url" {
  description = "The dashboard in the console."
  value       = "https://${local.region}.console.aws.amazon.com/cloudwatch/home?region=${local.region}#dashboards/dashboard/${aws_cloudwatch_dashboard.this.dashboard_name}"
}

output "alarms" {
  description = "Names of the alarms; each has a heading of the same name in the runbook."
  value       = sort(concat(keys(aws_cloudwatch_metric_alarm.simple), keys(aws_cloudwatch_metric_alarm.computed)))
}
