locals {
  dashboard_url = "https://${local.region}.console.aws.amazon.com/cloudwatch/home?region=${local.region}#dashboards/dashboard/${var.name}"

  edge     = { LoadBalancer = var.load_balancer }
  target   = { LoadBalancer = var.load_balancer, TargetGroup = var.target_group }
  cluster  = { ClusterName = var.cluster_name }
  billing  = { ClusterName = var.cluster_name, unit = "billing" }
  units    = ["gateway", "inventory", "billing"]
  insights = "ContainerInsights"

  # Without the CloudWatch agent there is only what AWS's services say of themselves.
  watched = var.application_log_group != null

  # One metric against one threshold. Periods are minutes that must all be bad.
  simple_alarms = merge(
    {
      latency = {
        text      = "a hundredth of all requests takes longer than ${var.latency_seconds} s"
        namespace = local.latency.namespace, metric = local.latency.name, dimensions = {}
        statistic = "p99", above = 1000 * var.latency_seconds, minutes = 5
      }
      no-target = {
        text      = "no gateway is ready: the API is down"
        namespace = "AWS/ApplicationELB", metric = "HealthyHostCount", dimensions = local.target
        statistic = "Minimum", below = 1, minutes = 3
      }
      dead-letters = {
        text      = "orders could not be recorded and wait for a person"
        namespace = var.metric_namespace, metric = "billing_dead_letters", dimensions = local.billing
        statistic = "Maximum", above = 0, minutes = 1
      }
      failed-nodes = {
        text      = "nodes of the cluster have failed"
        namespace = local.insights, metric = "cluster_failed_node_count", dimensions = local.cluster
        statistic = "Maximum", above = 0, minutes = 10
      }
      node-memory = {
        text      = "nodes run out of memory"
        namespace = local.insights, metric = "node_memory_utilization", dimensions = local.cluster
        statistic = "Average", above = 90, minutes = 15
      }
      node-disk = {
        # The fullest of all file systems is a read-only one or a claim; the kubelet looks at what it can free.
        text      = "a node runs out of disk and evicts pods"
        namespace = local.insights, metric = "node_status_condition_disk_pressure", dimensions = local.cluster
        statistic = "Maximum", above = 0, minutes = 3
      }
    },
    { for unit in local.units : "${unit}-down" => {
      # Its silence is what is looked for.
      text      = "no pod of ${unit} is measured", runbook = "unit-down", missing = "breaching"
      namespace = var.metric_namespace, metric = "build_info", dimensions = { ClusterName = var.cluster_name, unit = unit }
      statistic = "Maximum", below = 1, minutes = 5
    } },
    { volume-full = {
      text      = "a volume of a claim is nearly full"
      namespace = local.latency.namespace, metric = "volume_utilization", dimensions = {}
      statistic = "Maximum", above = 90, minutes = 15
    } },
    { orders-unconfirmed = {
      text      = "the broker confirms slowly"
      namespace = var.metric_namespace, metric = "orders_unconfirmed", dimensions = local.measured.gateway.dimensions
      statistic = "Maximum", above = 100, minutes = 5
    } },
    local.data_alarms,
  )

  namespace = { ClusterName = var.cluster_name, Namespace = var.namespace }

  # Container Insights calls the pods of a Deployment by its name, but each pod of a StatefulSet by its own. By Service nothing is
  # found for sure: a pod that crashes has left it, and of two Services that have one pod (billing's) one is taken at random.
  pods = {
    gateway   = ["gateway"]
    inventory = ["inventory"]
    billing   = [for i in range(var.billing_pods) : "billing-${i}"]
  }

  # A value worked out from several metrics; minutes as above, in as many periods as the metrics have in them.
  computed_alarms = merge(
    {
      # The age of the oldest order is in no metric: what waits, divided by what is recorded per second, is how
      # long the newest order will wait.
      queue-age = {
        runbook    = "orders-pile-up"
        text       = "orders wait longer than ${var.queue_wait_seconds} s to be recorded"
        expression = "depth / (FILL(recorded, 0) / 60 + 0.001)"
        above      = var.queue_wait_seconds, minutes = 5
        metrics = {
          depth    = { namespace = var.metric_namespace, metric = "billing_queue_depth", dimensions = local.billing, statistic = "Maximum" }
          recorded = { namespace = var.metric_namespace, metric = "orders_recorded_total", dimensions = local.billing, statistic = "Sum" }
        }
      }
    },
    { orders-refused = {
      # By reason, so that a client who sends nonsense wakes nobody. Also when too few come for the objective to notice.
      text       = "orders are refused"
      expression = "SUM(METRICS())", above = 0, minutes = 5
      metrics = { for reason in ["internal", "overloaded", "timeout", "unavailable"] : reason => {
        namespace  = var.metric_namespace, metric = "orders_refused_total"
        dimensions = merge(local.measured.gateway.dimensions, { reason = reason }), statistic = "Sum"
      } }
    } },
    { broker-disconnected = {
      text       = "a unit has no connection to the broker"
      expression = "1 - MIN(METRICS())", above = 0, minutes = 2
      metrics = { for unit in ["gateway", "billing"] : unit => {
        namespace = var.metric_namespace, metric = "broker_connected", dimensions = local.measured[unit].dimensions, statistic = "Minimum"
      } }
    } },
    { dependency-down = {
      text       = "a unit does not reach what it depends on"
      expression = "1 - MIN(METRICS())", above = 0, minutes = 5
      metrics = { for unit in local.units : unit => {
        namespace  = var.metric_namespace, metric = "dependency_up"
        dimensions = { ClusterName = var.cluster_name, unit = unit }, statistic = "Minimum"
      } }
    } },
    { database-unavailable = {
      text       = "inventory or billing answers 503"
      expression = "SUM(METRICS())", above = 0, minutes = 5
      metrics = { for unit in ["inventory", "billing"] : unit => {
        namespace  = var.metric_namespace, metric = "http_requests_total"
        dimensions = { ClusterName = var.cluster_name, unit = unit, status = "503" }, statistic = "Sum"
      } }
    } },
    # Each minute has the restarts of that minute. The pauses between them grow to five minutes: three in a quarter of an hour.
    { for unit in local.units : "${unit}-restarts" => {
      runbook    = "restarts"
      text       = "${unit} crashes again and again"
      expression = "SUM(METRICS())", above = 2, minutes = 15
      metrics = { for i, pod in local.pods[unit] : "pod${i}" => {
        namespace  = local.insights, metric = "pod_number_of_container_restarts"
        dimensions = merge(local.namespace, { PodName = pod }), statistic = "Sum", period = 900
      } }
    } },
    { for unit in local.units : "${unit}-memory" => {
      runbook    = "memory"
      text       = "${unit} is about to be killed for its memory"
      expression = "MAX(METRICS())", above = 90, minutes = 10
      metrics = { for i, pod in local.pods[unit] : "pod${i}" => {
        namespace  = local.insights, metric = "pod_memory_utilization_over_pod_limit"
        dimensions = merge(local.namespace, { PodName = pod }), statistic = "Maximum"
      } }
    } },
    { for name in compact([var.broker]) : "broker-memory" => {
      text       = "the broker is about to stop publishers for its memory"
      expression = "100 * used / limit", above = 80, minutes = 5
      metrics = {
        used  = { namespace = "AWS/AmazonMQ", metric = "RabbitMQMemUsed", dimensions = { Broker = name }, statistic = "Maximum" }
        limit = { namespace = "AWS/AmazonMQ", metric = "RabbitMQMemLimit", dimensions = { Broker = name }, statistic = "Minimum" }
      }
    } },
    { for name in compact([var.broker]) : "broker-disk" => {
      text       = "the broker is about to stop publishers for its disk"
      expression = "100 * limit / free", above = 50, minutes = 5
      metrics = {
        free  = { namespace = "AWS/AmazonMQ", metric = "RabbitMQDiskFree", dimensions = { Broker = name }, statistic = "Minimum" }
        limit = { namespace = "AWS/AmazonMQ", metric = "RabbitMQDiskFreeLimit", dimensions = { Broker = name }, statistic = "Maximum" }
      }
    } },
  )

  # Silence of these is a fault of its own: the pipeline or its measuring has stopped.
  vital = ["dead-letters", "queue-age", "no-target"]
}

