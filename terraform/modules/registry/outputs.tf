output "urls" {
  description = "URL of each unit's repository, without a tag."
  value       = { for unit, repository in aws_ecr_repository.this : unit => repository.repository_url }
}

output "arns" {
  description = "ARN of each unit's repository."
  value       = { for unit, repository in aws_ecr_repository.this : unit => repository.arn }
}
