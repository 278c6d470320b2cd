variable "name" {
  description = "Name of the environment, e.g. code-keeper-dev; prefixes everything."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 40 lower-case letters, digits and dashes, starting with a letter."
  }
}

variable "cidr" {
  description = "IPv4 block of the network."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && can(regex("/(1[6-9]|20)$", var.cidr))
    error_message = "cidr must be an IPv4 block between /16 and /20, e.g. 10.0.0.0/16."
  }
}

variable "zones" {
  description = "Availability zones, two or three."
  type        = list(string)
  default     = ["eu-north-1a", "eu-north-1b"]

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 3 && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones must be two or three different zones: a cluster and a load balancer need two."
  }
  validation {
    condition     = alltrue([for z in var.zones : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", z))])
    error_message = "each zone must look like eu-north-1a."
  }
}

variable "public_subnets" {
  description = "One block per zone for load balancers and NAT; null: taken from cidr."
  type        = list(string)
  default     = null

  validation {
    condition     = alltrue([for b in coalesce(var.public_subnets, []) : can(cidrhost(b, 0))])
    error_message = "each public subnet must be an IPv4 block."
  }
}

variable "private_subnets" {
  description = "One block per zone for nodes and pods; null: taken from cidr."
  type        = list(string)
  default     = null

  validation {
    condition     = alltrue([for b in coalesce(var.private_subnets, []) : can(cidrhost(b, 0))])
    error_message = "each private subnet must be an IPv4 block."
  }
}

variable "database_subnets" {
  description = "One block per zone for databases and the broker; null: taken from cidr."
  type        = list(string)
  default     = null

  validation {
    condition     = alltrue([for b in coalesce(var.database_subnets, []) : can(cidrhost(b, 0))])
    error_message = "each database subnet must be an IPv4 block."
  }
}

variable "single_nat_gateway" {
  description = "One NAT gateway for all zones: cheaper, but its zone's failure cuts every zone off."
  type        = bool
  default     = false
}

variable "interface_endpoints" {
  description = "AWS services reached without the NAT; each costs per zone and hour. S3 is always there, free of charge."
  type        = set(string)
  default     = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sts"]
}

variable "kms_key_arn" {
  description = "Key that encrypts the flow logs."
  type        = string
}

variable "log_retention_days" {
  description = "Days that flow logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days must be one of the periods that CloudWatch knows, e.g. 7, 30, 90 or 365."
  }
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds what the roles made here may ever do; null: none."
  type        = string
  default     = null
}
