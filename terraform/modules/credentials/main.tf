# The password exists in this secret and in the server only: it passes through the plan without being kept.
# terraform/create-users makes the user in the server.
ephemeral "aws_secretsmanager_random_password" "this" {
  password_length = 40
  # It stands in connection strings and shell scripts.
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV2_AWS_57: the user is renewed with credentials_version and create-users, in database and secret together
  name                    = var.name
  description             = var.description
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id = aws_secretsmanager_secret.this.id
  secret_string_wo = jsonencode({
    username = var.username
    password = ephemeral.aws_secretsmanager_random_password.this.random_password
  })
  secret_string_wo_version = var.credentials_version
}
