# Mocked providers have no ephemeral values, so this plans with the real provider against the mock AWS.
provider "aws" {
  region = "eu-north-1"
}

variables {
  name                     = "code-keeper-test"
  database                 = "inventory"
  vpc_id                   = "vpc-1"
  subnet_ids               = ["subnet-1", "subnet-2"]
  client_security_group_id = "sg-1"
  kms_key_arn              = "arn:aws:kms:eu-north-1:123456789012:key/1"
}

run "defaults" {
  command = plan
  module {
    source = "../../../terraform/modules/database"
  }
  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.kms_key_id == var.kms_key_arn && aws_db_instance.this.performance_insights_kms_key_id == var.kms_key_arn
    error_message = "everything is encrypted by our key"
  }
  assert {
    condition     = aws_db_instance.this.allow_major_version_upgrade && aws_db_instance.this.auto_minor_version_upgrade
    error_message = "it can be upgraded"
  }
  assert {
    condition     = !aws_db_instance.this.publicly_accessible
    error_message = "the database is not public"
  }
  assert {
    condition     = aws_db_instance.this.multi_az && aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && endswith(aws_db_instance.this.final_snapshot_identifier, "-final-1")
    error_message = "it has a standby, is protected and leaves a snapshot that is named after its network"
  }
  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null
    error_message = "RDS keeps the administrator's password"
  }
  assert {
    condition     = aws_db_instance.this.backup_retention_period == 7
    error_message = "it can be restored to any second of a week"
  }
  assert {
    condition     = aws_db_instance.this.max_allocated_storage > aws_db_instance.this.allocated_storage
    error_message = "storage grows"
  }
  assert {
    condition     = one([for p in aws_db_parameter_group.this.parameter : p.value if p.name == "rds.force_ssl"]) == "1"
    error_message = "TLS is forced"
  }
  assert {
    condition     = alltrue([for p in aws_db_parameter_group.this.parameter : p.apply_method == "pending-reboot" if contains(["rds.force_ssl", "log_lock_waits"], p.name)])
    error_message = "what is a default, or will be one, applies with a reboot, or no plan is ever empty"
  }
  assert {
    condition     = toset(aws_db_instance.this.enabled_cloudwatch_logs_exports) == toset(["postgresql", "upgrade"])
    error_message = "logs are exported"
  }
  assert {
    condition     = aws_db_instance.this.engine == "postgres" && aws_db_parameter_group.this.family == "postgres17"
    error_message = "it is PostgreSQL 17"
  }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.this.referenced_security_group_id == "sg-1" && aws_vpc_security_group_ingress_rule.this.from_port == 5432 && aws_vpc_security_group_ingress_rule.this.cidr_ipv4 == null
    error_message = "the cluster connects, and nobody else"
  }
  assert {
    condition     = output.secret_name == "code-keeper-test/inventory-database"
    error_message = "the secret is named for environment and database"
  }
}

run "unprotected" {
  command = plan
  module {
    source = "../../../terraform/modules/database"
  }
  variables {
    multi_az             = false
    deletion_protection  = false
    final_snapshot       = false
    secret_recovery_days = 0
  }
  assert {
    condition     = !aws_db_instance.this.deletion_protection && aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.delete_automated_backups
    error_message = "an environment to throw away goes without a trace"
  }
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/database"
  }
  variables {
    backup_retention_days = 1
    engine_version        = "13"
    storage_gib           = 5
    final_snapshot        = false
    instance_class        = "t4g.small"
    database              = "Inventory"
    subnet_ids            = ["subnet-1"]
    secret_recovery_days  = 3
    name                  = "A"
  }
  expect_failures = [var.backup_retention_days, var.engine_version, var.storage_gib, var.final_snapshot, var.instance_class, var.database, var.subnet_ids, var.secret_recovery_days, var.name]
}

run "rejects_more" {
  command = plan
  module {
    source = "../../../terraform/modules/database"
  }
  variables {
    backup_retention_days = 36
  }
  expect_failures = [var.backup_retention_days]
}

run "storage_that_cannot_grow" {
  command = plan
  module {
    source = "../../../terraform/modules/database"
  }
  variables {
    storage_gib     = 100
    max_storage_gib = 100
  }
  expect_failures = [var.max_storage_gib]
}