resource "aws_cloudwatch_metric_alarm" "simple" {
  for_each = { for name, alarm in local.simple_alarms : name => alarm if local.watched || startswith(alarm.namespace, "AWS/") }

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${each.value.text}. ${var.runbook_url}/${try(each.value.runbook, each.key)}.md ${local.dashboard_url}"

  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  period              = try(each.value.period, 60)
  evaluation_periods  = each.value.minutes * 60 / try(each.value.period, 60)
  comparison_operator = can(each.value.above) ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = try(each.value.above, each.value.below)
  treat_missing_data  = try(each.value.missing, "missing")

  alarm_actions             = [aws_sns_topic.alarms.arn]
  ok_actions                = [aws_sns_topic.alarms.arn]
  insufficient_data_actions = contains(local.vital, each.key) ? [aws_sns_topic.alarms.arn] : []
}

resource "aws_cloudwatch_metric_alarm" "computed" {
  for_each = { for name, alarm in local.computed_alarms : name => alarm
    if local.watched || alltrue([for metric in alarm.metrics : startswith(metric.namespace, "AWS/")])
  }

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${each.value.text}. ${var.runbook_url}/${try(each.value.runbook, each.key)}.md ${local.dashboard_url}"

  evaluation_periods  = each.value.minutes * 60 / max([for m in values(each.value.metrics) : try(m.period, 60)]...)
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  treat_missing_data  = "missing"

  metric_query {
    id          = "result"
    label       = each.key
    expression  = each.value.expression
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.metrics
    content {
      id          = metric_query.key
      return_data = false
      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.statistic
        period      = try(metric_query.value.period, 60)
      }
    }
  }

  alarm_actions             = [aws_sns_topic.alarms.arn]
  ok_actions                = [aws_sns_topic.alarms.arn]
  insufficient_data_actions = contains(local.vital, each.key) ? [aws_sns_topic.alarms.arn] : []
}

# The names stay: made and destroyed at once, an alarm could end as destroyed.
moved {
  from = aws_cloudwatch_metric_alarm.simple["gateway-memory"]
  to   = aws_cloudwatch_metric_alarm.computed["gateway-memory"]
}

moved {
  from = aws_cloudwatch_metric_alarm.simple["inventory-memory"]
  to   = aws_cloudwatch_metric_alarm.computed["inventory-memory"]
}

moved {
  from = aws_cloudwatch_metric_alarm.simple["billing-memory"]
  to   = aws_cloudwatch_metric_alarm.computed["billing-memory"]
}
