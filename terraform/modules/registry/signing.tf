data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

# Who builds signs with it; who deploys sees that an image was built there and nowhere else. Its private half never leaves AWS.
resource "aws_kms_key" "signing" {
  # checkov:skip=CKV_AWS_7: AWS renews no asymmetric keys by itself
  count = var.signing ? 1 : 0

  description              = "${var.name}: signatures of images"
  key_usage                = "SIGN_VERIFY"
  customer_master_key_spec = "ECC_NIST_P256"
  deletion_window_in_days  = var.force_delete ? 7 : 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # In a key policy "*" means this key only.
      Sid       = "AccountDecidesByIam"
      Effect    = "Allow"
      Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })

  tags = { Name = "${var.name}-signing" }
}

resource "aws_kms_alias" "signing" {
  count = var.signing ? 1 : 0

  name          = "alias/${var.name}-signing"
  target_key_id = aws_kms_key.signing[0].key_id
}
