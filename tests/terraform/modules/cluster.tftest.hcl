mock_provider "aws" {
  source = "./mocks"
}

variables {
  name        = "code-keeper-test"
  subnet_ids  = ["subnet-1", "subnet-2"]
  kms_key_arn = "arn:aws:kms:eu-north-1:123456789012:key/1"
}

run "defaults" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "the Kubernetes API is private"
  }
  assert {
    condition     = aws_eks_cluster.this.compute_config[0].enabled && aws_eks_cluster.this.compute_config[0].node_pools == toset(["general-purpose", "system"])
    error_message = "Auto Mode runs its built-in pools"
  }
  assert {
    condition     = aws_eks_cluster.this.storage_config[0].block_storage[0].enabled && aws_eks_cluster.this.kubernetes_network_config[0].elastic_load_balancing[0].enabled
    error_message = "Auto Mode makes volumes and binds target groups"
  }
  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].resources == toset(["secrets"]) && aws_eks_cluster.this.encryption_config[0].provider[0].key_arn == var.kms_key_arn
    error_message = "secrets are encrypted by our key"
  }
  assert {
    condition     = length(aws_eks_cluster.this.enabled_cluster_log_types) == 5
    error_message = "all of the control plane is logged"
  }
  assert {
    condition     = aws_cloudwatch_log_group.control_plane.retention_in_days == 30 && aws_cloudwatch_log_group.control_plane.kms_key_id == var.kms_key_arn
    error_message = "its logs are encrypted and end"
  }
  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API" && !aws_eks_cluster.this.access_config[0].bootstrap_cluster_creator_admin_permissions
    error_message = "access is by entries only, and nobody has it unnamed"
  }
  assert {
    condition     = aws_eks_cluster.this.zonal_shift_config[0].enabled
    error_message = "an ill zone can be left"
  }
  assert {
    condition     = aws_eks_cluster.this.upgrade_policy[0].support_type == "STANDARD"
    error_message = "extended support is not billed unasked"
  }
  assert {
    condition     = toset(keys(aws_eks_addon.this)) == toset(["aws-secrets-store-csi-driver-provider", "metrics-server", "snapshot-controller"]) && length(aws_eks_addon.insights) == 1
    error_message = "the add-ons are there"
  }
  assert {
    condition     = length(aws_eks_addon.node) == 0 && length(aws_eks_addon.dns) == 0 && length(aws_eks_node_group.this) == 0
    error_message = "Auto Mode needs no node add-ons"
  }
  assert {
    condition     = alltrue([for g in aws_cloudwatch_log_group.insights : g.kms_key_id == var.kms_key_arn && g.retention_in_days == 30])
    error_message = "container logs are encrypted and end"
  }
  assert {
    condition     = alltrue([for a in aws_iam_role_policy_attachment.node : contains(["AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly"], split("/", a.policy_arn)[1])])
    error_message = "nodes may pull images and register, no more"
  }
  assert {
    condition     = toset(keys(aws_iam_role_policy_attachment.cluster)) == toset(["AmazonEKSClusterPolicy", "AmazonEKSComputePolicy", "AmazonEKSBlockStoragePolicyV2", "AmazonEKSLoadBalancingPolicy", "AmazonEKSNetworkingPolicy"])
    error_message = "Auto Mode has the rights that it asks for; the second block storage policy holds it to its own volumes and snapshots"
  }
  assert {
    condition     = length(aws_iam_role.service_account) == 0
    error_message = "a service without secrets has no role"
  }
}

run "metrics_of_the_application" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  assert {
    condition     = { for feature, settings in jsondecode(aws_eks_addon.insights[0].configuration_values) : feature => settings.enabled if feature != "agents" } == { applicationSignals = false, containerInsights = true, otelContainerInsights = false }
    error_message = "the metrics that dashboard and alarms read, and no others, whatever a version's defaults are"
  }
  assert {
    condition     = [for a in jsondecode(aws_eks_addon.insights[0].configuration_values).agents : a.name] == ["cloudwatch-agent", "cloudwatch-agent-prometheus"]
    error_message = "one agent for the nodes, one for the application"
  }
  assert {
    condition     = jsondecode(aws_eks_addon.insights[0].configuration_values).agents[1].config.logs.metrics_collected.prometheus.emf_processor.metric_namespace == "CodeKeeper"
    error_message = "metrics go where dashboard and alarms look"
  }
  assert {
    condition     = alltrue([for m in ["orders_accepted_total", "orders_recorded_total", "orders_dead_lettered_total", "billing_queue_depth", "billing_dead_letters", "dependency_up", "http_in_flight"] : anytrue(flatten([for d in jsondecode(aws_eks_addon.insights[0].configuration_values).agents[1].config.logs.metrics_collected.prometheus.emf_processor.metric_declaration : [for s in d.metric_selectors : can(regex(s, m))]]))])
    error_message = "the metrics that dashboard and alarms read are collected"
  }
  assert {
    condition     = alltrue([for port, unit in { "3100" = "gateway", "8180" = "inventory", "8181" = "billing" } : anytrue([for r in jsondecode(aws_eks_addon.insights[0].configuration_values).agents[1].prometheus.config.scrape_configs[0].relabel_configs : try(r.replacement == unit && r.regex == port, false)])])
    error_message = "each management port is scraped as its unit"
  }
}

