mock_provider "aws" {
  source = "./mocks"
}

variables {
  name          = "code-keeper-test"
  environment   = "test"
  cluster_name  = "code-keeper-test"
  load_balancer = "app/code-keeper-test/1"
  target_group  = "targetgroup/code-keeper-test/1"
  runbook_url   = "https://example.com/RUNBOOK.md"
  kms_key_arn   = "arn:aws:kms:eu-north-1:123456789012:key/1"

  application_log_group = "/aws/containerinsights/code-keeper-test/application"
}

run "defaults" {
  command = plan
  module {
    source = "../../../terraform/modules/observability"
  }
  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "code-keeper-test")
    error_message = "the dashboard names the cluster"
  }
  assert {
    condition     = alltrue([for title in ["Requests per minute", "Errors per minute", "Latency without orders waited for, p99, ms", "Latency of everything, p99, seconds", "Orders that wait, and dead letters", "Cluster: CPU %", "Cluster: memory %", "Per node: CPU %", "Per namespace: CPU %", "Per pod of code-keeper: memory %", "Microservices: memory, % of limit", "Per pod of code-keeper: memory, % of limit", "Per pod of code-keeper: CPU, % of limit"] : contains([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : w.properties.title], title)])
    error_message = "the dashboard shows what was promised"
  }
  assert {
    condition     = length(distinct([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : "${w.x},${w.y}"])) == length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets)
    error_message = "no chart lies over another"
  }
  assert {
    condition     = alltrue([for a in ["latency", "no-target", "dead-letters", "failed-nodes", "node-memory"] : contains(keys(aws_cloudwatch_metric_alarm.simple), a)]) && toset(keys(aws_cloudwatch_metric_alarm.computed)) == toset(["errors", "queue-age", "gateway-restarts", "inventory-restarts", "billing-restarts", "gateway-memory", "inventory-memory", "billing-memory"])
    error_message = "what a person must act on raises an alarm"
  }
  assert {
    condition     = alltrue([for k, a in merge(aws_cloudwatch_metric_alarm.simple, aws_cloudwatch_metric_alarm.computed) : endswith(a.alarm_description, "https://example.com/RUNBOOK.md#${k}")])
    error_message = "each alarm links to what to do"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.simple["dead-letters"].threshold == 0 && aws_cloudwatch_metric_alarm.simple["dead-letters"].comparison_operator == "GreaterThanThreshold"
    error_message = "one dead letter is enough"
  }
  assert {
    condition = alltrue([for unit, pods in { gateway = ["gateway"], inventory = ["inventory"], billing = ["billing-0", "billing-1", "billing-2"] } :
      toset(flatten([for q in aws_cloudwatch_metric_alarm.computed["${unit}-memory"].metric_query : [for m in q.metric : m.dimensions.PodName]])) == toset(pods)
    ])
    error_message = "memory is looked at by pod: of two Services that have one pod, Container Insights takes one at random"
  }
  assert {
    condition     = !anytrue([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : strcontains(jsonencode(w.properties.metrics), "Service")])
    error_message = "and so it is shown"
  }
  assert {
    condition     = toset(flatten([for q in aws_cloudwatch_metric_alarm.computed["billing-restarts"].metric_query : [for m in q.metric : m.dimensions.PodName]])) == toset(["billing-0", "billing-1", "billing-2"])
    error_message = "each pod of billing is watched"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.computed["gateway-restarts"].evaluation_periods == 1 && alltrue(flatten([for q in aws_cloudwatch_metric_alarm.computed["gateway-restarts"].metric_query : [for m in q.metric : m.stat == "Sum" && m.period == 900]]))
    error_message = "restarts are counted by the minute: only their sum grows"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.computed["errors"].evaluation_periods == 5
    error_message = "minutes are periods where periods are minutes"
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.simple["no-target"].insufficient_data_actions) == 1
    error_message = "a target group without targets says nothing"
  }
  assert {
    condition     = strcontains(aws_cloudwatch_log_metric_filter.latency[0].pattern, "$.log_processed.route != \"/api/billing/orders/<order_id>\"") && aws_cloudwatch_metric_alarm.simple["latency"].threshold == 1000
    error_message = "whoever waits for an order on purpose wakes nobody"
  }
  assert {
    condition     = [aws_cloudwatch_metric_alarm.simple["latency"].namespace, aws_cloudwatch_metric_alarm.simple["latency"].metric_name] == [one(aws_cloudwatch_log_metric_filter.latency[0].metric_transformation).namespace, one(aws_cloudwatch_log_metric_filter.latency[0].metric_transformation).name]
    error_message = "the alarm looks at what the log says"
  }
  assert {
    condition     = [aws_cloudwatch_metric_alarm.simple["node-disk"].metric_name, aws_cloudwatch_metric_alarm.simple["node-disk"].threshold] == ["node_status_condition_disk_pressure", 0]
    error_message = "of all file systems the fullest is a read-only one, which always is: the node itself knows when its disk is short"
  }
  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == var.kms_key_arn
    error_message = "notifications are encrypted"
  }
  assert {
    condition     = length(aws_budgets_budget.this) == 0
    error_message = "no budget unasked"
  }
}

