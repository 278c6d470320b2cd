resource "aws_iam_role" "cluster" {
  name                 = "${var.name}-cluster"
  permissions_boundary = var.permissions_boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      # For EKS AWS documents the cluster and not the account, which is in it.
      Condition = { ArnEquals = { "aws:SourceArn" = "arn:${local.partition}:eks:${local.region}:${local.account}:cluster/${var.name}" } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "cluster" {
  for_each = toset([
    "AmazonEKSClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicyV2",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
  ])

  role       = aws_iam_role.cluster.name
  policy_arn = "${local.policies}/${each.value}"
}

resource "aws_iam_role" "node" {
  name                 = "${var.name}-node"
  permissions_boundary = var.permissions_boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each = toset(["AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly"])

  role       = aws_iam_role.node.name
  policy_arn = "${local.policies}/${each.value}"
}

# A role of their own: a role has one access entry, and that of Auto Mode's nodes is of another type (EC2, not EC2_LINUX).
resource "aws_iam_role" "node_group" {
  count = length(var.node_groups) > 0 ? 1 : 0

  name                 = "${var.name}-node-group"
  permissions_boundary = var.permissions_boundary
  assume_role_policy   = aws_iam_role.node.assume_role_policy
}

resource "aws_iam_role_policy_attachment" "node_group" {
  for_each = length(var.node_groups) > 0 ? toset(["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"]) : toset([])

  role       = aws_iam_role.node_group[0].name
  policy_arn = "${local.policies}/${each.value}"
}

locals {
  # Trust of every role that a pod of this cluster, and of no other, may take.
  pod_trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnEquals    = { "aws:SourceArn" = aws_eks_cluster.this.arn }
      }
    }]
  })
}
