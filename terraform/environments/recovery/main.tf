# Production in another region, when its own is lost: from the nightly copies there (terraform/RESTORE.md). It has a name of its own,
# because names of roles and buckets are not a region's. Its state is in this folder at first: the bucket was in the region that is lost.
locals {
  environment = "recovery"
  protect     = var.protect
}

module "environment" {
  source = "../../modules/environment"

  environment = local.environment
  protect     = local.protect
  recoverable = true

  cidr  = coalesce(var.cidr, "10.3.0.0/16")
  zones = coalescelist(var.zones, ["${var.region}a", "${var.region}b", "${var.region}c"])

  # The other one is in the region that is lost.
  own_registry = true

  managed_data = {
    database_class          = "db.m7g.large"
    database_retention_days = 35
    database_connections    = 600
    database_gib            = 100
    database_max_gib        = 1000
    broker_type             = "mq.m7g.large"
  }

  database_snapshots = { for database, id in var.snapshots : database => { id = id, kms_key_arn = var.snapshot_key_arn } }

  # With a domain the only door is CloudFront's; without one the load balancer is public.
  cloudfront  = var.domain_name != null
  internal    = var.domain_name != null
  access_logs = true

  cross_region_copy  = true
  restore_testing    = true
  log_retention_days = 90
  monthly_budget_usd = 2500

  monthly_nodes_budget_usd = 400

  admin_principals    = var.admin_principals
  deployer_principals = var.deployer_principals
  public_access_cidrs = var.public_access_cidrs
  domain_name         = var.domain_name
  zone_id             = var.zone_id
  certificate         = var.certificate
  issuer              = var.issuer
  alarm_emails        = var.alarm_emails
  runbook_url         = var.runbook_url

  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
    aws.copy      = aws.copy
  }
}

output "signing_key" {
  description = "Key that images are signed with here, as cosign names it."
  value       = module.environment.signing_key
}

variable "protect" {
  description = "Refuse to destroy or replace what holds data, the load balancer and the distribution; terraform/unprotect takes it away."
  type        = bool
  default     = true
}

variable "snapshots" {
  description = "Copied snapshots of the databases (inventory and billing), as AWS Backup has them in this region; empty: databases without data."
  type        = map(string)
  default     = {}
}

variable "snapshot_key_arn" {
  description = "Key that the copies are encrypted with: that of their vault."
  type        = string
  default     = null

  validation {
    condition     = length(var.snapshots) == 0 || var.snapshot_key_arn != null
    error_message = "snapshot_key_arn must be the key of the vault that the snapshots are in."
  }
}
