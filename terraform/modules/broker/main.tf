locals {
  clustered = var.deployment_mode == "CLUSTER_MULTI_AZ"
}

# Encrypted by a key of Amazon MQ's: it refuses to make a RabbitMQ broker with a customer's.
resource "aws_mq_broker" "this" {
  # checkov:skip=CKV_AWS_209: Amazon MQ has no customer's keys for RabbitMQ
  broker_name        = var.name
  engine_type        = "RabbitMQ"
  engine_version     = var.engine_version
  host_instance_type = var.instance_type
  deployment_mode    = var.deployment_mode

  publicly_accessible = false
  subnet_ids          = local.clustered ? var.subnet_ids : [var.subnet_ids[0]]
  security_groups     = [aws_security_group.this.id]

  # Patches only; required by Amazon MQ.
  auto_minor_version_upgrade = true
  apply_immediately          = var.apply_immediately

  logs {
    general = true
  }

  maintenance_window_start_time {
    day_of_week = "SUNDAY"
    time_of_day = "03:00"
    time_zone   = "UTC"
  }

  # The provider has no write-only argument here, so this password is in the state. It is good until
  # terraform/create-users has run, which replaces it in the broker.
  user {
    username       = "keeper-admin"
    password       = data.aws_secretsmanager_random_password.first.random_password
    console_access = true
  }

  tags = { Name = var.name }

  lifecycle {
    # The password is another one at every reading, and create-users has changed it in the broker.
    ignore_changes = [user]

    precondition {
      condition     = !startswith(var.engine_version, "4.") || startswith(var.instance_type, "mq.m7g.")
      error_message = "Amazon MQ runs RabbitMQ 4 on mq.m7g instances only"
    }
  }
}

data "aws_secretsmanager_random_password" "first" {
  password_length     = 40
  exclude_punctuation = true
}

resource "aws_security_group" "this" {
  name        = "${var.name}-broker"
  description = "Message broker"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-broker" }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = { amqps = 5671, management = 443 }

  security_group_id            = aws_security_group.this.id
  description                  = "${each.key} from the cluster"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value

  tags = { Name = "${var.name}-broker-${each.key}" }
}
