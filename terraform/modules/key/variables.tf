variable "name" {
  description = "Name of the environment, e.g. code-keeper-dev; becomes the alias."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 40 lower-case letters, digits and dashes, starting with a letter."
  }
}

variable "deletion_window_days" {
  description = "Days in which a deleted key can still be restored."
  type        = number
  default     = 30

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "deletion_window_days must be between 7 and 30."
  }
}

variable "backup_account" {
  description = "Account that copies of backups go to, which reads them with this key; null: none."
  type        = string
  default     = null

  validation {
    condition     = var.backup_account == null || can(regex("^[0-9]{12}$", var.backup_account))
    error_message = "backup_account must be twelve digits."
  }
}
