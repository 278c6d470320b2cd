# The hashes of API keys, as `gateway keys` writes them. Terraform makes the file with none, and never writes it again.
resource "aws_secretsmanager_secret" "keys" {
  # checkov:skip=CKV2_AWS_57: each client renews its own keys, with two that are good at the same time
  count = local.managed ? 1 : 0

  name                    = "${local.name}/gateway-keys"
  description             = "API keys of the gateway: their hashes"
  kms_key_id              = module.key.arn
  recovery_window_in_days = local.secret_recovery_days
}

resource "aws_secretsmanager_secret_version" "keys" {
  count = local.managed ? 1 : 0

  secret_id                = aws_secretsmanager_secret.keys[0].id
  secret_string_wo         = "keys = []\n"
  secret_string_wo_version = 1
}
