output "topic_arn" {
  description = "Topic of alarms."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard_url" {
  description = "The dashboard in the console."
  value       = local.dashboard_url
}

output "alarms" {
  description = "Names of the alarms that tell somebody; those of the objectives' windows are not among them."
  value = sort(concat(
    keys(aws_cloudwatch_metric_alarm.simple), keys(aws_cloudwatch_metric_alarm.computed), keys(aws_cloudwatch_composite_alarm.objective),
  ))
}
