output "urls" {
  description = "URL of each unit's repository, without a tag."
  value       = { for unit, repository in aws_ecr_repository.this : unit => repository.repository_url }
}

output "arns" {
  description = "ARN of each unit's repository."
  value       = { for unit, repository in aws_ecr_repository.this : unit => repository.arn }
}

output "signing_key_arn" {
  description = "ARN of the key that images are signed with; null: there is none."
  value       = one(aws_kms_key.signing[*].arn)
}

output "signing_key_alias" {
  description = "Name of that key; null: there is none."
  value       = one(aws_kms_alias.signing[*].name)
}
