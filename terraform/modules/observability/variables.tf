variable "name" {
  description = "Name of the environment, e.g. code-keeper-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 40 lower-case letters, digits and dashes, starting with a letter."
  }
}

variable "environment" {
  description = "Value of the tag Environment, which a budget counts by."
  type        = string
}

variable "cluster_name" {
  description = "Name of the cluster."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the application."
  type        = string
  default     = "code-keeper"
}

variable "metric_namespace" {
  description = "CloudWatch namespace of the application's metrics."
  type        = string
  default     = "CodeKeeper"
}

variable "application_log_group" {
  description = "Log group of the containers' logs; null: no CloudWatch agent runs, and what counts on it is left out."
  type        = string
  default     = null
}

variable "load_balancer" {
  description = "Load balancer, as its metrics have it."
  type        = string
}

variable "target_group" {
  description = "Target group, as its metrics have it."
  type        = string
}

variable "databases" {
  description = "Identifiers of RDS instances, by the name of the database."
  type        = map(string)
  default     = {}
}

variable "broker" {
  description = "Name of the Amazon MQ broker; null: none."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "Key that encrypts notifications."
  type        = string
}

variable "alarm_emails" {
  description = "Addresses that alarms and budget notices are sent to; each has to confirm."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for a in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", a))])
    error_message = "alarm_emails must be e-mail addresses."
  }
}

variable "runbook_url" {
  description = "Folder of the runbooks (kustomize/runbooks) as your team reads it; each alarm links to its page there."
  type        = string

  validation {
    condition     = can(regex("^https://.*[^/]$", var.runbook_url)) && !endswith(var.runbook_url, ".md")
    error_message = "runbook_url must be the https address of a folder, without a slash at its end."
  }
}

variable "billing_pods" {
  description = "Pods of billing whose restarts are watched: billing-0 and on."
  type        = number
  default     = 3

  validation {
    condition     = var.billing_pods >= 1 && var.billing_pods <= 10
    error_message = "billing_pods must be between 1 and 10: an alarm reads ten metrics at most."
  }
}

variable "latency_seconds" {
  description = "Latency at the 99th percentile that raises an alarm, seconds; reading one order, which may wait, does not count."
  type        = number
  default     = 1

  validation {
    condition     = var.latency_seconds > 0
    error_message = "latency_seconds must be above 0."
  }
}

variable "queue_wait_seconds" {
  description = "Waiting time of orders that raises an alarm, seconds."
  type        = number
  default     = 300

  validation {
    condition     = var.queue_wait_seconds >= 60
    error_message = "queue_wait_seconds must be 60 or more."
  }
}

variable "database_free_gib" {
  description = "Free storage of a database below which an alarm is raised, GiB."
  type        = number
  default     = 2
}

variable "database_connections" {
  description = "Connections to a database above which an alarm is raised."
  type        = number
  default     = 120
  nullable    = false
}

variable "database_memory_mib" {
  description = "Free memory of a database below which an alarm is raised, MiB."
  type        = number
  default     = 64

  validation {
    condition     = var.database_memory_mib > 0
    error_message = "database_memory_mib must be above 0."
  }
}

variable "backup_vault" {
  description = "Name of the vault of backups; null: none are made."
  type        = string
  default     = null
}

variable "backup_copied" {
  description = "Whether what is in that vault is copied to another."
  type        = bool
  default     = false
}

variable "backup_restored" {
  description = "Whether what is in that vault is restored now and then for a test."
  type        = bool
  default     = false
}

variable "certificates" {
  description = "ARNs of certificates whose end is watched, by a name for each."
  type        = map(string)
  default     = {}
}

variable "monthly_budget_usd" {
  description = "Budget of a month in US dollars, without Auto Mode's nodes; null: none."
  type        = number
  default     = null

  validation {
    condition     = var.monthly_budget_usd == null ? true : var.monthly_budget_usd > 0
    error_message = "monthly_budget_usd must be above 0."
  }
}

variable "monthly_nodes_budget_usd" {
  description = "Budget of a month for Auto Mode's nodes and volumes in US dollars; null: none."
  type        = number
  default     = null

  validation {
    condition     = var.monthly_nodes_budget_usd == null ? true : var.monthly_nodes_budget_usd > 0
    error_message = "monthly_nodes_budget_usd must be above 0."
  }
}