run "no_traces" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  assert {
    condition     = output.traces_endpoint == null && toset(keys(jsondecode(aws_eks_addon.insights[0].configuration_values).agents[1].config)) == toset(["logs"])
    error_message = "unless it is asked to, the agent takes no spans"
  }
}

run "traces" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  variables {
    traces = true
  }
  assert {
    condition     = jsondecode(aws_eks_addon.insights[0].configuration_values).agents[1].config.traces.traces_collected.otlp.http_endpoint == "0.0.0.0:4316"
    error_message = "the agent takes spans by HTTP"
  }
  assert {
    condition     = startswith(jsondecode(aws_eks_addon.insights[0].configuration_values).agents[1].config.traces.traces_collected.otlp.grpc_endpoint, "127.0.0.1:")
    error_message = "and by nothing else"
  }
  assert {
    condition     = jsondecode(aws_eks_addon.insights[0].configuration_values).agents[1].config.logs.metrics_collected.prometheus.cluster_name == "code-keeper-test"
    error_message = "it goes on with the metrics"
  }
  assert {
    condition     = output.traces_endpoint == "http://${jsondecode(aws_eks_addon.insights[0].configuration_values).agents[1].name}-headless.amazon-cloudwatch:4316"
    error_message = "the units are told where the agent is"
  }
  assert {
    condition     = endswith(aws_iam_role_policy_attachment.insights[0].policy_arn, "/CloudWatchAgentServerPolicy")
    error_message = "its role may write to X-Ray"
  }
}

run "rejects_traces_without_the_agent" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  variables {
    traces             = true
    container_insights = false
  }
  expect_failures = [var.traces]
}

run "versions_of_addons" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  variables {
    addon_versions = { metrics-server = "v0.8.0-eksbuild.2" }
  }
  assert {
    condition     = aws_eks_addon.this["metrics-server"].addon_version == "v0.8.0-eksbuild.2"
    error_message = "an add-on has the version that is asked for"
  }
}

run "versions_of_no_addon" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  variables {
    addon_versions = { metrics-serfer = "v0.8.0-eksbuild.2" }
  }
  expect_failures = [var.addon_versions]
}

run "public_endpoint" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  variables {
    public_access_cidrs = ["192.0.2.0/24"]
  }
  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["192.0.2.0/24"])
    error_message = "the API is open to the networks that are named"
  }
}

run "service_accounts" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  variables {
    service_account_secrets = {
      gateway   = ["arn:aws:secretsmanager:eu-north-1:123456789012:secret:g"]
      billing   = ["arn:aws:secretsmanager:eu-north-1:123456789012:secret:b"]
      inventory = []
    }
  }
  assert {
    condition     = toset(keys(aws_eks_pod_identity_association.service_account)) == toset(["gateway", "billing"])
    error_message = "those with secrets have a role"
  }
  assert {
    condition     = aws_eks_pod_identity_association.service_account["gateway"].namespace == "code-keeper" && aws_eks_pod_identity_association.service_account["gateway"].service_account == "gateway"
    error_message = "the association names the service account"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.service_account["gateway"].policy).Statement[0].Resource == ["arn:aws:secretsmanager:eu-north-1:123456789012:secret:g"]
    error_message = "a service reads its own secrets only"
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.service_account["gateway"].policy, "\"*\"")
    error_message = "no wildcard"
  }
}

