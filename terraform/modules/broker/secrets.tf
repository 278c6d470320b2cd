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

module "user" {
  source   = "../credentials"
  for_each = var.users

  name                = "${var.name}/${each.value}-broker"
  description         = "User of the ${each.value} service in the broker"
  username            = each.value
  kms_key_arn         = var.kms_key_arn
  recovery_days       = var.secret_recovery_days
  credentials_version = var.credentials_version
}
