# For whoever is given the right to read it. Cognito makes the client's secret and gives it to Terraform: it is in the (encrypted) state
# as well.
resource "aws_secretsmanager_secret" "machine" {
  # checkov:skip=CKV2_AWS_57: the client is replaced instead, and with it this
  name                    = "${var.name}/machine-client"
  description             = "Client of the token issuer: id, secret, and where it gets its tokens"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret_version" "machine" {
  secret_id = aws_secretsmanager_secret.machine.id
  secret_string_wo = jsonencode({
    client_id     = aws_cognito_user_pool_client.machine.id
    client_secret = aws_cognito_user_pool_client.machine.client_secret
    token_url     = local.token_url
  })
  secret_string_wo_version = 1

  lifecycle {
    replace_triggered_by = [aws_cognito_user_pool_client.machine.id]
  }
}
