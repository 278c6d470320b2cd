output "deploy_role_arns" {
  description = "ARN of each environment's deploy role."
  value       = { for environment, role in aws_iam_role.deploy : environment => role.arn }
}
