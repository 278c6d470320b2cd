variable "region" {
  description = "Region of the environment."
  type        = string
  default     = "eu-north-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must look like eu-north-1."
  }
}

variable "zones" {
  description = "Availability zones, two or three; empty: a, b and, in production, c of the region."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for zone in var.zones : startswith(zone, var.region)])
    error_message = "zones must be of the region."
  }
}

variable "copy_region" {
  description = "Region that copies of backups go to, where they are made."
  type        = string
  default     = "eu-west-1"
}

variable "admin_principals" {
  description = "IAM roles or users that administer the cluster, by a short name; whoever applies is not one by that alone."
  type        = map(string)

  validation {
    condition     = length(var.admin_principals) > 0
    error_message = "admin_principals must name somebody, or nobody can reach the cluster."
  }
}

variable "deployer_principals" {
  description = "IAM roles that deploy into the namespace, by a short name; bootstrap prints them."
  type        = map(string)
  default     = {}
}

variable "public_access_cidrs" {
  description = "Networks from which the Kubernetes API is reached over the internet; empty: from inside only."
  type        = list(string)
  default     = []
}

variable "domain_name" {
  description = "Host name of the API; null: none."
  type        = string
  default     = null
}

variable "zone_id" {
  description = "Route 53 hosted zone of the domain."
  type        = string
  default     = null
}

variable "certificate" {
  description = "Certificate and key in PEM where there is no domain; self-signed-certificate writes them."
  type        = object({ body = string, private_key = string })
  default     = null
  sensitive   = true
}

variable "alarm_emails" {
  description = "Addresses that alarms and budget notices are sent to."
  type        = list(string)
  default     = []
}

variable "runbook_url" {
  description = "kustomize/runbooks as your team reads it; alarms link to its pages."
  type        = string
  default     = "https://example.com/code-keeper/kustomize/runbooks"
}

variable "cidr" {
  description = "IPv4 block of the network; null: the environment's own, which no other environment has. Another one makes a new network."
  type        = string
  default     = null
}

variable "issuer" {
  description = "OpenID Connect issuer of your own, whose tokens the gateway believes; null: one is made, with Amazon Cognito."
  type = object({
    url           = string
    audience      = string
    audience_in   = optional(string, "aud")
    jwks_url      = optional(string, "")
    subject_claim = optional(string, "sub")
    scope_claim   = optional(string, "scope")
  })
  default = null
}
