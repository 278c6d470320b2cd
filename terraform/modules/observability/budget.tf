# Both tags have to be activated for cost allocation once per account. Auto Mode's nodes, and the volumes of claims, carry none of
# ours. One budget with two tags might count only what carries both, so there is one for each.
locals {
  budgets = {
    for name, budget in {
      (var.name)          = { limit = var.monthly_budget_usd, tag = ["user:Environment", var.environment] }
      "${var.name}-nodes" = { limit = var.monthly_nodes_budget_usd, tag = ["user:eks:eks-cluster-name", var.cluster_name] }
    } : name => budget if budget.limit != null
  }
}

resource "aws_budgets_budget" "this" {
  for_each = local.budgets

  name         = each.key
  budget_type  = "COST"
  limit_amount = tostring(each.value.limit)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  cost_filter {
    name   = "TagKeyValue"
    values = [join("$", each.value.tag)]
  }

  notification {
    notification_type         = "ACTUAL"
    comparison_operator       = "GREATER_THAN"
    threshold                 = 80
    threshold_type            = "PERCENTAGE"
    subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
  }

  notification {
    notification_type         = "FORECASTED"
    comparison_operator       = "GREATER_THAN"
    threshold                 = 100
    threshold_type            = "PERCENTAGE"
    subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
  }

  depends_on = [aws_sns_topic_policy.alarms]
}
