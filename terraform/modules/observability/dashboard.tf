locals {
  region = data.aws_region.current.id

  # Each chart: a title and either metrics ([namespace, name, dimension, value, …]) or searches over all of a kind.
  charts = concat(
    [
      { title = "Requests per minute", stat = "Sum", metrics = [
        ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", var.load_balancer],
      ] },
      { title = "Errors per minute", stat = "Sum", metrics = [
        ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", var.load_balancer],
        ["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "LoadBalancer", var.load_balancer],
        ["AWS/ApplicationELB", "HTTPCode_Target_4XX_Count", "LoadBalancer", var.load_balancer],
      ] },
      { title = "Latency without orders waited for, p99, ms", stat = "p99", metrics = [[local.latency.namespace, local.latency.name]] },
      { title = "Latency of everything, p99, seconds", stat = "p99", metrics = [
        ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", var.load_balancer],
      ] },
      { title = "Orders per minute", stat = "Sum", metrics = [
        for pair in [["gateway", "orders_accepted_total"], ["gateway", "orders_refused_total"], ["billing", "orders_recorded_total"], ["billing", "orders_dead_lettered_total"]] :
        [var.metric_namespace, pair[1], "ClusterName", var.cluster_name, "unit", pair[0]]
      ] },
      { title = "Orders that wait, and dead letters", stat = "Maximum", metrics = [
        for metric in ["billing_queue_depth", "billing_dead_letters"] :
        [var.metric_namespace, metric, "ClusterName", var.cluster_name, "unit", "billing"]
      ] },
      { title = "Requests per microservice and status", searches = [
        "{${var.metric_namespace},ClusterName,unit,status} MetricName=\"http_requests_total\" ClusterName=\"${var.cluster_name}\"",
      ], stat = "Sum" },
      { title = "Cluster: nodes", stat = "Maximum", metrics = [
        [local.insights, "cluster_node_count", "ClusterName", var.cluster_name],
        [local.insights, "cluster_failed_node_count", "ClusterName", var.cluster_name],
      ] },
      { title = "Cluster: CPU %", stat = "Average", metrics = [
        [local.insights, "node_cpu_utilization", "ClusterName", var.cluster_name],
        [local.insights, "pod_cpu_utilization", "ClusterName", var.cluster_name],
      ] },
      { title = "Cluster: memory %", stat = "Average", metrics = [
        [local.insights, "node_memory_utilization", "ClusterName", var.cluster_name],
        [local.insights, "pod_memory_utilization", "ClusterName", var.cluster_name],
      ] },
    ],
    [for what, metric in { CPU = "cpu", memory = "memory" } :
      { title = "Per node: ${what} %", stat = "Average", searches = [
        "{${local.insights},ClusterName,InstanceId,NodeName} MetricName=\"node_${metric}_utilization\" ClusterName=\"${var.cluster_name}\"",
      ] }
    ],
    [for what, metric in { CPU = "cpu", memory = "memory" } :
      { title = "Per namespace: ${what} %", stat = "Average", searches = [
        "{${local.insights},ClusterName,Namespace} MetricName=\"pod_${metric}_utilization\" ClusterName=\"${var.cluster_name}\"",
      ] }
    ],
    # In an environment without managed ones, databases and broker are pods among these.
    [for what, metric in { CPU = "cpu", memory = "memory" } :
      { title = "Per pod of ${var.namespace}: ${what} %", stat = "Average", searches = [
        "{${local.insights},ClusterName,Namespace,PodName} MetricName=\"pod_${metric}_utilization\" ClusterName=\"${var.cluster_name}\" Namespace=\"${var.namespace}\"",
      ] }
    ],
    [for what, metric in { CPU = "cpu", memory = "memory" } :
      { title = "Microservices: ${what}, % of limit", stat = "Maximum", metrics = [
        for pod in flatten(values(local.pods)) :
        [local.insights, "pod_${metric}_utilization_over_pod_limit", "ClusterName", var.cluster_name, "Namespace", var.namespace, "PodName", pod]
      ] }
    ],
    # These, too, have databases and broker where they run in the cluster.
    [for what, metric in { CPU = "cpu", memory = "memory" } :
      { title = "Per pod of ${var.namespace}: ${what}, % of limit", stat = "Maximum", searches = [
        "{${local.insights},ClusterName,Namespace,PodName} MetricName=\"pod_${metric}_utilization_over_pod_limit\" ClusterName=\"${var.cluster_name}\" Namespace=\"${var.namespace}\"",
      ] }
    ],
    length(var.databases) == 0 ? [] : [
      for title, metric in { "CPU %" = "CPUUtilization", "connections" = "DatabaseConnections", "free storage, bytes" = "FreeStorageSpace" } :
      { title = "Databases: ${title}", stat = "Average", metrics = [
        for id in values(var.databases) : ["AWS/RDS", metric, "DBInstanceIdentifier", id]
      ] }
    ],
    var.broker == null ? [] : [
      { title = "Broker: CPU %", stat = "Maximum", metrics = [["AWS/AmazonMQ", "SystemCpuUtilization", "Broker", var.broker]] },
      { title = "Broker: memory against its limit, bytes", stat = "Maximum", metrics = [
        for metric in ["RabbitMQMemUsed", "RabbitMQMemLimit"] : ["AWS/AmazonMQ", metric, "Broker", var.broker]
      ] },
      { title = "Broker: disk against its limit, bytes", stat = "Minimum", metrics = [
        for metric in ["RabbitMQDiskFree", "RabbitMQDiskFreeLimit"] : ["AWS/AmazonMQ", metric, "Broker", var.broker]
      ] },
    ],
  )

  shown = [for chart in local.charts : chart if local.watched || try(startswith(chart.metrics[0][0], "AWS/"), false)]

  # Three to a row.
  widgets = [for i, chart in local.shown : {
    type   = "metric"
    x      = 8 * (i % 3)
    y      = local.first_height + 6 * floor(i / 3)
    width  = 8
    height = 6
    properties = {
      title  = chart.title
      region = local.region
      view   = "timeSeries"
      period = 60
      stat   = chart.stat
      metrics = try(chart.metrics, [for j, search in chart.searches :
        [{ id = "s${j}", expression = "SEARCH('${search}', '${chart.stat}', 60)", label = "" }]
      ])
    }
  }]
}
