locals {
  # Auto Mode runs these inside its nodes; nodes of a managed group need them as add-ons.
  node_addons = { for name, settings in {
    vpc-cni                = { enableNetworkPolicy = "true" }
    kube-proxy             = null
    eks-pod-identity-agent = null
  } : name => settings if length(var.node_groups) > 0 }

  addons = merge(
    # Autoscaling by CPU reads it.
    { metrics-server = null },
    var.snapshot_controller ? { snapshot-controller = null } : {},
    var.secrets_store ? {
      aws-secrets-store-csi-driver-provider = {
        secrets-store-csi-driver = { enableSecretRotation = true, rotationPollInterval = "2m" }
      }
    } : {},
  )
}

resource "aws_eks_addon" "node" {
  for_each = local.node_addons

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = lookup(var.addon_versions, each.key, null)
  configuration_values        = each.value == null ? null : jsonencode(each.value)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  # The network plugin changes interfaces; its rights come by Pod Identity and not from the node.
  dynamic "pod_identity_association" {
    for_each = each.key == "vpc-cni" ? aws_iam_role.cni : []
    content {
      service_account = "aws-node"
      role_arn        = pod_identity_association.value.arn
    }
  }
}

# A Deployment, and not for Auto Mode's nodes: it is not healthy before there is one of the others.
resource "aws_eks_addon" "dns" {
  count = length(var.node_groups) > 0 ? 1 : 0

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = "coredns"
  addon_version               = lookup(var.addon_versions, "coredns", null)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  depends_on = [aws_eks_node_group.this]
}

resource "aws_iam_role" "cni" {
  count = length(var.node_groups) > 0 ? 1 : 0

  name                 = "${var.name}-cni"
  permissions_boundary = var.permissions_boundary
  assume_role_policy   = local.pod_trust
}

resource "aws_iam_role_policy_attachment" "cni" {
  count = length(aws_iam_role.cni)

  role       = aws_iam_role.cni[0].name
  policy_arn = "${local.policies}/AmazonEKS_CNI_Policy"
}

resource "aws_eks_addon" "this" {
  for_each = local.addons

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = lookup(var.addon_versions, each.key, null)
  configuration_values        = each.value == null ? null : jsonencode(each.value)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
}
