resource "aws_security_group" "this" {
  name        = local.identifier
  description = "${var.database} database"
  vpc_id      = var.vpc_id

  tags = { Name = local.identifier }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  security_group_id            = aws_security_group.this.id
  description                  = "PostgreSQL from the cluster"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432

  tags = { Name = local.identifier }
}

# The service's own user. Its password exists here and in the database only: it passes through the plan
# without being kept. terraform/create-users makes the user in the database.
ephemeral "aws_secretsmanager_random_password" "user" {
  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "user" {
  name                    = "${var.name}/${var.database}-database"
  description             = "User of the ${var.database} service in its database"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret_version" "user" {
  secret_id = aws_secretsmanager_secret.user.id
  secret_string_wo = jsonencode({
    username = var.database
    password = ephemeral.aws_secretsmanager_random_password.user.random_password
  })
  secret_string_wo_version = var.credentials_version
}
