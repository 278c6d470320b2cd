mock_provider "aws" {
  source = "./mocks"
}

variables {
  name          = "code-keeper-test"
  environment   = "test"
  cluster_name  = "code-keeper-test"
  load_balancer = "app/code-keeper-test/1"
  target_group  = "targetgroup/code-keeper-test/1"
  runbook_url   = "https://example.com/runbooks"
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
    condition = [for w in slice(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets, 0, 12) : "${w.y} ${w.properties.title}"] == [
      "0 99.9 %: Requests that the gateway answers without a 5xx", "0 99.9 %: Valid orders that the queue takes",
      "0 99 %: Orders that are recorded within five seconds of their acceptance", "0 99 %: Reads that the gateway answers within 100 ms",
      "6 Requests per unit and minute", "6 Errors per unit and minute", "6 Latency per unit, p99, ms", "6 Saturation per unit: memory, % of limit; requests in flight, connections in use (right)",
      "12 Orders that wait", "12 Age: how long the newest order will wait, s", "12 Dead letters", "12 Dependencies (1: reached)",
    ]
    error_message = "it begins with the objectives, the golden signals and what waits, as Grafana's does"
  }
  assert {
    condition     = length(distinct([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : "${w.x},${w.y}"])) == length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets)
    error_message = "no chart lies over another"
  }
  assert {
    condition     = alltrue([for a in ["latency", "no-target", "dead-letters", "failed-nodes", "node-memory", "orders-unconfirmed", "volume-full", "gateway-down", "inventory-down", "billing-down"] : contains(keys(aws_cloudwatch_metric_alarm.simple), a)]) && toset(keys(aws_cloudwatch_metric_alarm.computed)) == toset(["queue-age", "orders-refused", "broker-disconnected", "dependency-down", "database-unavailable", "gateway-restarts", "inventory-restarts", "billing-restarts", "gateway-memory", "inventory-memory", "billing-memory"])
    error_message = "what a person must act on raises an alarm"
  }
  assert {
    condition     = alltrue([for a in concat(values(aws_cloudwatch_metric_alarm.simple), values(aws_cloudwatch_metric_alarm.computed), values(aws_cloudwatch_composite_alarm.objective)) : can(regex("\\. https://example\\.com/runbooks/[a-z-]+\\.md https://eu-north-1\\.console\\.aws\\.amazon\\.com/cloudwatch/[^ ]*#dashboards/dashboard/code-keeper-test$", a.alarm_description))])
    error_message = "each alarm links to what to do, and to the dashboard"
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
    condition     = aws_cloudwatch_metric_alarm.computed["queue-age"].evaluation_periods == 5
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
    condition = toset(flatten([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [for m in w.properties.metrics : m[1]] if w.properties.title == "Latency per unit, p99, ms"])) == toset(concat(
      [for filter in values(aws_cloudwatch_log_metric_filter.latency_behind) : one(filter.metric_transformation).name],
      [one(aws_cloudwatch_log_metric_filter.latency[0].metric_transformation).name],
    ))
    error_message = "the latency of each unit is counted, and shown"
  }
  assert {
    condition     = [aws_cloudwatch_metric_alarm.simple["node-disk"].metric_name, aws_cloudwatch_metric_alarm.simple["node-disk"].threshold] == ["node_status_condition_disk_pressure", 0]
    error_message = "of all file systems the fullest is a read-only one, which always is: the node itself knows when its disk is short"
  }
  assert {
    condition     = toset(flatten([for q in aws_cloudwatch_metric_alarm.computed["orders-refused"].metric_query : [for m in q.metric : m.dimensions.reason]])) == toset(["internal", "overloaded", "timeout", "unavailable"])
    error_message = "refused orders are told apart by reason: a client who sends nonsense wakes nobody"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.simple["gateway-down"].treat_missing_data == "breaching"
    error_message = "a unit that is gone says nothing"
  }
  assert {
    condition     = aws_cloudwatch_log_metric_filter.volumes[0].log_group_name == "/aws/containerinsights/code-keeper-test/performance" && [aws_cloudwatch_metric_alarm.simple["volume-full"].namespace, aws_cloudwatch_metric_alarm.simple["volume-full"].metric_name] == [one(aws_cloudwatch_log_metric_filter.volumes[0].metric_transformation).namespace, one(aws_cloudwatch_log_metric_filter.volumes[0].metric_transformation).name]
    error_message = "claims are looked at apart from the nodes' own disks"
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

run "objectives" {
  command = plan
  module {
    source = "../../../terraform/modules/observability"
  }
  assert {
    condition     = toset(keys(aws_cloudwatch_composite_alarm.objective)) == toset(flatten([for slo in ["gateway-availability", "read-latency", "order-acceptance", "order-freshness"] : ["${slo}-page", "${slo}-ticket"]]))
    error_message = "each objective has two ways to call"
  }
  assert {
    condition     = aws_cloudwatch_composite_alarm.objective["read-latency-page"].alarm_rule == "(ALARM(\"code-keeper-test-read-latency-page-1h\") AND ALARM(\"code-keeper-test-read-latency-page-5m\")) OR (ALARM(\"code-keeper-test-read-latency-page-6h\") AND ALARM(\"code-keeper-test-read-latency-page-30m\"))"
    error_message = "a budget burns in a long and in a short window"
  }
  assert {
    condition = alltrue([for alarm in values(aws_cloudwatch_composite_alarm.objective) : alltrue([
      for name in flatten(regexall("ALARM\\(\"([^\"]+)\"\\)", alarm.alarm_rule)) : contains([for burn in values(aws_cloudwatch_metric_alarm.burn) : burn.alarm_name], name)
    ])])
    error_message = "what is combined is there"
  }
  assert {
    condition     = alltrue([for alarm in values(aws_cloudwatch_metric_alarm.burn) : length(alarm.alarm_actions == null ? [] : alarm.alarm_actions) == 0 && alarm.treat_missing_data == "notBreaching"])
    error_message = "a window by itself calls nobody, nor does silence"
  }
  assert {
    condition = { for name in ["page-1h", "page-5m", "page-6h", "page-30m", "ticket-1d", "ticket-2h", "ticket-3d", "ticket-6h"] : name => [
      aws_cloudwatch_metric_alarm.burn["order-acceptance-${name}"].threshold,
      max(flatten([for q in aws_cloudwatch_metric_alarm.burn["order-acceptance-${name}"].metric_query : [for m in q.metric : m.period]])...),
      ] } == {
      page-1h   = [14.4, 3600], page-5m = [14.4, 300], page-6h = [6, 21600], page-30m = [6, 1800]
      ticket-1d = [3, 86400], ticket-2h = [3, 7200], ticket-3d = [1, 259200], ticket-6h = [1, 21600]
    }
    error_message = "thresholds and windows are the documented ones"
  }
  # AWS: seven days at most, a day where a period is less than an hour; ten metrics at most.
  assert {
    condition = alltrue([for alarm in values(aws_cloudwatch_metric_alarm.burn) : alltrue(flatten([for q in alarm.metric_query : [for m in q.metric :
      m.period % 60 == 0 && m.period * alarm.evaluation_periods <= (m.period < 3600 ? 86400 : 604800)
    ]])) && length(alarm.metric_query) <= 10])
    error_message = "AWS takes these windows"
  }
  assert {
    condition     = anytrue([for q in aws_cloudwatch_metric_alarm.burn["gateway-availability-page-1h"].metric_query : q.expression == "IF(bad >= 10, bad / total / 0.001, 0)"]) && anytrue([for q in aws_cloudwatch_metric_alarm.burn["gateway-availability-page-5m"].metric_query : q.expression == "IF(bad >= 1, bad / total / 0.001, 0)"])
    error_message = "one failure at night wakes nobody"
  }
  assert {
    condition     = strcontains(aws_cloudwatch_log_metric_filter.reads["slow_reads"].pattern, "$.log_processed.millis > 100") && strcontains(aws_cloudwatch_log_metric_filter.reads["reads"].pattern, "$.log_processed.method = \"GET\"")
    error_message = "reads are counted in the gateway's log"
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
    backup_vault       = "code-keeper-test"
    backup_copied      = true
    backup_restored    = true
    certificates       = { load-balancer = "arn:aws:acm:eu-north-1:123456789012:certificate/1" }

    monthly_nodes_budget_usd = 50
  }
  assert {
    condition     = alltrue([for a in ["inventory-database-cpu", "billing-database-storage", "billing-database-connections", "inventory-database-memory", "billing-database-credits", "billing-database-disk-queue", "broker-queue", "broker-consumers", "backup-failed", "backup-missing", "load-balancer-certificate"] : contains(keys(aws_cloudwatch_metric_alarm.simple), a)]) && alltrue([for a in ["broker-memory", "broker-disk"] : contains(keys(aws_cloudwatch_metric_alarm.computed), a)])
    error_message = "databases, broker, backups and certificates are watched"
  }
  assert {
    condition     = [for name in ["backup-failed", "backup-missing"] : [aws_cloudwatch_metric_alarm.simple[name].period, aws_cloudwatch_metric_alarm.simple[name].evaluation_periods, aws_cloudwatch_metric_alarm.simple[name].treat_missing_data]] == [[3600, 1, "notBreaching"], [86400, 1, "breaching"]]
    error_message = "a backup that is not made fails, too"
  }
  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.simple : name => [alarm.metric_name, alarm.treat_missing_data] if startswith(name, "backup-") } == {
      backup-failed         = ["NumberOfBackupJobsFailed", "notBreaching"]
      backup-missing        = ["NumberOfBackupJobsCompleted", "breaching"]
      backup-expired        = ["NumberOfBackupJobsExpired", "notBreaching"]
      backup-copy-failed    = ["NumberOfCopyJobsFailed", "notBreaching"]
      backup-copy-missing   = ["NumberOfCopyJobsCompleted", "breaching"]
      backup-restore-failed = ["NumberOfRestoreJobsFailed", "notBreaching"]
    } && alltrue([for name, alarm in aws_cloudwatch_metric_alarm.simple : alarm.dimensions == tomap({ BackupVaultName = "code-keeper-test" }) && alarm.period * alarm.evaluation_periods >= 3600 if startswith(name, "backup-")])
    error_message = "nor is a copy, or a restore for a test"
  }
  assert {
    condition     = [aws_cloudwatch_metric_alarm.simple["load-balancer-certificate"].threshold, aws_cloudwatch_metric_alarm.simple["load-balancer-certificate"].dimensions.CertificateArn] == [21, "arn:aws:acm:eu-north-1:123456789012:certificate/1"]
    error_message = "a certificate that ends is seen three weeks before"
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
    condition     = toset(output.alarms) == toset(["broker-consumers", "broker-disk", "broker-memory", "broker-queue", "gateway-availability-page", "gateway-availability-ticket", "inventory-database-connections", "inventory-database-cpu", "inventory-database-credits", "inventory-database-disk-queue", "inventory-database-memory", "inventory-database-storage", "no-target"])
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
    alarm_emails        = ["oncall"]
    runbook_url         = "RUNBOOK.md"
    latency_seconds     = 0
    database_memory_mib = 0
    queue_wait_seconds  = 5
    monthly_budget_usd  = 0
    name                = "A"

    monthly_nodes_budget_usd = 0
  }
  expect_failures = [var.alarm_emails, var.runbook_url, var.latency_seconds, var.database_memory_mib, var.queue_wait_seconds, var.monthly_budget_usd, var.monthly_nodes_budget_usd, var.name]
}
