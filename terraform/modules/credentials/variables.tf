variable "name" {
  description = "Name of the secret, e.g. code-keeper-staging/billing-broker."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]+/[a-z][a-z0-9-]+$", var.name))
    error_message = "name must be environment/what."
  }
}

variable "description" {
  description = "Whose user it is, and where."
  type        = string
}

variable "username" {
  description = "Name of the user."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{1,30}$", var.username))
    error_message = "username must be a lower-case word."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the secret."
  type        = string
}

variable "credentials_version" {
  description = "Raise it to make a new password; run create-users afterwards."
  type        = number
  default     = 1
}

variable "recovery_days" {
  description = "Days in which a destroyed secret can be restored; 0: none, its name is free at once."
  type        = number
  default     = 7

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "recovery_days must be 0 or between 7 and 30."
  }
}
