output "vault_name" {
  description = "Name of the vault."
  value       = aws_backup_vault.this.name
}

output "plan_id" {
  description = "Identity of the plan."
  value       = aws_backup_plan.this.id
}

output "role_arn" {
  description = "Role for restoring."
  value       = aws_iam_role.this.arn
}

output "vault_arns" {
  description = "ARN of each vault: home, and copy where there is one."
  value       = merge({ home = aws_backup_vault.this.arn }, { for vault in aws_backup_vault.copy : "copy" => vault.arn })
}

output "key_arn" {
  description = "Key of the vault."
  value       = local.key_arn
}
