mock_provider "aws" {
  source = "./mocks"
}

variables {
  name        = "code-keeper-test"
  scope       = "REGIONAL"
  kms_key_arn = "arn:aws:kms:eu-north-1:123456789012:key/1"
}

run "defaults" {
  command = plan
  module {
    source = "../../../terraform/modules/firewall"
  }
  assert {
    condition     = length([for r in aws_wafv2_web_acl.this.rule : r if length(r.statement[0].managed_rule_group_statement) > 0]) == 3
    error_message = "AWS's rule groups are in use"
  }
  assert {
    condition     = one([for r in aws_wafv2_web_acl.this.rule : r.statement[0].rate_based_statement[0].limit if r.name == "rate"]) == 10000
    error_message = "one address cannot flood the API"
  }
  assert {
    condition     = alltrue([for size in ["65537", "65600", "70000", "100000", "9999999"] : can(regex(one([for r in aws_wafv2_web_acl.this.rule : r.statement[0].regex_match_statement[0].regex_string if r.name == "body-size"]), size))])
    error_message = "bodies over 64 KiB are stopped"
  }
  assert {
    condition     = !anytrue([for size in ["0", "42", "1000", "65535", "65536", "9999"] : can(regex(one([for r in aws_wafv2_web_acl.this.rule : r.statement[0].regex_match_statement[0].regex_string if r.name == "body-size"]), size))])
    error_message = "smaller ones pass"
  }
  assert {
    condition     = contains(flatten([for r in aws_wafv2_web_acl.this.rule : r.statement[0].managed_rule_group_statement[0].rule_action_override[*].name if r.name == "AWSManagedRulesCommonRuleSet"]), "SizeRestrictions_BODY")
    error_message = "a movie of 10,000 characters passes"
  }
  assert {
    condition = alltrue([for name in ["CrossSiteScripting_BODY", "GenericLFI_QUERYARGUMENTS", "GenericRFI_BODY", "Log4JRCE_BODY"] :
    contains(flatten([for r in aws_wafv2_web_acl.this.rule : [for s in r.statement[0].managed_rule_group_statement : s.rule_action_override[*].name]]), name)])
    error_message = "rules that read free text count first"
  }
  assert {
    condition     = alltrue(flatten([for r in aws_wafv2_web_acl.this.rule : [for s in r.statement[0].managed_rule_group_statement : [for o in s.rule_action_override : length(o.action_to_use[0].count) == 1]]]))
    error_message = "what is overridden counts"
  }
  assert {
    condition     = startswith(aws_cloudwatch_log_group.this.name, "aws-waf-logs-") && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "what is stopped is logged"
  }
}

run "free_text_is_blocked" {
  command = plan
  module {
    source = "../../../terraform/modules/firewall"
  }
  variables {
    block_free_text = true
  }
  assert {
    condition     = flatten([for r in aws_wafv2_web_acl.this.rule : [for s in r.statement[0].managed_rule_group_statement : s.rule_action_override[*].name]]) == ["SizeRestrictions_BODY"]
    error_message = "all rules block but that of the size"
  }
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/firewall"
  }
  variables {
    scope      = "GLOBAL"
    rate_limit = 10
    name       = "A"
  }
  expect_failures = [var.scope, var.rate_limit, var.name]
}
