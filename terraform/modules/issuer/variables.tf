variable "name" {
  description = "Name of the environment with the project, e.g. code-keeper-dev: of the user pool, and what tokens are meant for."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,40}[a-z0-9]$", var.name)) && !can(regex("aws|amazon|cognito", var.name))
    error_message = "name must be a short lower-case name, without aws, amazon or cognito: AWS takes none of them in a domain."
  }
}

variable "machine_scopes" {
  description = "What the machine client may do."
  type        = set(string)
  default     = ["movies:write", "orders:read", "orders:write"]

  validation {
    condition = length(var.machine_scopes) > 0 && length(setsubtract(
      var.machine_scopes, ["movies:write", "movies:clear", "orders:read", "orders:write", "orders:any", "operations"],
    )) == 0
    error_message = "machine_scopes must name scopes of the API."
  }
}

variable "token_minutes" {
  description = "Minutes for which a token is good."
  type        = number
  default     = 60

  validation {
    condition     = var.token_minutes >= 5 && var.token_minutes <= 1440
    error_message = "token_minutes must be between 5 and 1440: Cognito takes no other."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the secret of the machine client."
  type        = string
}

variable "secret_recovery_days" {
  description = "Days in which a destroyed secret can be restored; 0: none, its name is free at once."
  type        = number
  default     = 7
}

variable "deletion_protection" {
  description = "Refuse to delete the user pool, and with it every client."
  type        = bool
  default     = false
}
