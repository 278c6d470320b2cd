variable "name" {
  description = "Name of the environment, of the vault and of the plan."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 40 lower-case letters, digits and dashes, starting with a letter."
  }
}

variable "cluster_name" {
  description = "Cluster whose volumes are backed up."
  type        = string
}

variable "database_arns" {
  description = "ARNs of the databases that are backed up."
  type        = list(string)
  default     = []
}

variable "kms_key_arn" {
  description = "Key that encrypts the backups."
  type        = string
}

variable "keep_days" {
  description = "Days that a backup is kept."
  type        = number
  default     = 35

  validation {
    condition     = var.keep_days >= 1 && var.keep_days <= 3650
    error_message = "keep_days must be between 1 and 3650."
  }
}

variable "cross_region_copy" {
  description = "Copy each backup to the region of the provider aws.copy."
  type        = bool
  default     = false
}

variable "force_destroy" {
  description = "Destroy vaults that still hold backups, and the backups with them."
  type        = bool
  default     = false
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds what the roles made here may ever do; null: none."
  type        = string
  default     = null
}
