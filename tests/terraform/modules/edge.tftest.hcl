mock_provider "aws" {
  source = "./mocks"
}

mock_provider "aws" {
  alias  = "us_east_1"
  source = "./mocks"
}

variables {
  name                  = "code-keeper-test"
  vpc_id                = "vpc-1"
  subnet_ids            = ["subnet-1", "subnet-2"]
  pod_security_group_id = "sg-1"
  cluster_name          = "code-keeper-test"
  kms_key_arn           = "arn:aws:kms:eu-north-1:123456789012:key/1"
  certificate           = { body = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", private_key = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----" }
}

run "defaults" {
  command = plan
  module {
    source = "../../../terraform/modules/edge"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
  assert {
    condition     = !aws_lb.this.internal && aws_lb.this.load_balancer_type == "application" && aws_lb.this.drop_invalid_header_fields
    error_message = "a public load balancer that drops broken headers"
  }
  assert {
    condition     = aws_lb_target_group.this.target_type == "ip" && aws_lb_target_group.this.port == 3000
    error_message = "it reaches pods"
  }
  assert {
    condition     = aws_lb_target_group.this.health_check[0].port == "3100" && aws_lb_target_group.this.health_check[0].path == "/health/ready"
    error_message = "it asks the management port whether they are ready"
  }
  assert {
    condition     = aws_lb_target_group.this.tags["eks:eks-cluster-name"] == "code-keeper-test"
    error_message = "Auto Mode takes the target group for its cluster's"
  }
  assert {
    condition     = aws_lb_listener.https.protocol == "HTTPS" && aws_lb_listener.https.ssl_policy == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    error_message = "TLS 1.2 and newer, by the policy that AWS recommends"
  }
  assert {
    condition     = aws_lb_target_group.this.name_prefix == "code-k"
    error_message = "a new target group can stand beside the old one"
  }
  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "redirect" && aws_lb_listener.http.default_action[0].redirect[0].protocol == "HTTPS"
    error_message = "HTTP is sent to HTTPS"
  }
  assert {
    condition     = toset([for r in aws_vpc_security_group_ingress_rule.clients : r.from_port]) == toset([80, 443])
    error_message = "only 80 and 443 are open"
  }
  assert {
    condition     = alltrue([for r in aws_vpc_security_group_egress_rule.pods : r.referenced_security_group_id == "sg-1" && contains([3000, 3100], r.to_port)]) && length(aws_vpc_security_group_ingress_rule.pods) == 2
    error_message = "it reaches the pods' ports and nothing else"
  }
  assert {
    condition     = length(aws_acm_certificate.imported) == 1 && length(aws_acm_certificate.domain) == 0 && length(aws_route53_record.this) == 0
    error_message = "without a domain the certificate is one's own"
  }
  assert {
    condition     = length(module.firewall) == 1 && length(aws_wafv2_web_acl_association.this) == 1 && length(module.global_firewall) == 0
    error_message = "the firewall is on"
  }
  assert {
    condition     = length(aws_cloudfront_distribution.this) == 0 && length(aws_s3_bucket.logs) == 0
    error_message = "CloudFront and access logs are off"
  }
}

