# A backup that was never restored is a hope. AWS Backup restores, notes how long that took, and deletes what it made, by a role of its own.
resource "aws_backup_restore_testing_plan" "this" {
  count = var.restore_testing == null ? 0 : 1

  # It takes no dashes.
  name                = replace(var.name, "-", "_")
  schedule_expression = "cron(0 8 2 * ? *)"
  start_window_hours  = 8

  recovery_point_selection {
    algorithm             = "LATEST_WITHIN_WINDOW"
    include_vaults        = [aws_backup_vault.this.arn]
    recovery_point_types  = ["SNAPSHOT"]
    selection_window_days = 7
  }
}

resource "aws_backup_restore_testing_selection" "databases" {
  count = var.restore_testing == null ? 0 : 1

  name                      = "databases"
  restore_testing_plan_name = aws_backup_restore_testing_plan.this[0].name
  protected_resource_type   = "RDS"
  protected_resource_arns   = var.database_arns
  iam_role_arn              = aws_iam_role.this.arn
  validation_window_hours   = 1

  # Without these it would be the account's default network, which need not be there.
  restore_metadata_overrides = {
    dbSubnetGroupName   = var.restore_testing.subnet_group
    vpcSecurityGroupIds = jsonencode([var.restore_testing.security_group_id])
  }

  depends_on = [aws_iam_role_policy_attachment.this]
}
