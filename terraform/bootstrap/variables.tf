variable "region" {
  description = "Region of the state."
  type        = string
  default     = "eu-north-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must look like eu-north-1."
  }
}

variable "project" {
  description = "Name of the project; prefixes everything."
  type        = string
  default     = "code-keeper"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.project))
    error_message = "project must be 3 to 20 lower-case letters, digits and dashes, starting with a letter."
  }
}

variable "repository" {
  description = "GitHub repository whose workflows deploy: owner/name, or owner@ID/name@ID where its subject has ids; null: no deploy roles."
  type        = string
  default     = null

  validation {
    condition     = var.repository == null || can(regex("^([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+|[A-Za-z0-9_.-]+@[0-9]+/[A-Za-z0-9_.-]+@[0-9]+)$", var.repository))
    error_message = "repository must be owner/name or owner@ID/name@ID, and nothing else: a wildcard would let others in."
  }
}

variable "create_oidc_provider" {
  description = "Make GitHub's identity provider; false where the account has it already."
  type        = bool
  default     = true
}

variable "allow_destroy" {
  description = "Let the bucket be destroyed with the states in it, the registry with the images, the lock table and the keys; terraform/unprotect bootstrap sets it."
  type        = bool
  default     = false
}

variable "permissions_boundary" {
  description = "Name of the policy that bounds what the deploy roles may ever do (boundary.json); null: none."
  type        = string
  default     = "code-keeper-boundary"
}
