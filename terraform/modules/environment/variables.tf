variable "project" {
  description = "Name of the project."
  type        = string
  default     = "code-keeper"
}

variable "environment" {
  description = "Name of the environment: dev, staging or production. With the project it names everything."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,10}$", var.environment))
    error_message = "environment must be a lower-case word of at most 11 characters."
  }
}

variable "protect" {
  description = "Refuse to destroy or replace what holds data, the load balancer and the distribution."
  type        = bool
}

variable "recoverable" {
  description = "What is destroyed can be restored for 30 days: final snapshots, secrets, and the key that they need."
  type        = bool
  default     = false

  validation {
    condition     = var.recoverable || !var.protect
    error_message = "a protected environment must be recoverable."
  }
}

variable "cidr" {
  description = "IPv4 block of the network."
  type        = string
  default     = "10.0.0.0/16"
}

variable "zones" {
  description = "Availability zones, two or three."
  type        = list(string)
}

variable "single_nat_gateway" {
  description = "One NAT gateway for all zones: cheaper, and less available."
  type        = bool
  default     = false
}

variable "interface_endpoints" {
  description = "AWS services reached without the NAT."
  type        = set(string)
  default     = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sts"]
}

variable "kubernetes_version" {
  description = "Kubernetes minor version."
  type        = string
  default     = "1.36"
}

variable "public_access_cidrs" {
  description = "Networks from which the Kubernetes API is reached over the internet; empty: from inside only."
  type        = list(string)
  default     = []
}

variable "container_insights" {
  description = "Watch pods and nodes, collect containers' logs and the application's metrics; without it most alarms do not exist."
  type        = bool
  default     = true
}

variable "own_registry" {
  description = "Make repositories of the environment's own; false: images come from bootstrap's, in the same region."
  type        = bool
  default     = false
}

variable "traces" {
  description = "Send traces of the application to X-Ray, where the overlay has the component traces/cloudwatch."
  type        = bool
  default     = false
}

variable "node_groups" {
  description = "Managed node groups beside Auto Mode; see the module cluster."
  type        = any
  default     = {}
}

variable "addon_versions" {
  description = "Versions of the cluster's add-ons by their names; one that is not named keeps the version it was made with."
  type        = map(string)
  default     = {}
}

variable "admin_principals" {
  description = "IAM roles or users that administer the cluster, by a short name."
  type        = map(string)
  default     = {}
}

variable "deployer_principals" {
  description = "IAM roles that deploy into the namespace, by a short name."
  type        = map(string)
  default     = {}
}

variable "namespace" {
  description = "Kubernetes namespace of the application."
  type        = string
  default     = "code-keeper"
}

variable "managed_data" {
  description = "Versions and sizes of RDS and Amazon MQ; null: PostgreSQL and RabbitMQ run in the cluster."
  type = object({
    database_version        = optional(string, "17")
    database_class          = optional(string, "db.t4g.small")
    database_multi_az       = optional(bool, true)
    database_gib            = optional(number, 20)
    database_max_gib        = optional(number, 200)
    database_retention_days = optional(number, 7)
    database_connections    = optional(number, 120) # more raise an alarm; a GiB of the class's memory allows about 100
    broker_version          = optional(string, "4.2")
    broker_type             = optional(string, "mq.m7g.medium")
    broker_clustered        = optional(bool, true)
  })
  default = null
}

variable "database_snapshots" {
  description = "Snapshots that the databases are made from, by the database's name, each with the key that it is encrypted with; empty: they are made empty."
  type        = map(object({ id = string, kms_key_arn = string }))
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.database_snapshots), ["inventory", "billing"])) == 0
    error_message = "database_snapshots must name inventory and billing."
  }
}

variable "issuer" {
  description = "Issuer of one's own, whose tokens the gateway believes (its settings auth.jwt); null: one is made, with Amazon Cognito."
  type = object({
    url           = string
    audience      = string
    audience_in   = optional(string, "aud")
    jwks_url      = optional(string, "")
    subject_claim = optional(string, "sub")
    scope_claim   = optional(string, "scope")
  })
  default = null

  validation {
    condition     = var.issuer == null ? true : can(regex("^https://[^@]+$", var.issuer.url)) && contains(["aud", "scopes"], var.issuer.audience_in)
    error_message = "issuer must have an address that begins with https://, and audience_in is aud or scopes."
  }
}

variable "credentials_version" {
  description = "Raise it to make new passwords for the services; run create-users afterwards."
  type        = number
  default     = 1
}

variable "internal" {
  description = "Keep the load balancer inside the network."
  type        = bool
  default     = false
}

variable "allowed_cidrs" {
  description = "Networks whose clients reach the load balancer; not used behind CloudFront."
  type        = list(string)
  default     = ["0.0.0.0/0"]
}

variable "domain_name" {
  description = "Host name of the API; null: none."
  type        = string
  default     = null
}

variable "zone_id" {
  description = "Route 53 hosted zone of the domain."
  type        = string
  default     = null
}

variable "certificate" {
  description = "Certificate and key in PEM where there is no domain."
  type        = object({ body = string, private_key = string })
  default     = null
  sensitive   = true
}

variable "cloudfront" {
  description = "Put CloudFront in front."
  type        = bool
  default     = false
}

variable "web_acl" {
  description = "Put the web application firewall at the outermost door."
  type        = bool
  default     = true
}

variable "rate_limit" {
  description = "Requests that one address may make in five minutes."
  type        = number
  default     = 10000
}

variable "block_free_text" {
  description = "Let AWS's rules that read bodies and queries block; false: they count, and the log has what they would have blocked."
  type        = bool
  default     = false
}

variable "access_logs" {
  description = "Keep the load balancer's access logs."
  type        = bool
  default     = false
}

variable "alarm_emails" {
  description = "Addresses that alarms are sent to."
  type        = list(string)
  default     = []
}

variable "runbook_url" {
  description = "Folder of the runbooks as your team reads it."
  type        = string
}

variable "monthly_budget_usd" {
  description = "Budget of a month in US dollars, without Auto Mode's nodes; null: none."
  type        = number
  default     = null
}

variable "monthly_nodes_budget_usd" {
  description = "Budget of a month for Auto Mode's nodes and volumes in US dollars; null: none."
  type        = number
  default     = null
}

variable "backup" {
  description = "Back up databases and volumes daily."
  type        = bool
  default     = true
}

variable "backup_days" {
  description = "Days that a backup is kept."
  type        = number
  default     = 35
}

variable "backup_key_arn" {
  description = "Key of a vault that was made with another; null: the vault has one of its own."
  type        = string
  default     = null
}

variable "cross_region_copy" {
  description = "Copy backups to the region of the provider aws.copy."
  type        = bool
  default     = false
}

variable "copy_vault_arn" {
  description = "Vault in another account of the organisation, in the same region, that each backup is copied to as well; null: none."
  type        = string
  default     = null
}

variable "restore_testing" {
  description = "Restore the newest backups of RDS once a month, and delete what was restored."
  type        = bool
  default     = false

  validation {
    condition     = !var.restore_testing || (var.backup && var.managed_data != null)
    error_message = "restore_testing needs backup and managed_data."
  }
}

variable "vault_lock" {
  description = "Lock the vaults: nobody deletes a backup that is younger than min_days. With final_after_days the lock can be removed for so many days only, and then never; null: no lock."
  type        = object({ min_days = number, final_after_days = optional(number) })
  default     = null
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}

variable "permissions_boundary" {
  description = "Name of the policy that bounds what roles may ever do; bootstrap/boundary.json, and the operator's policies want it. null: none."
  type        = string
  default     = "code-keeper-boundary"
}
