mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_data "aws_partition" {
  defaults = { partition = "aws" }
}

mock_data "aws_region" {
  defaults = { id = "eu-north-1", name = "eu-north-1" }
}

mock_data "aws_ec2_managed_prefix_list" {
  defaults = { id = "pl-cloudfront" }
}
