variable "project" {
  description = "Name of the project; with the environment it names clusters, and the registry is named after it."
  type        = string
  default     = "code-keeper"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.project))
    error_message = "project must be 3 to 20 lower-case letters, digits and dashes, starting with a letter."
  }
}

variable "repository" {
  description = "GitHub repository whose workflows deploy: owner/name, or owner@ID/name@ID where its subject has ids."
  type        = string

  validation {
    condition     = can(regex("^([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+|[A-Za-z0-9_.-]+@[0-9]+/[A-Za-z0-9_.-]+@[0-9]+)$", var.repository))
    error_message = "repository must be owner/name or owner@ID/name@ID, and nothing else: a wildcard would let others in."
  }
}

variable "signing_key_arn" {
  description = "ARN of the key that images are signed with."
  type        = string
}

variable "environments" {
  description = "Environments of the repository, each with a role of its own."
  type        = set(string)
  default     = ["dev", "staging", "production"]

  validation {
    condition     = alltrue([for e in var.environments : can(regex("^[a-z][a-z0-9]+$", e)) && e != "build"])
    error_message = "each environment must be a lower-case word, and not build, whose role is another."
  }
}

variable "create_provider" {
  description = "Make GitHub's identity provider; false where the account has it already."
  type        = bool
  default     = true
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds what the roles made here may ever do; null: none."
  type        = string
  default     = null
}
