# Shared by the environments, each of which has links to these files and says in its main.tf what it is.
locals {
  # By the last one the operator's policies know what not to delete.
  tags = { Project = "code-keeper", Environment = local.environment, ManagedBy = "terraform", Protected = tostring(local.protect) }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}

# CloudFront takes its certificate and its web ACL from here only.
provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"

  default_tags {
    tags = local.tags
  }
}

# Second home of the backups.
provider "aws" {
  alias  = "copy"
  region = var.copy_region

  default_tags {
    tags = local.tags
  }
}
