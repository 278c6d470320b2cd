terraform {
  required_version = ">= 1.11.4"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
      # CloudFront takes its certificate and its web ACL from us-east-1 only.
      configuration_aliases = [aws.us_east_1]
    }
  }
}
