variable "name" {
  description = "Name of the environment, e.g. code-keeper-staging."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 40 lower-case letters, digits and dashes, starting with a letter."
  }
}

variable "database" {
  description = "Name of the database and of its service's user, e.g. inventory."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,30}$", var.database))
    error_message = "database must be a lower-case word."
  }
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "subnet_ids" {
  description = "Database subnets, in two zones or more."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name two subnets or more."
  }
}

variable "client_security_group_id" {
  description = "Security group of those who may connect."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts storage, secrets, logs and Performance Insights."
  type        = string
}

variable "engine_version" {
  description = "PostgreSQL version, 16 or newer; the major alone takes its newest minor."
  type        = string
  default     = "17"

  validation {
    condition     = can(regex("^(1[6-9]|[2-9][0-9])(\\.[0-9]+)?$", var.engine_version))
    error_message = "engine_version must be 16 or newer, e.g. 17 or 17.6."
  }
}

variable "instance_class" {
  description = "Size of the instance."
  type        = string
  default     = "db.t4g.small"

  validation {
    condition     = startswith(var.instance_class, "db.")
    error_message = "instance_class must look like db.t4g.small."
  }
}

variable "multi_az" {
  description = "Keep a standby in another zone; doubles the price."
  type        = bool
  default     = true
}

variable "storage_gib" {
  description = "Storage at the start, GiB."
  type        = number
  default     = 20

  validation {
    condition     = var.storage_gib >= 20
    error_message = "storage_gib must be 20 or more."
  }
}

variable "max_storage_gib" {
  description = "Storage grows by itself up to this, GiB."
  type        = number
  default     = 200

  validation {
    condition     = var.max_storage_gib >= 1.1 * var.storage_gib
    error_message = "max_storage_gib must be at least a tenth more than storage_gib, or storage cannot grow."
  }
}

variable "backup_retention_days" {
  description = "Days back to which the database can be restored, to the second."
  type        = number
  default     = 7

  validation {
    condition     = var.backup_retention_days >= 7 && var.backup_retention_days <= 35
    error_message = "backup_retention_days must be between 7 and 35."
  }
}

variable "deletion_protection" {
  description = "Refuse to destroy the database."
  type        = bool
  default     = true
}

variable "final_snapshot" {
  description = "Keep a snapshot when the database is destroyed."
  type        = bool
  default     = true

  validation {
    condition     = var.final_snapshot || !var.deletion_protection
    error_message = "a database under deletion protection keeps its final snapshot."
  }
}

variable "apply_immediately" {
  description = "Change the instance at once, and not in the maintenance window."
  type        = bool
  default     = false
}

variable "secret_recovery_days" {
  description = "Days in which a destroyed secret can be restored; 0: none, its name is free at once."
  type        = number
  default     = 7

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "secret_recovery_days must be 0 or between 7 and 30."
  }
}

variable "credentials_version" {
  description = "Raise it to make a new password; run create-users afterwards."
  type        = number
  default     = 1
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds what the roles made here may ever do; null: none."
  type        = string
  default     = null
}

variable "snapshot" {
  description = "Snapshot that the database is made from, and the key that it is encrypted with; null: it is made empty. Only at its making: later changes do nothing, but the key has to stay."
  type        = object({ id = string, kms_key_arn = string })
  default     = null
}
