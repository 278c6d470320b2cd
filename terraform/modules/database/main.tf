data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  identifier = "${var.name}-${var.database}"
  major      = split(".", var.engine_version)[0]
}

resource "aws_db_instance" "this" {
  identifier     = local.identifier
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class
  multi_az       = var.multi_az
  port           = 5432

  db_name  = var.database
  username = "keeper_admin"
  # RDS makes the password, keeps it in Secrets Manager and rotates it: it is in no state and no output.
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.kms_key_arn
  # Operators may log in with a token instead.
  iam_database_authentication_enabled = true

  storage_type          = "gp3"
  allocated_storage     = var.storage_gib
  max_allocated_storage = var.max_storage_gib
  storage_encrypted     = true
  # What is restored keeps the key of its snapshot.
  kms_key_id          = var.snapshot == null ? var.kms_key_arn : var.snapshot.kms_key_arn
  snapshot_identifier = try(var.snapshot.id, null)

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  publicly_accessible    = false
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period  = var.backup_retention_days
  backup_window            = "01:00-02:00"
  maintenance_window       = "sun:02:30-sun:03:30"
  copy_tags_to_snapshot    = true
  delete_automated_backups = !var.deletion_protection
  deletion_protection      = var.deletion_protection
  skip_final_snapshot      = !var.final_snapshot
  # Its name may exist once only: an environment that is made again has another network.
  final_snapshot_identifier = var.final_snapshot ? "${local.identifier}-final-${split("-", var.vpc_id)[1]}" : null

  auto_minor_version_upgrade = true
  # RDS refuses a new major version without it; only another engine_version makes use of it.
  allow_major_version_upgrade = true
  apply_immediately           = var.apply_immediately

  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arn
  performance_insights_retention_period = 7
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]

  tags = { Name = local.identifier }

  lifecycle {
    # It is for the making only: the snapshot may go afterwards.
    ignore_changes = [snapshot_identifier]
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy_attachment.monitoring]
}

resource "aws_db_subnet_group" "this" {
  name        = local.identifier
  description = "${var.database} database"
  subnet_ids  = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${local.identifier}-"
  description = "${var.database} database"
  family      = "postgres${local.major}"

  # A connection without TLS is refused. RDS has that by default, and gives every default back as one that applies with a
  # reboot: with "immediate" no plan would ever be without a change.
  parameter {
    name         = "rds.force_ssl"
    value        = "1"
    apply_method = "pending-reboot"
  }
  # Slow statements are logged with their values, which may be personal data: whoever reads the log group, reads them.
  parameter {
    name  = "log_min_duration_statement"
    value = "500"
  }
  # The default of a later PostgreSQL, and then as above.
  parameter {
    name         = "log_lock_waits"
    value        = "1"
    apply_method = "pending-reboot"
  }
  parameter {
    name         = "shared_preload_libraries"
    value        = "pg_stat_statements"
    apply_method = "pending-reboot"
  }

  lifecycle {
    create_before_destroy = true
  }
}

# Made before the instance: RDS would make them without a retention period, and leave them behind.
resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["postgresql", "upgrade"])

  name              = "/aws/rds/instance/${local.identifier}/${each.value}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_iam_role" "monitoring" {
  name                 = "${local.identifier}-monitoring"
  permissions_boundary = var.permissions_boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "monitoring.rds.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}
