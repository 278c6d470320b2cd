resource "aws_secretsmanager_secret" "admin" {
  name                    = "${var.name}/broker-admin"
  description             = "Administrator of the broker"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}

# The first password, for create-users to log in with once; it stores the one that replaces it in this secret.
resource "aws_secretsmanager_secret_version" "admin" {
  secret_id = aws_secretsmanager_secret.admin.id
  secret_string_wo = jsonencode({
    username = "keeper-admin"
    password = data.aws_secretsmanager_random_password.first.random_password
  })
  secret_string_wo_version = 1

  lifecycle {
    # A new broker begins with a new first password.
    replace_triggered_by = [aws_mq_broker.this.id]
    ignore_changes       = [version_stages]
  }
}

# Users of the services. The passwords pass through the plan without being kept.
ephemeral "aws_secretsmanager_random_password" "user" {
  for_each = var.users

  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "user" {
  for_each = var.users

  name                    = "${var.name}/${each.value}-broker"
  description             = "User of the ${each.value} service in the broker"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret_version" "user" {
  for_each = var.users

  secret_id = aws_secretsmanager_secret.user[each.key].id
  secret_string_wo = jsonencode({
    username = each.value
    password = ephemeral.aws_secretsmanager_random_password.user[each.key].random_password
  })
  secret_string_wo_version = var.credentials_version
}
