data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id

  issuer       = "token.actions.githubusercontent.com"
  provider_arn = "arn:${local.partition}:iam::${local.account}:oidc-provider/${local.issuer}"

  images      = "arn:${local.partition}:ecr:${local.region}:${local.account}:repository/${var.project}-images/*"
  read_images = ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:DescribeImageScanFindings", "ecr:GetDownloadUrlForLayer"]
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.create_provider ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

# One role per environment: the pipeline of dev has no key to production.
resource "aws_iam_role" "deploy" {
  # checkov:skip=CKV_AWS_393: the claim is one repository and one environment, held to that by the variable's validation
  for_each = var.environments

  name                 = "${var.project}-${each.value}-deploy"
  max_session_duration = 3600
  permissions_boundary = var.permissions_boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          # The environment's own rules in the repository (branches, reviewers) decide who gets this subject.
          "token.actions.githubusercontent.com:sub" = "repo:${var.repository}:environment:${each.value}"
        }
      }
    }]
  })

  depends_on = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_role_policy" "deploy" {
  for_each = var.environments

  name = "deploy"
  role = aws_iam_role.deploy[each.value].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # It names no repository: the token it gives is good for what the next statement allows.
        Sid      = "LogInToTheRegistry"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*"
      },
      {
        # What is deployed was built, and signed, by somebody else.
        Sid      = "ReadImages"
        Effect   = "Allow"
        Action   = local.read_images
        Resource = local.images
      },
      {
        # The public half is enough to see who signed.
        Sid      = "CheckSignatures"
        Effect   = "Allow"
        Action   = ["kms:DescribeKey", "kms:GetPublicKey"]
        Resource = var.signing_key_arn
      },
      {
        # Enough for a kubeconfig; what may be done in the cluster is in its access entry.
        Sid      = "FindTheCluster"
        Effect   = "Allow"
        Action   = "eks:DescribeCluster"
        Resource = "arn:${local.partition}:eks:${local.region}:${local.account}:cluster/${var.project}-${each.value}"
      },
    ]
  })
}
