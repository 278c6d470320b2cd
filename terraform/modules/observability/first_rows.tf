# What the dashboard begins with, as Grafana's does: the objectives, the golden signals of each unit, what waits.
locals {
  of_unit = { for unit in local.units : unit => ["ClusterName", var.cluster_name, "unit", unit] }

  # Over 30 days: the share of good events, and how much of the budget is left.
  objective_widgets = [for name, slo in local.slos : {
    title = "${slo.objective} %: ${trimsuffix(slo.description, ".")}"
    properties = {
      view                 = "singleValue"
      stat                 = "Sum"
      period               = 3600
      start                = "-PT720H"
      end                  = "P0D"
      setPeriodToTimeRange = true
      metrics = concat(
        [for id, metric in slo.metrics : concat(
          [metric.namespace, metric.metric], flatten([for key, value in metric.dimensions : [key, value]]), [{ id = id, visible = false }],
        )],
        [
          [{ id = "bad", expression = slo.bad, visible = false }],
          [{ id = "total", expression = slo.total, visible = false }],
          [{ id = "good", expression = "100 * (1 - bad / total)", label = "good, %" }],
          [{ id = "left", expression = "100 * (1 - bad / total / ${slo.budget})", label = "budget left, %" }],
        ],
      )
    }
  }]

  signal_widgets = [for chart in [
    { title = "Requests per unit and minute", stat = "Sum", metrics = [
      for unit in local.units : concat([var.metric_namespace, "http_requests_total"], local.of_unit[unit])
    ] },
    { title = "Errors per unit and minute", stat = "Sum", metrics = [
      for pair in setproduct(local.units, ["500", "503", "504"]) :
      concat([var.metric_namespace, "http_requests_total"], local.of_unit[pair[0]], ["status", pair[1]])
    ] },
    { title = "Latency per unit, p99, ms", stat = "p99", metrics = [
      for unit in local.units : [local.latency.namespace, "${unit}_milliseconds"]
    ] },
    { title = "Saturation per unit: memory, % of limit; requests in flight, connections in use (right)", stat = "Maximum", metrics = concat(
      [for pod in flatten(values(local.pods)) :
      [local.insights, "pod_memory_utilization_over_pod_limit", "ClusterName", var.cluster_name, "Namespace", var.namespace, "PodName", pod]],
      [for unit in local.units :
      concat([var.metric_namespace, "http_in_flight"], local.of_unit[unit], [{ yAxis = "right", label = "${unit} in flight" }])],
      [for unit in ["inventory", "billing"] :
      concat([var.metric_namespace, "db_pool_connections"], local.of_unit[unit], ["state", "used", { yAxis = "right", label = "${unit} database" }])],
    ) },
    { title = "Orders that wait", stat = "Maximum", metrics = [
      concat([var.metric_namespace, "billing_queue_depth"], local.of_unit["billing"]),
      concat([var.metric_namespace, "orders_unconfirmed"], local.of_unit["gateway"]),
    ] },
    { title = "Age: how long the newest order will wait, s", stat = "Maximum", metrics = [
      concat([var.metric_namespace, "billing_queue_depth"], local.of_unit["billing"], [{ id = "depth", visible = false }]),
      concat([var.metric_namespace, "orders_recorded_total"], local.of_unit["billing"], [{ id = "recorded", visible = false, stat = "Sum" }]),
      [{ id = "age", expression = local.computed_alarms["queue-age"].expression, label = "seconds" }],
    ] },
    { title = "Dead letters", stat = "Maximum", metrics = [
      concat([var.metric_namespace, "billing_dead_letters"], local.of_unit["billing"]),
    ] },
    { title = "Dependencies (1: reached)", stat = "Minimum", metrics = concat(
      [for unit in local.units : concat([var.metric_namespace, "dependency_up"], local.of_unit[unit])],
      [for unit in ["gateway", "billing"] : concat([var.metric_namespace, "broker_connected"], local.of_unit[unit])],
    ) },
    ] : { title = chart.title, properties = { view = "timeSeries", stat = chart.stat, period = 60, metrics = chart.metrics } } if local.watched
  ]

  # Four to a row.
  first_widgets = [for i, widget in concat(local.objective_widgets, local.signal_widgets) : {
    type       = "metric"
    x          = 6 * (i % 4)
    y          = 6 * floor(i / 4)
    width      = 6
    height     = 6
    properties = merge(widget.properties, { title = widget.title, region = local.region })
  }]

  first_height = 6 * ceil(length(local.first_widgets) / 4)
}
