variable "name" {
  description = "Name of the environment and of the load balancer, e.g. code-keeper-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 32 lower-case letters, digits and dashes, starting with a letter."
  }
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "subnet_ids" {
  description = "Where the load balancer stands: public subnets, or private ones where it is internal; two zones or more."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name two subnets or more."
  }
}

variable "pod_security_group_id" {
  description = "Security group of the pods."
  type        = string
}

variable "cluster_name" {
  description = "Cluster whose pods the target group takes."
  type        = string
}

variable "internal" {
  description = "Keep the load balancer inside the network."
  type        = bool
  default     = false
}

variable "allowed_cidrs" {
  description = "Networks whose clients reach the load balancer; not used behind CloudFront."
  type        = list(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for c in var.allowed_cidrs : can(cidrhost(c, 0))])
    error_message = "allowed_cidrs must be IPv4 blocks, one or more."
  }
}

variable "domain_name" {
  description = "Host name of the API; null: reached by the load balancer's name with a certificate of one's own."
  type        = string
  default     = null

  validation {
    condition     = var.domain_name == null || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", var.domain_name))
    error_message = "domain_name must be a host name, e.g. movies.example.com."
  }
}

variable "zone_id" {
  description = "Route 53 hosted zone of the domain."
  type        = string
  default     = null

  validation {
    condition     = (var.zone_id == null) == (var.domain_name == null)
    error_message = "domain_name and zone_id are given together or not at all."
  }
}

variable "certificate" {
  description = "Certificate and key in PEM for an environment without a domain; self-signed-certificate makes them."
  type        = object({ body = string, private_key = string })
  default     = null
  sensitive   = true

  validation {
    condition     = var.certificate == null || try(strcontains(var.certificate.body, "BEGIN CERTIFICATE") && strcontains(var.certificate.private_key, "PRIVATE KEY"), false)
    error_message = "certificate must hold a certificate and a private key in PEM."
  }
}

variable "cloudfront" {
  description = "Put CloudFront in front."
  type        = bool
  default     = false

  validation {
    condition     = !var.cloudfront || var.domain_name != null
    error_message = "CloudFront needs a domain_name: it trusts no self-signed certificate behind it."
  }
  validation {
    condition     = !var.cloudfront || var.internal
    error_message = "CloudFront needs internal = true: a public load balancer would be a way around it."
  }
}

variable "price_class" {
  description = "Where CloudFront answers from: PriceClass_100, PriceClass_200 or PriceClass_All."
  type        = string
  default     = "PriceClass_100"

  validation {
    condition     = contains(["PriceClass_100", "PriceClass_200", "PriceClass_All"], var.price_class)
    error_message = "price_class must be PriceClass_100, PriceClass_200 or PriceClass_All."
  }
}

variable "web_acl" {
  description = "Put the web application firewall at the outermost door."
  type        = bool
  default     = true
}

variable "rate_limit" {
  description = "Requests that one address may make in five minutes."
  type        = number
  default     = 10000
}

variable "block_free_text" {
  description = "Let AWS's rules that read bodies and queries block; false: they count, and the log has what they would have blocked."
  type        = bool
  default     = false
}

variable "access_logs" {
  description = "Keep the load balancer's access logs for 90 days."
  type        = bool
  default     = false
}

variable "deletion_protection" {
  description = "Refuse to destroy the load balancer and its logs."
  type        = bool
  default     = false
}

variable "kms_key_arn" {
  description = "Key that encrypts the firewall's log in this region."
  type        = string
}

variable "log_retention_days" {
  description = "Days that the firewall's log is kept."
  type        = number
  default     = 30
}
