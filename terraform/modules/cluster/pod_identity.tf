locals {
  readers = { for account, secrets in var.service_account_secrets : account => secrets if length(secrets) > 0 }
}

resource "aws_iam_role" "service_account" {
  for_each = local.readers

  name                 = "${var.name}-${each.key}"
  permissions_boundary = var.permissions_boundary
  assume_role_policy   = local.pod_trust
}

# Each service reads its own secrets and nobody else's.
resource "aws_iam_role_policy" "service_account" {
  for_each = local.readers

  name = "read-own-secrets"
  role = aws_iam_role.service_account[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
        Resource = each.value
      },
      {
        Effect    = "Allow"
        Action    = "kms:Decrypt"
        Resource  = var.kms_key_arn
        Condition = { StringLike = { "kms:ViaService" = "secretsmanager.*.amazonaws.com" } }
      },
    ]
  })
}

resource "aws_eks_pod_identity_association" "service_account" {
  for_each = local.readers

  cluster_name    = aws_eks_cluster.this.name
  namespace       = var.namespace
  service_account = each.key
  role_arn        = aws_iam_role.service_account[each.key].arn
}
