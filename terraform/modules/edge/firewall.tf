# It stands at the outermost door, where it sees the clients' addresses.
module "firewall" {
  source = "../firewall"
  count  = var.web_acl && !var.cloudfront ? 1 : 0

  name               = var.name
  scope              = "REGIONAL"
  rate_limit         = var.rate_limit
  block_free_text    = var.block_free_text
  kms_key_arn        = var.kms_key_arn
  log_retention_days = var.log_retention_days
}

resource "aws_wafv2_web_acl_association" "this" {
  count = length(module.firewall)

  resource_arn = aws_lb.this.arn
  web_acl_arn  = module.firewall[0].arn
}

module "global_firewall" {
  source = "../firewall"
  count  = var.web_acl && var.cloudfront ? 1 : 0

  name               = "${var.name}-global"
  scope              = "CLOUDFRONT"
  rate_limit         = var.rate_limit
  block_free_text    = var.block_free_text
  log_retention_days = var.log_retention_days

  providers = {
    aws = aws.us_east_1
  }
}
