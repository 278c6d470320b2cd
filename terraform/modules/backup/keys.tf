# Keys of the vaults' own: whoever may use the environment's key opens no backup with it.
locals {
  key_arn = var.kms_key_arn == null ? aws_kms_key.this[0].arn : var.kms_key_arn

  key_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # In a key policy "*" means this key only.
      Sid       = "AccountDecidesByIam"
      Effect    = "Allow"
      Principal = { AWS = "arn:${local.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_key" "this" {
  count = var.kms_key_arn == null ? 1 : 0

  description             = "${var.name}: backups"
  enable_key_rotation     = true
  deletion_window_in_days = var.force_destroy ? 7 : 30
  policy                  = local.key_policy

  tags = { Name = "${var.name}-backup" }
}

resource "aws_kms_key" "copy" {
  count    = var.cross_region_copy ? 1 : 0
  provider = aws.copy

  description             = "${var.name}: copies of backups"
  enable_key_rotation     = true
  deletion_window_in_days = var.force_destroy ? 7 : 30
  policy                  = local.key_policy

  tags = { Name = "${var.name}-copy" }
}
