# The objectives of kustomize/components/monitoring/slo.yaml. An alarm for each window, which tells nobody, and an alarm for each
# objective that combines them and calls: a budget burns if it does in a long window and, so that it ends soon, in a short one.
locals {
  objectives = jsondecode(file("${path.module}/objectives.json"))

  # Whose metrics these are.
  measured = {
    load_balancer = { namespace = "AWS/ApplicationELB", dimensions = local.edge }
    gateway       = { namespace = var.metric_namespace, dimensions = { ClusterName = var.cluster_name, unit = "gateway" } }
    billing       = { namespace = var.metric_namespace, dimensions = local.billing }
    log           = { namespace = local.latency.namespace, dimensions = {} }
  }

  # Without the agent, what the load balancer says of itself.
  slos = { for name, slo in local.objectives.slos : name => merge(slo, {
    metrics = { for id, metric in slo.metrics : id => {
      namespace = local.measured[metric.of].namespace, metric = metric.name
      dimensions = merge(local.measured[metric.of].dimensions, {
        for label in ["reason", "outcome"] : label => metric[label] if can(metric[label])
      })
    } }
  }) if local.watched || alltrue([for metric in slo.metrics : metric.of == "load_balancer"]) }

  # Only the long window has to have bad events enough: the short one has fewer.
  burns = merge(flatten([for name, slo in local.slos : [for window in local.objectives.windows : [
    { "${name}-${window.severity}-${window.long}" = {
      slo = name, seconds = window.long_seconds, window = window.long, factor = window.factor, least = slo.least_bad_events
    } },
    { "${name}-${window.severity}-${window.short}" = {
      slo = name, seconds = window.short_seconds, window = window.short, factor = window.factor, least = 1
    } },
  ]]])...)

  calls = merge([for name, slo in local.slos : { for severity in ["page", "ticket"] : "${name}-${severity}" => {
    slo = name, severity = severity
    rule = join(" OR ", [for window in local.objectives.windows :
      "(ALARM(\"${var.name}-${name}-${severity}-${window.long}\") AND ALARM(\"${var.name}-${name}-${severity}-${window.short}\"))"
      if window.severity == severity
    ])
  } }]...)
}

resource "aws_cloudwatch_metric_alarm" "burn" {
  for_each = local.burns

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "The budget of ${each.value.slo} burned ${each.value.factor} times too fast for ${each.value.window}. ${var.runbook_url}/${each.value.slo}.md"

  # One period is the window. AWS takes seven days at most, and less than an hour only up to a day.
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.factor
  # No traffic, no failure.
  treat_missing_data = "notBreaching"

  metric_query {
    id          = "bad"
    expression  = local.slos[each.value.slo].bad
    return_data = false
  }

  metric_query {
    id          = "total"
    expression  = local.slos[each.value.slo].total
    return_data = false
  }

  metric_query {
    id          = "burn"
    label       = "times too fast"
    expression  = "IF(bad >= ${each.value.least}, bad / total / ${local.slos[each.value.slo].budget}, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.slos[each.value.slo].metrics
    content {
      id          = metric_query.key
      return_data = false
      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        stat        = "Sum"
        period      = each.value.seconds
      }
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "objective" {
  for_each = local.calls

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${local.slos[each.value.slo].text} (${each.value.severity}). ${var.runbook_url}/${each.value.slo}.md ${local.dashboard_url}"
  alarm_rule        = each.value.rule

  alarm_actions = [aws_sns_topic.alarms.arn]
  ok_actions    = [aws_sns_topic.alarms.arn]

  depends_on = [aws_cloudwatch_metric_alarm.burn]
}
