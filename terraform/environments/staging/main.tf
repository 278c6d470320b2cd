# The shape of production in its smallest sizes, and without its second copies.
locals {
  environment = "staging"
  protect     = false
}

module "environment" {
  source = "../../modules/environment"

  environment = local.environment
  protect     = local.protect

  cidr                = coalesce(var.cidr, "10.1.0.0/16")
  zones               = coalescelist(var.zones, ["${var.region}a", "${var.region}b"])
  single_nat_gateway  = true
  interface_endpoints = ["ecr.dkr", "secretsmanager"]

  managed_data = {
    database_class       = "db.t4g.micro"
    database_multi_az    = false
    database_connections = 70
    broker_type          = "mq.m7g.medium"
    broker_clustered     = false
  }

  # To be looked at here before production has it.
  traces = true

  backup_days        = 7
  log_retention_days = 14
  monthly_budget_usd = 510

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
