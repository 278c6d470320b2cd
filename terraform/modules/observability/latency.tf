# The load balancer's latency counts clients that wait for their order (`?wait=`) as slow. The gateway's log has a line per
# request with its route, so that the one route that may wait can be left out. Environments share no metric: a name each.
locals {
  latency = { namespace = "${var.metric_namespace}/${var.name}", name = "gateway_milliseconds" }
}

resource "aws_cloudwatch_log_metric_filter" "latency" {
  count = local.watched ? 1 : 0

  name           = "${var.name}-latency"
  log_group_name = var.application_log_group
  pattern = join("", ["{ ", join(" && ", [
    "($.kubernetes.namespace_name = \"${var.namespace}\")",
    "($.kubernetes.container_name = \"gateway\")",
    "($.log_processed.route != \"/api/billing/orders/<order_id>\")",
    "($.log_processed.millis >= 0)",
  ]), " }"])

  metric_transformation {
    namespace = local.latency.namespace
    name      = local.latency.name
    value     = "$.log_processed.millis"
    unit      = "Milliseconds"
  }
}
