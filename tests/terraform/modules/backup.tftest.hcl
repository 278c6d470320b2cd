mock_provider "aws" {
  source = "./mocks"
}

mock_provider "aws" {
  alias  = "copy"
  source = "./mocks"
}

variables {
  name         = "code-keeper-test"
  cluster_name = "code-keeper-test"
}

run "defaults" {
  command = plan
  module {
    source = "../../../terraform/modules/backup"
  }
  providers = {
    aws      = aws
    aws.copy = aws.copy
  }
  assert {
    condition     = length(aws_kms_key.this) == 1 && aws_kms_key.this[0].enable_key_rotation && aws_kms_key.this[0].deletion_window_in_days == 30 && !aws_backup_vault.this.force_destroy
    error_message = "backups are encrypted by a key of their own and not destroyed unasked"
  }
  assert {
    condition     = toset(one(jsondecode(aws_backup_vault_policy.this[0].policy).Statement).Action) == toset(["backup:DeleteBackupVault", "backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"]) && one(jsondecode(aws_backup_vault_policy.this[0].policy).Statement).Effect == "Deny"
    error_message = "nobody deletes a backup"
  }
  assert {
    condition     = length(aws_backup_vault_lock_configuration.this) == 0 && length(aws_backup_restore_testing_plan.this) == 0
    error_message = "a lock is asked for, because it may be for ever, and so are restores"
  }
  assert {
    condition     = one(aws_backup_plan.this.rule).lifecycle[0].delete_after == 35
    error_message = "they are kept for five weeks"
  }
  assert {
    condition     = length(aws_backup_vault.copy) == 0 && length(one(aws_backup_plan.this.rule).copy_action) == 0
    error_message = "without a copy"
  }
  assert {
    condition     = one(one(aws_backup_selection.volumes.condition).string_equals).value == "code-keeper-test" && length(aws_backup_selection.databases) == 0
    error_message = "the cluster's volumes are taken, and no other's"
  }
  assert {
    condition     = try(one(one(aws_backup_selection.volumes.condition).string_like).key, "") == "aws:ResourceTag/CSIVolumeName"
    error_message = "of them those of claims, not the nodes' disks"
  }
}

run "vault_with_another_key" {
  command = plan
  module {
    source = "../../../terraform/modules/backup"
  }
  providers = {
    aws      = aws
    aws.copy = aws.copy
  }
  variables {
    kms_key_arn = "arn:aws:kms:eu-north-1:123456789012:key/1"
  }
  assert {
    condition     = length(aws_kms_key.this) == 0 && aws_backup_vault.this.kms_key_arn == var.kms_key_arn && output.key_arn == var.kms_key_arn
    error_message = "a vault keeps the key that it was made with"
  }
}

run "locked" {
  command = plan
  module {
    source = "../../../terraform/modules/backup"
  }
  providers = {
    aws      = aws
    aws.copy = aws.copy
  }
  variables {
    cross_region_copy = true
    vault_lock        = { min_days = 30, final_after_days = 7 }
  }
  assert {
    condition     = alltrue([for lock in concat(aws_backup_vault_lock_configuration.this, aws_backup_vault_lock_configuration.copy) : lock.min_retention_days == 30 && lock.changeable_for_days == 7]) && length(aws_backup_vault_lock_configuration.copy) == 1 && length(aws_backup_vault_policy.copy) == 1
    error_message = "both vaults are locked"
  }
}

run "locked_for_longer_than_kept" {
  command = plan
  module {
    source = "../../../terraform/modules/backup"
  }
  providers = {
    aws      = aws
    aws.copy = aws.copy
  }
  variables {
    vault_lock = { min_days = 36 }
  }
  expect_failures = [var.vault_lock]
}

run "everything" {
  command = plan
  module {
    source = "../../../terraform/modules/backup"
  }
  providers = {
    aws      = aws
    aws.copy = aws.copy
  }
  variables {
    database_arns     = ["arn:aws:rds:eu-north-1:123456789012:db:a"]
    cross_region_copy = true
    keep_days         = 7
    force_destroy     = true
    restore_testing   = { subnet_group = "a-billing", security_group_id = "sg-1" }
  }
  assert {
    condition     = length(aws_backup_vault.copy) == 1 && length(one(aws_backup_plan.this.rule).copy_action) == 1 && aws_kms_key.copy[0].enable_key_rotation
    error_message = "copies go to another region, encrypted by a key there"
  }
  assert {
    condition     = length(aws_backup_plan.volumes) == 0
    error_message = "with one plan for everything"
  }
  assert {
    condition     = aws_backup_selection.databases[0].resources == toset(["arn:aws:rds:eu-north-1:123456789012:db:a"])
    error_message = "databases are taken"
  }
  assert {
    condition     = aws_backup_restore_testing_plan.this[0].name == "code_keeper_test" && one(aws_backup_restore_testing_plan.this[0].recovery_point_selection).algorithm == "LATEST_WITHIN_WINDOW"
    error_message = "the newest backups are restored"
  }
  assert {
    condition = aws_backup_restore_testing_selection.databases[0].protected_resource_arns == toset(["arn:aws:rds:eu-north-1:123456789012:db:a"]) && aws_backup_restore_testing_selection.databases[0].restore_metadata_overrides == tomap({
      dbSubnetGroupName = "a-billing", vpcSecurityGroupIds = "[\"sg-1\"]"
    })
    error_message = "of each database, in the network that databases have"
  }
}

run "another_account" {
  command = plan
  module {
    source = "../../../terraform/modules/backup"
  }
  providers = {
    aws      = aws
    aws.copy = aws.copy
  }
  variables {
    keep_days      = 7
    copy_vault_arn = "arn:aws:backup:eu-north-1:210987654321:backup-vault:copies"
  }
  assert {
    condition     = [for copy in one(aws_backup_plan.this.rule).copy_action : copy.destination_vault_arn if copy.lifecycle[0].delete_after == 7] == ["arn:aws:backup:eu-north-1:210987654321:backup-vault:copies"]
    error_message = "copies go to another account, and are kept as long"
  }
  assert {
    condition     = length(aws_backup_plan.volumes) == 1 && length(one(aws_backup_plan.volumes[0].rule).copy_action) == 0 && one(aws_backup_plan.volumes[0].rule).lifecycle[0].delete_after == 7
    error_message = "but not of volumes, whose key no other account can use"
  }
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/backup"
  }
  providers = {
    aws      = aws
    aws.copy = aws.copy
  }
  variables {
    keep_days      = 0
    name           = "A"
    copy_vault_arn = "copies"
  }
  expect_failures = [var.keep_days, var.name, var.copy_vault_arn]
}
