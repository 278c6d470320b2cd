output "deploy_role_arns" {
  description = "ARN of each environment's deploy role."
  value       = { for environment, role in aws_iam_role.deploy : environment => role.arn }
}

output "build_role_arn" {
  description = "ARN of the role that builds."
  value       = aws_iam_role.build.arn
}
