data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  name    = "${var.project}-${var.environment}"
  managed = var.managed_data != null

  databases = local.managed ? toset(["inventory", "billing"]) : toset([])

  secret_recovery_days = var.recoverable ? 30 : 0

  account      = data.aws_caller_identity.current.account_id
  registry     = "${local.account}.dkr.ecr.${data.aws_region.current.id}.${data.aws_partition.current.dns_suffix}/${var.project}-images"
  repositories = var.own_registry ? module.registry[0].urls : { for unit in ["gateway", "inventory", "billing"] : unit => "${local.registry}/${unit}" }

  boundary = var.permissions_boundary == null ? null : join(":", [
    "arn", data.aws_partition.current.partition, "iam", "", data.aws_caller_identity.current.account_id, "policy/${var.permissions_boundary}",
  ])
}

module "key" {
  source = "../key"

  name                 = local.name
  deletion_window_days = var.recoverable ? 30 : 7
  backup_account       = try(split(":", var.copy_vault_arn)[4], null)
}

module "network" {
  source = "../network"

  name                 = local.name
  cidr                 = var.cidr
  zones                = var.zones
  single_nat_gateway   = var.single_nat_gateway
  interface_endpoints  = var.interface_endpoints
  kms_key_arn          = module.key.arn
  log_retention_days   = var.log_retention_days
  permissions_boundary = local.boundary
}

# Where bootstrap's registry is not: in another region.
module "registry" {
  source = "../registry"
  count  = var.own_registry ? 1 : 0

  name         = local.name
  kms_key_arn  = module.key.arn
  force_delete = !var.protect
  signing      = true
}

module "cluster" {
  source = "../cluster"

  name                 = local.name
  kubernetes_version   = var.kubernetes_version
  subnet_ids           = module.network.private_subnet_ids
  kms_key_arn          = module.key.arn
  public_access_cidrs  = var.public_access_cidrs
  node_groups          = var.node_groups
  addon_versions       = var.addon_versions
  admin_principals     = var.admin_principals
  deployer_principals  = var.deployer_principals
  namespace            = var.namespace
  secrets_store        = local.managed
  container_insights   = var.container_insights
  traces               = var.traces
  log_retention_days   = var.log_retention_days
  permissions_boundary = local.boundary
  tags                 = { Project = var.project, Environment = var.environment, ManagedBy = "terraform" }

  service_account_secrets = local.managed ? {
    gateway   = [module.broker[0].secret_arns["gateway"], aws_secretsmanager_secret.keys[0].arn]
    inventory = [module.database["inventory"].secret_arn]
    billing   = [module.database["billing"].secret_arn, module.broker[0].secret_arns["billing"]]
  } : {}
}

module "database" {
  source   = "../database"
  for_each = local.databases

  name                     = local.name
  database                 = each.value
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.database_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  kms_key_arn              = module.key.arn
  engine_version           = var.managed_data.database_version
  instance_class           = var.managed_data.database_class
  multi_az                 = var.managed_data.database_multi_az
  storage_gib              = var.managed_data.database_gib
  max_storage_gib          = var.managed_data.database_max_gib
  backup_retention_days    = var.managed_data.database_retention_days
  deletion_protection      = var.protect
  final_snapshot           = var.recoverable
  apply_immediately        = !var.protect
  secret_recovery_days     = local.secret_recovery_days
  credentials_version      = var.credentials_version
  snapshot                 = lookup(var.database_snapshots, each.value, null)
  log_retention_days       = var.log_retention_days
  permissions_boundary     = local.boundary
}

module "broker" {
  source = "../broker"
  count  = local.managed ? 1 : 0

  name                     = local.name
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.database_subnet_ids
  client_security_group_id = module.cluster.security_group_id
  kms_key_arn              = module.key.arn
  engine_version           = var.managed_data.broker_version
  instance_type            = var.managed_data.broker_type
  deployment_mode          = var.managed_data.broker_clustered ? "CLUSTER_MULTI_AZ" : "SINGLE_INSTANCE"
  apply_immediately        = !var.protect
  secret_recovery_days     = local.secret_recovery_days
  credentials_version      = var.credentials_version
}