run "internal" {
  command = plan
  module {
    source = "../../../terraform/modules/edge"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
  variables {
    internal      = true
    allowed_cidrs = ["10.0.0.0/8"]
    web_acl       = false
  }
  assert {
    condition     = aws_lb.this.internal && alltrue([for r in aws_vpc_security_group_ingress_rule.clients : r.cidr_ipv4 == "10.0.0.0/8"]) && length(module.firewall) == 0
    error_message = "it can be private, for named networks, without a firewall"
  }
}

run "domain" {
  command = plan
  module {
    source = "../../../terraform/modules/edge"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
  variables {
    certificate = null
    domain_name = "movies.example.com"
    zone_id     = "Z1"
  }
  assert {
    condition     = aws_acm_certificate.domain[0].validation_method == "DNS" && aws_acm_certificate.domain[0].domain_name == "movies.example.com" && length(aws_acm_certificate.imported) == 0
    error_message = "the certificate is validated by DNS"
  }
  assert {
    condition     = toset(keys(aws_route53_record.this)) == toset(["A", "AAAA"]) && output.url == "https://movies.example.com"
    error_message = "the name leads here"
  }
}

run "cloudfront" {
  command = plan
  module {
    source = "../../../terraform/modules/edge"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
  variables {
    certificate = null
    domain_name = "movies.example.com"
    zone_id     = "Z1"
    cloudfront  = true
    internal    = true
  }
  assert {
    condition     = aws_cloudfront_distribution.this[0].viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021" && aws_cloudfront_distribution.this[0].default_cache_behavior[0].viewer_protocol_policy == "redirect-to-https"
    error_message = "TLS 1.2 and newer, HTTPS only"
  }
  assert {
    condition     = aws_lb.this.internal && aws_cloudfront_vpc_origin.this[0].vpc_origin_endpoint_config[0].origin_protocol_policy == "https-only"
    error_message = "the load balancer is reached from inside, by TLS"
  }
  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.clients) == 0 && aws_vpc_security_group_ingress_rule.cloudfront[0].prefix_list_id == "pl-cloudfront" && aws_vpc_security_group_ingress_rule.cloudfront[0].from_port == 443
    error_message = "and by nobody but CloudFront"
  }
  assert {
    condition     = one(aws_cloudfront_distribution.this[0].origin).vpc_origin_config[0].origin_read_timeout > 30
    error_message = "a client may wait 30 s for its order"
  }
  assert {
    condition     = aws_cloudfront_distribution.this[0].default_cache_behavior[0].cache_policy_id == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    error_message = "the API is never cached"
  }
  assert {
    condition     = [for b in aws_cloudfront_distribution.this[0].ordered_cache_behavior : b.path_pattern] == ["/api-docs*"] && aws_cloudfront_cache_policy.documentation[0].max_ttl == 300
    error_message = "only the documentation is cached, for five minutes"
  }
  assert {
    condition     = length(module.global_firewall) == 1 && length(module.firewall) == 0
    error_message = "the firewall stands at the outermost door"
  }
}

run "access_logs" {
  command = plan
  module {
    source = "../../../terraform/modules/edge"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
  variables {
    access_logs         = true
    deletion_protection = true
  }
  assert {
    condition     = aws_lb.this.enable_deletion_protection && !aws_s3_bucket.logs[0].force_destroy && aws_s3_bucket_public_access_block.logs[0].block_public_policy && aws_s3_bucket_public_access_block.logs[0].restrict_public_buckets
    error_message = "logs are kept, and are not public"
  }
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/edge"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
  variables {
    domain_name   = "movies.example.com"
    certificate   = { body = "x", private_key = "y" }
    allowed_cidrs = []
    subnet_ids    = ["subnet-1"]
    price_class   = "Cheap"
    name          = "a-name-that-is-longer-than-a-load-balancer-may-have"
  }
  expect_failures = [var.zone_id, var.certificate, var.allowed_cidrs, var.subnet_ids, var.price_class, var.name]
}

run "rejects_more" {
  command = plan
  module {
    source = "../../../terraform/modules/edge"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
  variables {
    zone_id       = "Z1"
    allowed_cidrs = ["everyone"]
  }
  expect_failures = [var.zone_id, var.allowed_cidrs]
}

run "cloudfront_without_domain" {
  command = plan
  module {
    source = "../../../terraform/modules/edge"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
  variables {
    cloudfront = true
    internal   = true
  }
  expect_failures = [var.cloudfront]
}

run "cloudfront_before_a_public_load_balancer" {
  command = plan
  module {
    source = "../../../terraform/modules/edge"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
  variables {
    certificate = null
    domain_name = "movies.example.com"
    zone_id     = "Z1"
    cloudfront  = true
    internal    = false
  }
  expect_failures = [var.cloudfront]
}

run "bad_domain" {
  command = plan
  module {
    source = "../../../terraform/modules/edge"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
  variables {
    domain_name = "https://movies.example.com"
    zone_id     = "Z1"
  }
  expect_failures = [var.domain_name]
}

run "nothing_to_show" {
  command = plan
  module {
    source = "../../../terraform/modules/edge"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }
  variables {
    certificate = null
  }
  expect_failures = [aws_acm_certificate.imported]
}
