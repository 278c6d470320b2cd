resource "aws_security_group" "this" {
  name        = "${var.name}-edge"
  description = "Load balancer"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-edge" }
}

# Behind CloudFront the load balancer hears CloudFront only.
data "aws_ec2_managed_prefix_list" "cloudfront" {
  count = var.cloudfront ? 1 : 0

  name = "com.amazonaws.global.cloudfront.origin-facing"
}

resource "aws_vpc_security_group_ingress_rule" "cloudfront" {
  count = var.cloudfront ? 1 : 0

  security_group_id = aws_security_group.this.id
  description       = "HTTPS from CloudFront"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront[0].id
  ip_protocol       = "tcp"
  from_port         = local.https_port
  to_port           = local.https_port

  tags = { Name = "${var.name}-edge" }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = var.cloudfront ? {} : {
    for pair in setproduct(var.allowed_cidrs, [80, local.https_port]) : "${pair[0]}-${pair[1]}" => { cidr = pair[0], port = pair[1] }
  }

  security_group_id = aws_security_group.this.id
  description       = "Clients; port 80 answers with a redirect"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port

  tags = { Name = "${var.name}-edge" }
}

# Both sides of the way to the pods, so that the cluster makes no rule that Terraform does not know.
resource "aws_vpc_security_group_egress_rule" "pods" {
  for_each = { requests = local.target_port, health = local.health_port }

  security_group_id            = aws_security_group.this.id
  description                  = "${each.key} to pods"
  referenced_security_group_id = var.pod_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value

  tags = { Name = "${var.name}-edge-${each.key}" }
}

resource "aws_vpc_security_group_ingress_rule" "pods" {
  for_each = { requests = local.target_port, health = local.health_port }

  security_group_id            = var.pod_security_group_id
  description                  = "${each.key} from the load balancer"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value

  tags = { Name = "${var.name}-edge-${each.key}" }
}
