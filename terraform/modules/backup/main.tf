data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  partition = data.aws_partition.current.partition
}

# What is in a vault is removed with the role that put it there: the role goes last.
resource "aws_backup_vault" "this" {
  name          = var.name
  kms_key_arn   = local.key_arn
  force_destroy = var.force_destroy

  depends_on = [aws_iam_role_policy_attachment.this]
}

# The copy outlives the region. It is encrypted by a key of its own region.
resource "aws_backup_vault" "copy" {
  count    = var.cross_region_copy ? 1 : 0
  provider = aws.copy

  name          = "${var.name}-copy"
  kms_key_arn   = aws_kms_key.copy[0].arn
  force_destroy = var.force_destroy

  depends_on = [aws_iam_role_policy_attachment.this]
}

resource "aws_backup_plan" "this" {
  name = var.name

  rule {
    rule_name         = "daily"
    target_vault_name = aws_backup_vault.this.name
    schedule          = "cron(0 4 * * ? *)"
    start_window      = 60
    completion_window = 240

    lifecycle {
      delete_after = var.keep_days
    }

    dynamic "copy_action" {
      for_each = aws_backup_vault.copy
      content {
        destination_vault_arn = copy_action.value.arn
        lifecycle {
          delete_after = var.keep_days
        }
      }
    }

    dynamic "copy_action" {
      for_each = var.copy_vault_arn == null ? [] : [var.copy_vault_arn]
      content {
        destination_vault_arn = copy_action.value
        lifecycle {
          delete_after = var.keep_days
        }
      }
    }
  }
}

# Volumes have a plan of their own where databases go to another account: claims are encrypted with AWS's key for EBS, and
# its snapshots can go to another region, but to no other account.
resource "aws_backup_plan" "volumes" {
  count = var.copy_vault_arn == null ? 0 : 1

  name = "${var.name}-volumes"

  rule {
    rule_name         = "daily"
    target_vault_name = aws_backup_vault.this.name
    schedule          = "cron(0 4 * * ? *)"
    start_window      = 60
    completion_window = 240

    lifecycle {
      delete_after = var.keep_days
    }

    dynamic "copy_action" {
      for_each = aws_backup_vault.copy
      content {
        destination_vault_arn = copy_action.value.arn
        lifecycle {
          delete_after = var.keep_days
        }
      }
    }
  }
}

# AWS Backup tries the role when it is given a selection: it is refused before it may do what it is for.
resource "aws_backup_selection" "databases" {
  count = length(var.database_arns) > 0 ? 1 : 0

  name         = "databases"
  plan_id      = aws_backup_plan.this.id
  iam_role_arn = aws_iam_role.this.arn
  resources    = var.database_arns

  depends_on = [aws_iam_role_policy_attachment.this]
}

# Volumes come and go with claims in the cluster. Auto Mode marks them with its cluster's name, but also its nodes' disks, which
# are worth nothing; only claims' volumes have the other tag.
resource "aws_backup_selection" "volumes" {
  name         = "volumes"
  plan_id      = try(aws_backup_plan.volumes[0].id, aws_backup_plan.this.id)
  iam_role_arn = aws_iam_role.this.arn
  resources    = ["arn:${local.partition}:ec2:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:volume/*"]

  condition {
    string_equals {
      key   = "aws:ResourceTag/eks:eks-cluster-name"
      value = var.cluster_name
    }
    string_like {
      key   = "aws:ResourceTag/CSIVolumeName"
      value = "*"
    }
  }

  depends_on = [aws_iam_role_policy_attachment.this]
}

resource "aws_iam_role" "this" {
  name                 = "${var.name}-backup"
  permissions_boundary = var.permissions_boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "backup.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "this" {
  for_each = toset(["AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores"])

  role       = aws_iam_role.this.name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/${each.value}"
}
