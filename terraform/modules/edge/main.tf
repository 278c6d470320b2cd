locals {
  https_port  = 443
  target_port = 3000
  health_port = 3100

  # Longer than the gateway keeps a silent connection would mean requests sent into a closed one: it keeps 75 s.
  idle_timeout = 60
}

resource "aws_lb" "this" {
  name               = var.name
  load_balancer_type = "application"
  internal           = var.internal
  subnets            = var.subnet_ids
  security_groups    = [aws_security_group.this.id]

  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection
  idle_timeout               = local.idle_timeout

  dynamic "access_logs" {
    for_each = aws_s3_bucket.logs
    content {
      bucket  = access_logs.value.id
      enabled = true
    }
  }

  tags = { Name = var.name }

  depends_on = [aws_s3_bucket_policy.logs]
}

resource "aws_lb_target_group" "this" {
  # Six characters at most. By a name of its own a new group could not stand before the old one is gone, which no listener lets go.
  name_prefix = substr(var.name, 0, 6)
  vpc_id      = var.vpc_id
  target_type = "ip"
  port        = local.target_port
  # Inside the network; the pods' own port speaks HTTP.
  protocol             = "HTTP"
  deregistration_delay = 30

  health_check {
    port                = local.health_port
    path                = "/health/ready"
    protocol            = "HTTP"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  tags = {
    Name = var.name
    # Auto Mode registers pods only in target groups that name their cluster.
    "eks:eks-cluster-name" = var.cluster_name
  }

  lifecycle {
    create_before_destroy = true
    # A group that was made with a whole name stays: its pods would have to be bound to another.
    ignore_changes = [name_prefix]
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = local.https_port
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
  certificate_arn   = local.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }

  tags = { Name = "${var.name}-https" }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"
    redirect {
      port        = local.https_port
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }

  tags = { Name = "${var.name}-http" }
}
