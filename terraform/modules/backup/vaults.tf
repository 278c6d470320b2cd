# Whoever may delete recovery points by another policy, an administrator too, first has to take this one away.
locals {
  kept = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "NobodyDeletesBackups"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["backup:DeleteBackupVault", "backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"]
      # In a vault's policy "*" means this vault only.
      Resource = "*"
    }]
  })
}

resource "aws_backup_vault_policy" "this" {
  count = var.force_destroy ? 0 : 1

  backup_vault_name = aws_backup_vault.this.name
  policy            = local.kept
}

resource "aws_backup_vault_policy" "copy" {
  count    = var.force_destroy ? 0 : length(aws_backup_vault.copy)
  provider = aws.copy

  backup_vault_name = aws_backup_vault.copy[0].name
  policy            = local.kept
}

# The lock holds against everybody; without days to change one's mind, whoever may remove a lock can.
resource "aws_backup_vault_lock_configuration" "this" {
  count = var.vault_lock == null ? 0 : 1

  backup_vault_name   = aws_backup_vault.this.name
  min_retention_days  = var.vault_lock.min_days
  changeable_for_days = var.vault_lock.final_after_days
}

resource "aws_backup_vault_lock_configuration" "copy" {
  count    = var.vault_lock == null ? 0 : length(aws_backup_vault.copy)
  provider = aws.copy

  backup_vault_name   = aws_backup_vault.copy[0].name
  min_retention_days  = var.vault_lock.min_days
  changeable_for_days = var.vault_lock.final_after_days
}
