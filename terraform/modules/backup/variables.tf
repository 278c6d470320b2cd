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
  description = "Key that encrypts the vault; null: one of its own is made. A vault keeps the key that it was made with."
  type        = string
  default     = null
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

variable "vault_lock" {
  description = "Lock the vaults: nobody deletes a backup that is younger than min_days. With final_after_days the lock can be removed for so many days only, and then never; null: no lock."
  type        = object({ min_days = number, final_after_days = optional(number) })
  default     = null

  validation {
    condition     = try(var.vault_lock.min_days >= 1 && var.vault_lock.min_days <= var.keep_days, var.vault_lock == null)
    error_message = "vault_lock.min_days must be between 1 and keep_days: a backup that ends earlier is refused by the vault."
  }
  validation {
    condition     = try(var.vault_lock.final_after_days == null || var.vault_lock.final_after_days >= 3, var.vault_lock == null)
    error_message = "vault_lock.final_after_days must be 3 or more."
  }
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

variable "copy_vault_arn" {
  description = "Vault in another account of the organisation, in the same region, that each backup of a database is copied to as well, volumes are not; its policy lets this account do so. null: none."
  type        = string
  default     = null

  validation {
    condition     = var.copy_vault_arn == null || can(regex("^arn:aws[a-z-]*:backup:[a-z0-9-]+:[0-9]{12}:backup-vault:", var.copy_vault_arn))
    error_message = "copy_vault_arn must be the ARN of a backup vault."
  }
}

variable "restore_testing" {
  description = "Once a month the newest backup of each database is restored into this subnet group and security group, looked at for an hour, and deleted again; null: not."
  type        = object({ subnet_group = string, security_group_id = string })
  default     = null
}
