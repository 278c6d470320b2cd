# Mocked providers have no ephemeral values, so this plans with the real provider against the mock AWS.
provider "aws" {
  region = "eu-north-1"
}

variables {
  name                     = "code-keeper-test"
  vpc_id                   = "vpc-1"
  subnet_ids               = ["subnet-1", "subnet-2"]
  client_security_group_id = "sg-1"
  kms_key_arn              = "arn:aws:kms:eu-north-1:123456789012:key/1"
}

run "defaults" {
  command = plan
  module {
    source = "../../../terraform/modules/broker"
  }
  assert {
    condition     = aws_mq_broker.this.engine_type == "RabbitMQ" && aws_mq_broker.this.deployment_mode == "CLUSTER_MULTI_AZ"
    error_message = "a cluster of RabbitMQ"
  }
  assert {
    condition     = !aws_mq_broker.this.publicly_accessible
    error_message = "private"
  }
  assert {
    condition     = length(aws_mq_broker.this.encryption_options) == 0
    error_message = "Amazon MQ refuses encryption options for RabbitMQ"
  }
  assert {
    condition     = aws_mq_broker.this.logs[0].general && aws_mq_broker.this.auto_minor_version_upgrade
    error_message = "logged and patched"
  }
  assert {
    condition     = alltrue([for r in aws_vpc_security_group_ingress_rule.this : r.referenced_security_group_id == "sg-1" && contains([443, 5671], r.from_port)])
    error_message = "the cluster connects by TLS, and nobody else"
  }
  assert {
    condition     = output.secret_names == { billing = "code-keeper-test/billing-broker", gateway = "code-keeper-test/gateway-broker" }
    error_message = "each service has its own user"
  }
  assert {
    condition     = toset(aws_mq_broker.this.subnet_ids) == toset(["subnet-1", "subnet-2"])
    error_message = "the cluster stands in all zones"
  }
}

run "single" {
  command = plan
  module {
    source = "../../../terraform/modules/broker"
  }
  variables {
    deployment_mode = "SINGLE_INSTANCE"
  }
  assert {
    condition     = aws_mq_broker.this.subnet_ids == toset(["subnet-1"])
    error_message = "a single broker stands in one zone"
  }
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/broker"
  }
  variables {
    deployment_mode      = "ACTIVE_STANDBY_MULTI_AZ"
    engine_version       = "3.11"
    instance_type        = "m7g.medium"
    subnet_ids           = []
    secret_recovery_days = 3
    name                 = "A"
  }
  expect_failures = [var.deployment_mode, var.engine_version, var.instance_type, var.subnet_ids, var.secret_recovery_days, var.name]
}

run "rabbitmq_4_on_an_old_type" {
  command = plan
  module {
    source = "../../../terraform/modules/broker"
  }
  variables {
    instance_type = "mq.t3.micro"
  }
  expect_failures = [aws_mq_broker.this]
}