# Where there is no issuer of one's own.
module "issuer" {
  source = "../issuer"
  count  = var.issuer == null ? 1 : 0

  name                 = local.name
  kms_key_arn          = module.key.arn
  secret_recovery_days = local.secret_recovery_days
  deletion_protection  = var.protect
}

module "edge" {
  source = "../edge"

  name                  = local.name
  vpc_id                = module.network.vpc_id
  subnet_ids            = var.internal ? module.network.private_subnet_ids : module.network.public_subnet_ids
  pod_security_group_id = module.cluster.security_group_id
  cluster_name          = module.cluster.name
  internal              = var.internal
  allowed_cidrs         = var.allowed_cidrs
  domain_name           = var.domain_name
  zone_id               = var.zone_id
  certificate           = var.certificate
  cloudfront            = var.cloudfront
  web_acl               = var.web_acl
  rate_limit            = var.rate_limit
  block_free_text       = var.block_free_text
  access_logs           = var.access_logs
  deletion_protection   = var.protect
  kms_key_arn           = module.key.arn
  log_retention_days    = var.log_retention_days

  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
}

module "observability" {
  source = "../observability"

  name               = local.name
  environment        = var.environment
  cluster_name       = module.cluster.name
  namespace          = var.namespace
  load_balancer      = module.edge.load_balancer_arn_suffix
  target_group       = module.edge.target_group_arn_suffix
  databases          = { for name, database in module.database : name => database.identifier }
  broker             = local.managed ? module.broker[0].name : null
  kms_key_arn        = module.key.arn
  alarm_emails       = var.alarm_emails
  runbook_url        = var.runbook_url
  monthly_budget_usd = var.monthly_budget_usd

  monthly_nodes_budget_usd = var.monthly_nodes_budget_usd

  application_log_group = module.cluster.application_log_group
  database_connections  = try(var.managed_data.database_connections, null)

  backup_vault    = var.backup ? module.backup[0].vault_name : null
  backup_copied   = var.backup && (var.cross_region_copy || var.copy_vault_arn != null)
  backup_restored = var.backup && var.restore_testing

  certificates = { load-balancer = module.edge.certificate_arn }
}

module "backup" {
  source = "../backup"
  count  = var.backup ? 1 : 0

  name                 = local.name
  cluster_name         = module.cluster.name
  database_arns        = [for database in module.database : database.arn]
  kms_key_arn          = var.backup_key_arn
  keep_days            = var.backup_days
  cross_region_copy    = var.cross_region_copy
  copy_vault_arn       = var.copy_vault_arn
  restore_testing      = var.restore_testing ? module.database["billing"].network : null
  vault_lock           = var.vault_lock
  force_destroy        = !var.protect
  permissions_boundary = local.boundary

  providers = {
    aws      = aws
    aws.copy = aws.copy
  }
}

# What holds data, and where clients come in; everything else it depends on is named below it.
module "guard" {
  source = "../guard"
  count  = var.protect ? 1 : 0

  things = merge(
    {
      key           = module.key.arn
      cluster       = module.cluster.arn
      load-balancer = module.edge.load_balancer_arn
    },
    var.cloudfront ? { distribution = module.edge.distribution_arn } : {},
    local.managed ? { broker = module.broker[0].arn } : {},
    var.issuer == null ? { issuer = module.issuer[0].arn } : {},
    { for name in local.databases : "database-${name}" => module.database[name].arn },
    { for name, arn in var.backup ? module.backup[0].vault_arns : {} : "backups-${name}" => arn },
    var.backup ? { backups-key = module.backup[0].key_arn } : {},
    var.own_registry ? { signatures = module.registry[0].signing_key_arn } : {},
    { for unit, arn in var.own_registry ? module.registry[0].arns : {} : "images-${unit}" => arn },
  )

  depends_on = [
    module.key, module.network, module.registry, module.cluster, module.database, module.broker, module.issuer, module.edge,
    module.observability, module.backup,
  ]
}
