# Cheap, and gone in one command: data in the cluster, one NAT gateway, no endpoint that costs by the hour.
locals {
  environment = "dev"
  protect     = false
}

module "environment" {
  source = "../../modules/environment"

  environment = local.environment
  protect     = local.protect

  cidr                = coalesce(var.cidr, "10.2.0.0/16")
  zones               = coalescelist(var.zones, ["${var.region}a", "${var.region}b"])
  single_nat_gateway  = true
  interface_endpoints = []

  backup             = false
  log_retention_days = 7
  monthly_budget_usd = 280

  monthly_nodes_budget_usd = 190

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
