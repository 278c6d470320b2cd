variable "name" {
  description = "Name of the web ACL."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,48}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 50 lower-case letters, digits and dashes, starting with a letter."
  }
}

variable "scope" {
  description = "REGIONAL for a load balancer, CLOUDFRONT for a distribution."
  type        = string

  validation {
    condition     = contains(["REGIONAL", "CLOUDFRONT"], var.scope)
    error_message = "scope must be REGIONAL or CLOUDFRONT."
  }
}

variable "rate_limit" {
  description = "Requests that one address may make in five minutes."
  type        = number
  default     = 10000

  validation {
    condition     = var.rate_limit >= 100 && var.rate_limit <= 2000000000
    error_message = "rate_limit must be 100 or more."
  }
}

variable "block_free_text" {
  description = "Let AWS's rules that read bodies and queries block; false: they count, and the log has what they would have blocked."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "Key that encrypts the log; null: the service's own."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Days that the log of stopped requests is kept."
  type        = number
  default     = 30
}
