# The CloudWatch agent runs twice: on every node for Container Insights, and once for the application's metrics and spans.
resource "aws_eks_addon" "insights" {
  count = var.container_insights ? 1 : 0

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = "amazon-cloudwatch-observability"
  addon_version               = var.cloudwatch_addon_version
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
  # Dashboard and alarms read Container Insights' classic metrics. What else the add-on can measure is paid for by the metric.
  configuration_values = jsonencode({
    containerInsights     = { enabled = true }
    otelContainerInsights = { enabled = false }
    applicationSignals    = { enabled = false }
    agents                = [{ name = "cloudwatch-agent" }, local.scraper]
  })

  pod_identity_association {
    service_account = "cloudwatch-agent"
    role_arn        = aws_iam_role.insights[0].arn
  }

  depends_on = [aws_cloudwatch_log_group.insights, aws_iam_role_policy_attachment.insights]
}

resource "aws_iam_role" "insights" {
  count = var.container_insights ? 1 : 0

  name                 = "${var.name}-insights"
  permissions_boundary = var.permissions_boundary
  assume_role_policy   = local.pod_trust
}

# It may write to X-Ray, too.
resource "aws_iam_role_policy_attachment" "insights" {
  count = length(aws_iam_role.insights)

  role       = aws_iam_role.insights[0].name
  policy_arn = "${local.policies}/CloudWatchAgentServerPolicy"
}

# Made here for their retention, and so that destroying takes them along.
resource "aws_cloudwatch_log_group" "insights" {
  for_each = var.container_insights ? toset(["application", "dataplane", "host", "performance", "prometheus"]) : toset([])

  name              = "/aws/containerinsights/${var.name}/${each.value}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

locals {
  units = { "3100" = "gateway", "8180" = "inventory", "8181" = "billing" }

  # Spans come by OTLP over HTTP. Where nothing is said, the agent would open a port for gRPC as well.
  otlp_port = 4316
  traces = var.traces ? {
    traces = { traces_collected = { otlp = { http_endpoint = "0.0.0.0:${local.otlp_port}", grpc_endpoint = "127.0.0.1:4315" } } }
  } : {}

  scraper = {
    name     = "cloudwatch-agent-prometheus"
    mode     = "deployment"
    replicas = 1
    config   = merge({ logs = { metrics_collected = { prometheus = local.exposition } } }, local.traces)
    prometheus = {
      config = {
        global         = { scrape_interval = "1m", scrape_timeout = "10s" }
        scrape_configs = [local.scrape]
      }
    }
  }

  exposition = {
    cluster_name           = var.name
    log_group_name         = "/aws/containerinsights/${var.name}/prometheus"
    prometheus_config_path = "/etc/prometheusconfig/prometheus.yaml"
    emf_processor = {
      metric_namespace         = var.metric_namespace
      metric_declaration_dedup = true
      metric_declaration       = local.metrics
    }
  }

  # A unit is known by its management port, which no other pod of the namespace has.
  scrape = {
    job_name              = "code-keeper"
    metrics_path          = "/metrics"
    kubernetes_sd_configs = [{ role = "pod", namespaces = { names = [var.namespace] } }]
    relabel_configs = concat(
      [{
        source_labels = ["__meta_kubernetes_pod_container_port_number"]
        regex         = join("|", keys(local.units))
        action        = "keep"
      }],
      [for port, unit in local.units : {
        source_labels = ["__meta_kubernetes_pod_container_port_number"]
        regex         = port
        target_label  = "unit"
        replacement   = unit
      }],
    )
  }

  # The agent turns counters into differences; it drops histograms, so latency is the log's to tell.
  metrics = [
    {
      source_labels    = ["unit"]
      label_matcher    = "^(gateway|inventory|billing)$"
      dimensions       = [["ClusterName", "unit"], ["ClusterName", "unit", "status"]]
      metric_selectors = ["^http_requests_total$"]
    },
    {
      source_labels    = ["unit"]
      label_matcher    = "^(gateway|billing)$"
      dimensions       = [["ClusterName", "unit"]]
      metric_selectors = ["^orders_(accepted|recorded_late)_total$", "^billing_(queue_depth|dead_letters)$", "^(broker_connected|orders_unconfirmed)$"]
    },
    # Why, or how, as well: what a client does wrong is no refusal of ours.
    {
      source_labels    = ["unit"]
      label_matcher    = "^(gateway|billing)$"
      dimensions       = [["ClusterName", "unit"], ["ClusterName", "unit", "reason"]]
      metric_selectors = ["^orders_(refused|dead_lettered)_total$"]
    },
    {
      source_labels    = ["unit"]
      label_matcher    = "^billing$"
      dimensions       = [["ClusterName", "unit"], ["ClusterName", "unit", "outcome"]]
      metric_selectors = ["^orders_recorded_total$"]
    },
    {
      source_labels    = ["unit"]
      label_matcher    = "^(gateway|inventory|billing)$"
      dimensions       = [["ClusterName", "unit"]]
      metric_selectors = ["^(build_info|dependency_up|http_in_flight)$"]
    },
    {
      source_labels    = ["unit"]
      label_matcher    = "^(inventory|billing)$"
      dimensions       = [["ClusterName", "unit", "state"]]
      metric_selectors = ["^db_pool_connections$"]
    },
  ]
}
