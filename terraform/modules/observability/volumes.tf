# Container Insights has how full each device of a node is, but only their maximum as a metric, in which a read-only root file system
# is always full. Its log has a line for each device. The first two are Bottlerocket's own; what comes after them are claims.
resource "aws_cloudwatch_log_metric_filter" "volumes" {
  count = local.watched ? 1 : 0

  name           = "${var.name}-volumes"
  log_group_name = replace(var.application_log_group, "/\\/application$/", "/performance")
  pattern = "{ ${join(" && ", [
    "($.Type = \"NodeFS\")", "($.device = \"/dev/nvme*\")", "($.device != \"/dev/nvme0n1*\")", "($.device != \"/dev/nvme1n1*\")",
  ])} }"

  metric_transformation {
    namespace = local.latency.namespace
    name      = "volume_utilization"
    value     = "$.node_filesystem_utilization"
    unit      = "Percent"
  }
}
