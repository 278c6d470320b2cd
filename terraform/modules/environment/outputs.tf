output "kustomize_values" {
  description = "Values of the overlay, KEY=VALUE by line; empty where the environment has not that thing."
  value       = join("", [for key, value in local.kustomize_values : "${key}=${value}\n"])
}

output "cluster_name" {
  description = "Name of the cluster."
  value       = module.cluster.name
}

output "kubeconfig_command" {
  description = "Command that lets kubectl reach the cluster."
  value       = "aws eks update-kubeconfig --region ${data.aws_region.current.id} --name ${module.cluster.name}"
}

output "url" {
  description = "Where clients reach the API."
  value       = module.edge.url
}

output "dashboard_url" {
  description = "The dashboard in the console."
  value       = module.observability.dashboard_url
}

output "users" {
  description = "What create-users needs: hosts, and the names of secrets."
  value = {
    databases = { for name, database in module.database : name => {
      host          = database.host
      admin_secret  = database.master_secret_arn
      user_secret   = database.secret_name
      database_name = name
    } }
    broker = local.managed ? {
      host         = module.broker[0].host
      admin_secret = module.broker[0].admin_secret_name
      user_secrets = module.broker[0].secret_names
    } : null
  }
}

output "machine_client" {
  description = "The machine client of the issuer that was made: id, name of its secret, where it gets tokens; null where the issuer is one's own."
  value       = one(module.issuer[*].machine_client)
}

output "signing_key" {
  description = "Key that images of the environment's own registry are signed with, as cosign names it; null: there is no such registry."
  value       = one([for registry in module.registry : "awskms:///${registry.signing_key_alias}"])
}

locals {
  jwt = var.issuer == null ? module.issuer[0].settings : merge(var.issuer, { issuer = var.issuer.url })

  kustomize_values = {
    AWS_REGION            = data.aws_region.current.id
    CLUSTER_NAME          = module.cluster.name
    GATEWAY_REPOSITORY    = local.repositories["gateway"]
    INVENTORY_REPOSITORY  = local.repositories["inventory"]
    BILLING_REPOSITORY    = local.repositories["billing"]
    TARGET_GROUP_ARN      = module.edge.target_group_arn
    LOAD_BALANCER_CIDRS   = join(",", var.internal ? module.network.private_subnet_cidrs : module.network.public_subnet_cidrs)
    TRUSTED_PROXIES       = var.cloudfront ? 2 : 1
    DNS_CIDR              = "${module.cluster.dns_address}/32"
    NODE_CIDRS            = join(",", module.network.private_subnet_cidrs)
    DATABASE_CIDRS        = local.managed ? join(",", module.network.database_subnet_cidrs) : ""
    INVENTORY_DB_HOST     = local.managed ? module.database["inventory"].host : ""
    BILLING_DB_HOST       = local.managed ? module.database["billing"].host : ""
    BROKER_HOST           = local.managed ? module.broker[0].host : ""
    INVENTORY_DB_SECRET   = local.managed ? module.database["inventory"].secret_name : ""
    BILLING_DB_SECRET     = local.managed ? module.database["billing"].secret_name : ""
    GATEWAY_BROKER_SECRET = local.managed ? module.broker[0].secret_names["gateway"] : ""
    BILLING_BROKER_SECRET = local.managed ? module.broker[0].secret_names["billing"] : ""
    GATEWAY_KEYS_SECRET   = local.managed ? aws_secretsmanager_secret.keys[0].name : ""
    JWT_ISSUER            = local.jwt.issuer
    JWT_JWKS_URL          = local.jwt.jwks_url
    JWT_AUDIENCE          = local.jwt.audience
    JWT_AUDIENCE_IN       = local.jwt.audience_in
    JWT_SUBJECT_CLAIM     = local.jwt.subject_claim
    JWT_SCOPE_CLAIM       = local.jwt.scope_claim
    TRACES_ENDPOINT       = module.cluster.traces_endpoint == null ? "" : module.cluster.traces_endpoint
  }
}
