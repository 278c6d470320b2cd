terraform {
  required_version = ">= 1.11.4"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
      # us_east_1: certificate and web ACL of CloudFront; copy: second home of the backups.
      configuration_aliases = [aws.us_east_1, aws.copy]
    }
  }
}
