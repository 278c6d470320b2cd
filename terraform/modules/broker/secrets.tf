# Empty until create-users has given the administrator a password that is not in the state.
resource "aws_secretsmanager_secret" "admin" {
  # checkov:skip=CKV2_AWS_57: create-users renews it at each run
  name                    = "${var.name}/broker-admin"
  description             = "Administrator of the broker"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
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
