locals {
  tags = { Project = "code-keeper", Environment = "dev", ManagedBy = "terraform" }
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
