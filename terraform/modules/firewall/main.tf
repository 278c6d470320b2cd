locals {
  # These read what people write: movies' descriptions, and searches in the query. A film about hackers is no attack, so they count
  # what they would have blocked, until somebody has looked at the counts and sets block_free_text.
  free_text = {
    AWSManagedRulesCommonRuleSet = [
      "CrossSiteScripting_BODY", "CrossSiteScripting_QUERYARGUMENTS", "EC2MetaDataSSRF_BODY", "EC2MetaDataSSRF_QUERYARGUMENTS",
      "GenericLFI_BODY", "GenericLFI_QUERYARGUMENTS", "GenericRFI_BODY", "GenericRFI_QUERYARGUMENTS", "RestrictedExtensions_QUERYARGUMENTS",
    ]
    AWSManagedRulesKnownBadInputsRuleSet = [
      "JavaDeserializationRCE_BODY", "JavaDeserializationRCE_QUERYSTRING", "Log4JRCE_BODY", "Log4JRCE_QUERYSTRING",
    ]
    AWSManagedRulesAmazonIpReputationList = []
  }
  # Movies hold free text of up to 10,000 characters, more than this group ever lets a body have.
  too_small = { AWSManagedRulesCommonRuleSet = ["SizeRestrictions_BODY"] }

  # Each group, with the rules of it that only count.
  managed_groups = {
    for group, rules in local.free_text : group => concat(lookup(local.too_small, group, []), var.block_free_text ? [] : rules)
  }
}

resource "aws_wafv2_web_acl" "this" {
  # checkov:skip=CKV_AWS_192: AWSManagedRulesKnownBadInputsRuleSet has the rule; the check does not follow dynamic blocks
  name        = var.name
  description = "What reaches the API of ${var.name}"
  scope       = var.scope

  default_action {
    allow {}
  }

  rule {
    name     = "rate"
    priority = 0

    action {
      block {
        custom_response {
          response_code = 429
        }
      }
    }

    statement {
      rate_based_statement {
        limit                 = var.rate_limit
        evaluation_window_sec = 300
        aggregate_key_type    = "IP"
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "rate"
      sampled_requests_enabled   = true
    }
  }

  # By the announced length: the firewall reads only the first 8 KiB of a body before a load balancer.
  # A body without a length is cut off by the service itself.
  rule {
    name     = "body-size"
    priority = 1

    action {
      block {
        custom_response {
          response_code = 413
        }
      }
    }

    statement {
      regex_match_statement {
        # 65537 and more.
        regex_string = "^0*(6553[7-9]|655[4-9][0-9]|65[6-9][0-9]{2}|6[6-9][0-9]{3}|[7-9][0-9]{4}|[1-9][0-9]{5,})$"

        field_to_match {
          single_header {
            name = "content-length"
          }
        }
        text_transformation {
          priority = 0
          type     = "NONE"
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "body-size"
      sampled_requests_enabled   = true
    }
  }

  dynamic "rule" {
    for_each = { for i, group in sort(keys(local.managed_groups)) : group => i }

    content {
      name     = rule.key
      priority = 10 + rule.value

      override_action {
        none {}
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = rule.key

          dynamic "rule_action_override" {
            for_each = local.managed_groups[rule.key]
            content {
              name = rule_action_override.value
              action_to_use {
                count {}
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = rule.key
        sampled_requests_enabled   = true
      }
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = true
  }
}

# The service wants this beginning of the name.
resource "aws_cloudwatch_log_group" "this" {
  name              = "aws-waf-logs-${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_wafv2_web_acl_logging_configuration" "this" {
  resource_arn            = aws_wafv2_web_acl.this.arn
  log_destination_configs = [aws_cloudwatch_log_group.this.arn]

  redacted_fields {
    single_header {
      name = "authorization"
    }
  }

  # What passed is in the gateway's log already.
  logging_filter {
    default_behavior = "DROP"
    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"
      condition {
        action_condition {
          action = "BLOCK"
        }
      }
      condition {
        action_condition {
          action = "COUNT"
        }
      }
    }
  }
}
