variable "name" {
  description = "Name of the cluster, e.g. code-keeper-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 40 lower-case letters, digits and dashes, starting with a letter."
  }
}

variable "kubernetes_version" {
  description = "Kubernetes minor version, 1.35 or newer."
  type        = string
  default     = "1.36"

  validation {
    condition     = can(regex("^1\\.(3[5-9]|[4-9][0-9])$", var.kubernetes_version))
    error_message = "kubernetes_version must be 1.35 or newer, e.g. 1.35."
  }
}

variable "subnet_ids" {
  description = "Private subnets of nodes and pods, in two zones or more."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids must name two subnets or more."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts Kubernetes secrets and logs."
  type        = string
}

variable "public_access_cidrs" {
  description = "Networks from which the Kubernetes API is reached over the internet; empty: from inside the network only."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for c in var.public_access_cidrs : can(cidrhost(c, 0))])
    error_message = "each of public_access_cidrs must be an IPv4 block."
  }
  validation {
    condition     = !anytrue([for c in var.public_access_cidrs : endswith(c, "/0")])
    error_message = "the Kubernetes API is not opened to the whole internet: name the networks of the operators."
  }
}

variable "node_pools" {
  description = "Built-in node pools of Auto Mode."
  type        = set(string)
  default     = ["general-purpose", "system"]

  validation {
    condition     = length(var.node_pools) > 0 && alltrue([for p in var.node_pools : contains(["general-purpose", "system"], p)])
    error_message = "node_pools must be general-purpose, system or both."
  }
}

variable "node_groups" {
  description = "Managed node groups beside Auto Mode, by name."
  type = map(object({
    instance_types = list(string)
    ami_type       = optional(string, "AL2023_x86_64_STANDARD")
    capacity_type  = optional(string, "ON_DEMAND")
    min_size       = optional(number, 1)
    max_size       = optional(number, 3)
    disk_gib       = optional(number, 40)
    labels         = optional(map(string), {})
    taints         = optional(list(object({ key = string, value = optional(string), effect = string })), [])
  }))
  default = {}

  validation {
    condition     = alltrue([for g in values(var.node_groups) : contains(["ON_DEMAND", "SPOT"], g.capacity_type)])
    error_message = "capacity_type must be ON_DEMAND or SPOT."
  }
  validation {
    condition     = alltrue([for g in values(var.node_groups) : g.min_size >= 0 && g.max_size >= max(1, g.min_size)])
    error_message = "max_size must be at least 1 and at least min_size."
  }
  validation {
    condition     = alltrue([for g in values(var.node_groups) : length(g.instance_types) > 0])
    error_message = "instance_types must name one type or more."
  }
  validation {
    condition = alltrue(flatten([for g in values(var.node_groups) : [for t in g.taints :
      contains(["NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE"], t.effect)
    ]]))
    error_message = "a taint's effect must be NO_SCHEDULE, NO_EXECUTE or PREFER_NO_SCHEDULE."
  }
}

variable "admin_principals" {
  description = "IAM roles or users that administer the cluster, by a short name."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for a in values(var.admin_principals) : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/", a))])
    error_message = "each admin principal must be the ARN of a role or user."
  }
}

variable "deployer_principals" {
  description = "IAM roles that deploy into the namespace, by a short name."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for a in values(var.deployer_principals) : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/", a))])
    error_message = "each deployer principal must be the ARN of a role."
  }
}

variable "namespace" {
  description = "Kubernetes namespace of the application."
  type        = string
  default     = "code-keeper"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace must be a Kubernetes name."
  }
}

variable "service_account_secrets" {
  description = "ARNs of the secrets that each service account reads; none: no role."
  type        = map(list(string))
  default     = {}
}

variable "secrets_store" {
  description = "Install the Secrets Store CSI driver with the AWS provider."
  type        = bool
  default     = true
}

variable "snapshot_controller" {
  description = "Install the snapshot controller."
  type        = bool
  default     = true
}

variable "container_insights" {
  description = "Install the CloudWatch agent: Container Insights, logs of containers, metrics of the application."
  type        = bool
  default     = true
}

variable "traces" {
  description = "Have the CloudWatch agent take spans of the application, and send them to X-Ray."
  type        = bool
  default     = false

  validation {
    condition     = !var.traces || var.container_insights
    error_message = "traces needs container_insights, which brings the agent."
  }
}

variable "addon_versions" {
  description = "Versions of add-ons by their names, e.g. { metrics-server = \"v0.8.0-eksbuild.2\" }; one that is not named keeps the version it was made with."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([for name, version in var.addon_versions : contains([
      "vpc-cni", "kube-proxy", "eks-pod-identity-agent", "coredns", "metrics-server", "snapshot-controller", "aws-secrets-store-csi-driver-provider",
    ], name) && can(regex("^v[0-9]+\\.", version))])
    error_message = "addon_versions must name add-ons of this module, each with a version like v0.8.0-eksbuild.2; CloudWatch's has cloudwatch_addon_version."
  }
}

variable "cloudwatch_addon_version" {
  description = "Version of the add-on amazon-cloudwatch-observability, 6.2 or newer: older ones do not know its settings. Kubernetes 1.36 wants 6.4 or newer."
  type        = string
  default     = "v6.6.0-eksbuild.1"

  validation {
    condition     = can(regex("^v(6\\.([2-9]|[1-9][0-9])|[7-9]|[1-9][0-9])\\.", var.cloudwatch_addon_version))
    error_message = "cloudwatch_addon_version must be v6.2 or newer, e.g. v6.6.0-eksbuild.1."
  }
}

variable "metric_namespace" {
  description = "CloudWatch namespace of the application's metrics."
  type        = string
  default     = "CodeKeeper"
}

variable "log_retention_days" {
  description = "Days that logs of the control plane and of containers are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days must be one of the periods that CloudWatch knows, e.g. 7, 30, 90 or 365."
  }
}

variable "tags" {
  description = "Tags for instances and volumes of node groups, which the provider's default tags do not reach."
  type        = map(string)
  default     = {}
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds what the roles made here may ever do; null: none."
  type        = string
  default     = null
}
