variable "name" {
  description = "Name of the environment and of the broker, e.g. code-keeper-staging."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 40 lower-case letters, digits and dashes, starting with a letter."
  }
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "subnet_ids" {
  description = "Database subnets; a single broker takes the first."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 1
    error_message = "subnet_ids must name a subnet."
  }
}

variable "client_security_group_id" {
  description = "Security group of those who may connect."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts secrets; messages are encrypted by a key of Amazon MQ's."
  type        = string
}

variable "deployment_mode" {
  description = "SINGLE_INSTANCE, or CLUSTER_MULTI_AZ: three nodes over the zones."
  type        = string
  default     = "CLUSTER_MULTI_AZ"

  validation {
    condition     = contains(["SINGLE_INSTANCE", "CLUSTER_MULTI_AZ"], var.deployment_mode)
    error_message = "deployment_mode must be SINGLE_INSTANCE or CLUSTER_MULTI_AZ."
  }
}

variable "engine_version" {
  description = "RabbitMQ version, 3.13 or newer: the queues are quorum queues."
  type        = string
  default     = "4.2"

  validation {
    condition     = can(regex("^(3\\.13|4\\.[0-9]+)$", var.engine_version))
    error_message = "engine_version must be 3.13 or 4.x."
  }
}

variable "instance_type" {
  description = "Size of each node."
  type        = string
  default     = "mq.m7g.medium"

  validation {
    condition     = startswith(var.instance_type, "mq.")
    error_message = "instance_type must look like mq.m7g.medium."
  }
}

variable "users" {
  description = "Services that have a user in the broker."
  type        = set(string)
  default     = ["gateway", "billing"]
}

variable "apply_immediately" {
  description = "Change the broker at once, and not in the maintenance window."
  type        = bool
  default     = false
}

variable "secret_recovery_days" {
  description = "Days in which a destroyed secret can be restored; 0: none, its name is free at once."
  type        = number
  default     = 7

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "secret_recovery_days must be 0 or between 7 and 30."
  }
}

variable "credentials_version" {
  description = "Raise it to make new passwords; run create-users afterwards."
  type        = number
  default     = 1
}