run "node_groups" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  variables {
    node_groups = {
      batch = {
        instance_types = ["m7g.large"]
        ami_type       = "AL2023_ARM_64_STANDARD"
        capacity_type  = "SPOT"
        max_size       = 5
        taints         = [{ key = "batch", value = "true", effect = "NO_SCHEDULE" }]
      }
    }
    tags = { Project = "code-keeper" }
  }
  assert {
    condition     = aws_eks_node_group.this["batch"].capacity_type == "SPOT" && aws_eks_node_group.this["batch"].scaling_config[0].max_size == 5
    error_message = "the group is as it was asked for"
  }
  assert {
    condition     = one(aws_eks_node_group.this["batch"].taint).effect == "NO_SCHEDULE"
    error_message = "with its taint"
  }
  assert {
    condition     = aws_launch_template.node["batch"].metadata_options[0].http_tokens == "required" && aws_launch_template.node["batch"].metadata_options[0].http_put_response_hop_limit == 1
    error_message = "pods do not reach the node's credentials"
  }
  assert {
    condition     = aws_launch_template.node["batch"].block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "disks are encrypted"
  }
  assert {
    condition     = alltrue([for t in aws_launch_template.node["batch"].tag_specifications : t.tags["Project"] == "code-keeper"])
    error_message = "instances and volumes carry the tags"
  }
  assert {
    condition     = toset(keys(aws_eks_addon.node)) == toset(["vpc-cni", "kube-proxy", "eks-pod-identity-agent"]) && length(aws_eks_addon.dns) == 1
    error_message = "and has the add-ons that Auto Mode does without"
  }
  assert {
    condition     = jsondecode(aws_eks_addon.node["vpc-cni"].configuration_values).enableNetworkPolicy == "true"
    error_message = "network policies hold on these nodes too"
  }
  assert {
    condition     = aws_iam_role.node_group[0].name == "code-keeper-test-node-group" && aws_iam_role.node_group[0].name != aws_iam_role.node.name
    error_message = "one role cannot have the access entries of both kinds of nodes"
  }
}

run "switched_off" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  variables {
    secrets_store       = false
    snapshot_controller = false
    container_insights  = false
  }
  assert {
    condition     = toset(keys(aws_eks_addon.this)) == toset(["metrics-server"]) && length(aws_eks_addon.insights) == 0 && length(aws_cloudwatch_log_group.insights) == 0 && output.application_log_group == null
    error_message = "what is switched off is not there"
  }
}

run "access" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  variables {
    admin_principals    = { lead = "arn:aws:iam::123456789012:role/lead" }
    deployer_principals = { ci = "arn:aws:iam::123456789012:role/ci" }
  }
  assert {
    condition     = endswith(aws_eks_access_policy_association.admin["lead"].policy_arn, "/AmazonEKSClusterAdminPolicy")
    error_message = "administrators administer"
  }
  assert {
    condition     = aws_eks_access_policy_association.deployer["ci"].access_scope[0].type == "namespace" && aws_eks_access_policy_association.deployer["ci"].access_scope[0].namespaces == toset(["code-keeper"])
    error_message = "a pipeline reaches its namespace only"
  }
  assert {
    condition     = !endswith(aws_eks_access_policy_association.deployer["ci"].policy_arn, "ClusterAdminPolicy")
    error_message = "and is no administrator"
  }
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  variables {
    kubernetes_version       = "1.34"
    subnet_ids               = ["subnet-1"]
    public_access_cidrs      = ["0.0.0.0/0"]
    cloudwatch_addon_version = "v5.1.0-eksbuild.1"
    node_pools               = ["gpu"]
    node_groups              = { a = { instance_types = ["m7g.large"], capacity_type = "CHEAP" } }
    admin_principals         = { me = "me" }
    deployer_principals      = { me = "arn:aws:iam::123456789012:user/me" }
    namespace                = "Code_Keeper"
    name                     = "Code Keeper"
    log_retention_days       = 8
  }
  expect_failures = [var.kubernetes_version, var.cloudwatch_addon_version, var.subnet_ids, var.public_access_cidrs, var.node_pools, var.node_groups, var.admin_principals, var.deployer_principals, var.namespace, var.name, var.log_retention_days]
}

run "rejects_more" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  variables {
    public_access_cidrs = ["office"]
    node_groups         = { a = { instance_types = ["m7g.large"], min_size = 5, max_size = 2 } }
  }
  expect_failures = [var.public_access_cidrs, var.node_groups]
}

run "rejects_still_more" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  variables {
    node_groups = { a = { instance_types = [] } }
  }
  expect_failures = [var.node_groups]
}

run "rejects_yet_more" {
  command = plan
  module {
    source = "../../../terraform/modules/cluster"
  }
  variables {
    node_groups = { a = { instance_types = ["m7g.large"], taints = [{ key = "a", effect = "Never" }] } }
  }
  expect_failures = [var.node_groups]
}
