# The load balancer's latency counts clients that wait for their order (`?wait=`) as slow. The gateway's log has a line per
# request with its route, so that the one route that may wait can be left out. Environments share no metric: a name each.
locals {
  latency = { namespace = "${var.metric_namespace}/${var.name}", name = "gateway_milliseconds" }

  # The log lines of a unit's requests, but for the route that may wait.
  answered_by = { for unit in local.units : unit => [
    "($.kubernetes.namespace_name = \"${var.namespace}\")",
    "($.kubernetes.container_name = \"${unit}\")",
    "($.log_processed.route != \"/api/billing/orders/<order_id>\")",
  ] }
  answered = local.answered_by["gateway"]
}

resource "aws_cloudwatch_log_metric_filter" "latency" {
  count = local.watched ? 1 : 0

  name           = "${var.name}-latency"
  log_group_name = var.application_log_group
  pattern        = "{ ${join(" && ", concat(local.answered, ["($.log_processed.millis >= 0)"]))} }"

  metric_transformation {
    namespace = local.latency.namespace
    name      = local.latency.name
    value     = "$.log_processed.millis"
    unit      = "Milliseconds"
  }
}

# The same of the units behind the gateway, for the dashboard.
resource "aws_cloudwatch_log_metric_filter" "latency_behind" {
  for_each = local.watched ? toset(["inventory", "billing"]) : []

  name           = "${var.name}-${each.key}-latency"
  log_group_name = var.application_log_group
  pattern        = "{ ${join(" && ", concat(local.answered_by[each.key], ["($.log_processed.millis >= 0)"]))} }"

  metric_transformation {
    namespace = local.latency.namespace
    name      = "${each.key}_milliseconds"
    value     = "$.log_processed.millis"
    unit      = "Milliseconds"
  }
}

# Counted for the objective of reads: how many there are, and how many take longer than it allows.
resource "aws_cloudwatch_log_metric_filter" "reads" {
  for_each = local.watched ? { reads = 0, slow_reads = 100 } : {}

  name           = "${var.name}-${each.key}"
  log_group_name = var.application_log_group
  pattern = "{ ${join(" && ", concat(local.answered, [
    "($.log_processed.method = \"GET\")",
    "($.log_processed.millis ${each.value == 0 ? ">=" : ">"} ${each.value})",
  ]))} }"

  metric_transformation {
    namespace = local.latency.namespace
    name      = each.key
    value     = "1"
    unit      = "Count"
  }
}
