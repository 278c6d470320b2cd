locals {
  # Policies that AWS keeps, the same in every account.
  caching_disabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  all_viewer       = "216adef6-5c7f-47e4-b989-5492eafa07d3"
  security_headers = "67f7725c-6f97-4210-82d7-5512b31e9d03"
}

# AWS's own policy would show the old documentation for a day after a roll-out.
resource "aws_cloudfront_cache_policy" "documentation" {
  count = var.cloudfront ? 1 : 0

  name        = "${var.name}-documentation"
  comment     = "Documentation of ${var.name}, five minutes old at most"
  min_ttl     = 0
  default_ttl = 300
  max_ttl     = 300

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "none"
    }
    headers_config {
      header_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

# CloudFront enters the network itself, so the load balancer needs no public address: there is no way around it.
resource "aws_cloudfront_vpc_origin" "this" {
  count = var.cloudfront ? 1 : 0

  vpc_origin_endpoint_config {
    name                   = var.name
    arn                    = aws_lb.this.arn
    http_port              = 80
    https_port             = local.https_port
    origin_protocol_policy = "https-only"

    origin_ssl_protocols {
      items    = ["TLSv1.2"]
      quantity = 1
    }
  }

  tags = { Name = var.name }
}

resource "aws_cloudfront_distribution" "this" {
  # checkov:skip=CKV2_AWS_32: every behaviour has the policy security_headers; the check does not follow locals
  # checkov:skip=CKV_AWS_305: an API has no root page
  # checkov:skip=CKV_AWS_310: the one load balancer stands in all zones; there is no second origin to fail over to
  # checkov:skip=CKV_AWS_374: who may use the API is not decided by country
  # checkov:skip=CKV_AWS_86: the load balancer logs each request that is not answered from the cache of the documentation
  count = var.cloudfront ? 1 : 0

  comment         = var.name
  enabled         = true
  is_ipv6_enabled = true
  http_version    = "http2and3"
  price_class     = var.price_class
  aliases         = [var.domain_name]
  web_acl_id      = var.web_acl ? module.global_firewall[0].arn : null

  origin {
    origin_id   = "load-balancer"
    domain_name = aws_lb.this.dns_name

    vpc_origin_config {
      vpc_origin_id = aws_cloudfront_vpc_origin.this[0].id
      # A client may wait 30 s for its order, which is CloudFront's own patience. As long as the load balancer's.
      origin_read_timeout = local.idle_timeout
    }
  }

  # The API is never cached, nor are its errors, which CloudFront otherwise keeps for ten seconds: the policy turns both off.
  # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html#HTTPStatusCodes-cached-errors
  default_cache_behavior {
    target_origin_id           = "load-balancer"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = local.caching_disabled
    origin_request_policy_id   = local.all_viewer
    response_headers_policy_id = local.security_headers
  }

  ordered_cache_behavior {
    path_pattern               = "/api-docs*"
    target_origin_id           = "load-balancer"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = aws_cloudfront_cache_policy.documentation[0].id
    origin_request_policy_id   = local.all_viewer
    response_headers_policy_id = local.security_headers
  }

  viewer_certificate {
    acm_certificate_arn      = aws_acm_certificate_validation.cloudfront[0].certificate_arn
    ssl_support_method       = "sni-only"
    minimum_protocol_version = "TLSv1.2_2021"
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  tags = { Name = var.name }
}
