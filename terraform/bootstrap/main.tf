provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = var.project, Environment = "bootstrap", ManagedBy = "terraform", Protected = tostring(!var.allow_destroy) }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

module "key" {
  source = "../modules/key"

  name = "${var.project}-state"
}

resource "aws_s3_bucket" "state" {
  # checkov:skip=CKV2_AWS_62: nobody waits for objects in this bucket
  # checkov:skip=CKV_AWS_144: a state describes one region, and is of no use without it
  # checkov:skip=CKV_AWS_18: versions say what changed, CloudTrail who did it
  bucket        = "${var.project}-state-${data.aws_caller_identity.current.account_id}"
  force_destroy = var.allow_destroy
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = module.key.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "state" {
  bucket = aws_s3_bucket.state.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.id
  rule {
    id     = "forget-old-states"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 90
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.state]
}

resource "aws_s3_bucket_policy" "state" {
  bucket = aws_s3_bucket.state.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.state.arn, "${aws_s3_bucket.state.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.state]
}

# Terraform locks with a file in the bucket (use_lockfile). The table is for older clients and for those
# who want to see the lock in a table; both are taken when both are configured.
resource "aws_dynamodb_table" "lock" {
  name                        = "${var.project}-lock"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "LockID"
  deletion_protection_enabled = !var.allow_destroy

  attribute {
    name = "LockID"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = module.key.arn
  }
}

module "identity" {
  source = "../modules/identity"
  count  = var.repository == null ? 0 : 1

  project         = var.project
  repository      = var.repository
  create_provider = var.create_oidc_provider
  signing_key_arn = module.registry.signing_key_arn

  permissions_boundary = var.permissions_boundary == null ? null : join(":", [
    "arn", data.aws_partition.current.partition, "iam", "", data.aws_caller_identity.current.account_id, "policy/${var.permissions_boundary}",
  ])
}

# Without the states nobody knows any more what belongs to an environment, and without the images nothing starts.
module "guard" {
  source = "../modules/guard"
  count  = var.allow_destroy ? 0 : 1

  things = merge(
    { bucket = aws_s3_bucket.state.arn, lock = aws_dynamodb_table.lock.arn, key = module.key.arn, signatures = module.registry.signing_key_arn },
    { for unit, arn in module.registry.arns : "images-${unit}" => arn },
  )

  depends_on = [
    aws_s3_bucket_versioning.state, aws_s3_bucket_server_side_encryption_configuration.state, aws_s3_bucket_public_access_block.state,
    aws_s3_bucket_ownership_controls.state, aws_s3_bucket_lifecycle_configuration.state, aws_s3_bucket_policy.state, module.identity, module.registry,
  ]
}
