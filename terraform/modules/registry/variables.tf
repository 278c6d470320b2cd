variable "name" {
  description = "First part of each repository's name, e.g. code-keeper-images."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 40 lower-case letters, digits and dashes, starting with a letter."
  }
}

variable "units" {
  description = "Units that have an image."
  type        = set(string)
  default     = ["gateway", "inventory", "billing"]

  validation {
    condition     = length(var.units) > 0
    error_message = "units must name one unit or more."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the images."
  type        = string
}

variable "keep_images" {
  description = "Versions kept per repository: the newest that were built, and of each environment in promoted the newest that came there."
  type        = number
  default     = 30

  validation {
    condition     = var.keep_images >= 5
    error_message = "keep_images must be 5 or more: a roll-back needs older images."
  }
}

variable "promoted" {
  description = "Environments whose images are kept whatever is built later, by the tag ENVIRONMENT-VERSION that kustomize/promote gives them."
  type        = set(string)
  default     = ["staging", "production"]
}

variable "signing" {
  description = "Make a key that images are signed with."
  type        = bool
  default     = false
}

variable "force_delete" {
  description = "Destroy repositories that still hold images."
  type        = bool
  default     = false
}