run "managed_data" {
  command = plan
  module {
    source = "../../../terraform/modules/observability"
  }
  variables {
    databases          = { inventory = "code-keeper-test-inventory", billing = "code-keeper-test-billing" }
    broker             = "code-keeper-test"
    alarm_emails       = ["oncall@example.com"]
    monthly_budget_usd = 100

    monthly_nodes_budget_usd = 50
  }
  assert {
    condition     = alltrue([for a in ["inventory-database-cpu", "billing-database-storage", "billing-database-connections"] : contains(keys(aws_cloudwatch_metric_alarm.simple), a)]) && alltrue([for a in ["broker-memory", "broker-disk"] : contains(keys(aws_cloudwatch_metric_alarm.computed), a)])
    error_message = "databases and broker are watched"
  }
  assert {
    condition     = anytrue([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : startswith(w.properties.title, "Databases:")]) && anytrue([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : startswith(w.properties.title, "Broker:")])
    error_message = "and shown"
  }
  assert {
    condition     = { for name, budget in aws_budgets_budget.this : name => [budget.limit_amount, one(one(budget.cost_filter).values)] } == { code-keeper-test = ["100", "user:Environment$test"], code-keeper-test-nodes = ["50", "user:eks:eks-cluster-name$code-keeper-test"] }
    error_message = "the budgets count what carries the environment's tag, and Auto Mode's nodes, which do not"
  }
  assert {
    condition     = aws_sns_topic_subscription.mail["oncall@example.com"].protocol == "email"
    error_message = "somebody is told"
  }
}

run "no_agent" {
  command = plan
  module {
    source = "../../../terraform/modules/observability"
  }
  variables {
    application_log_group = null
    databases             = { inventory = "code-keeper-test-inventory" }
    broker                = "code-keeper-test"
  }
  assert {
    condition     = toset(output.alarms) == toset(["broker-disk", "broker-memory", "errors", "inventory-database-connections", "inventory-database-cpu", "inventory-database-storage", "no-target"])
    error_message = "what nobody measures raises no alarm"
  }
  assert {
    condition     = alltrue([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : startswith(w.properties.metrics[0][0], "AWS/")]) && length(aws_cloudwatch_log_metric_filter.latency) == 0
    error_message = "and is not shown"
  }
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/observability"
  }
  variables {
    alarm_emails       = ["oncall"]
    runbook_url        = "RUNBOOK.md"
    latency_seconds    = 0
    error_percent      = 0
    queue_wait_seconds = 5
    monthly_budget_usd = 0
    name               = "A"

    monthly_nodes_budget_usd = 0
  }
  expect_failures = [var.alarm_emails, var.runbook_url, var.latency_seconds, var.error_percent, var.queue_wait_seconds, var.monthly_budget_usd, var.monthly_nodes_budget_usd, var.name]
}
