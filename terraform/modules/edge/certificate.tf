locals {
  has_domain      = var.domain_name != null
  certificate_arn = local.has_domain ? aws_acm_certificate_validation.domain[0].certificate_arn : aws_acm_certificate.imported[0].arn
}

resource "aws_acm_certificate" "domain" {
  count = local.has_domain ? 1 : 0

  domain_name       = var.domain_name
  validation_method = "DNS"

  tags = { Name = var.name }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  count = local.has_domain ? 1 : 0

  zone_id         = var.zone_id
  name            = one(aws_acm_certificate.domain[0].domain_validation_options).resource_record_name
  type            = one(aws_acm_certificate.domain[0].domain_validation_options).resource_record_type
  records         = [one(aws_acm_certificate.domain[0].domain_validation_options).resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "domain" {
  count = local.has_domain ? 1 : 0

  certificate_arn         = aws_acm_certificate.domain[0].arn
  validation_record_fqdns = [aws_route53_record.validation[0].fqdn]
}

# The same account and domain have the same validation record in every region.
resource "aws_acm_certificate" "cloudfront" {
  count    = var.cloudfront ? 1 : 0
  provider = aws.us_east_1

  domain_name       = var.domain_name
  validation_method = "DNS"

  tags = { Name = var.name }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_acm_certificate_validation" "cloudfront" {
  count    = var.cloudfront ? 1 : 0
  provider = aws.us_east_1

  certificate_arn = aws_acm_certificate.cloudfront[0].arn

  depends_on = [aws_route53_record.validation]
}

# Without a domain nobody vouches for a name: traffic is encrypted, and clients have to be told to trust it.
resource "aws_acm_certificate" "imported" {
  count = local.has_domain ? 0 : 1

  certificate_body = var.certificate == null ? null : var.certificate.body
  private_key      = var.certificate == null ? null : var.certificate.private_key

  tags = { Name = var.name }

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = var.certificate != null
      error_message = "without a domain_name a certificate must be given: terraform/self-signed-certificate makes one"
    }
  }
}

resource "aws_route53_record" "this" {
  for_each = local.has_domain ? toset(["A", "AAAA"]) : toset([])

  zone_id = var.zone_id
  name    = var.domain_name
  type    = each.value

  alias {
    name                   = var.cloudfront ? aws_cloudfront_distribution.this[0].domain_name : aws_lb.this.dns_name
    zone_id                = var.cloudfront ? aws_cloudfront_distribution.this[0].hosted_zone_id : aws_lb.this.zone_id
    evaluate_target_health = !var.cloudfront
  }
}
