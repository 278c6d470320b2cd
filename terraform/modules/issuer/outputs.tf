output "arn" {
  description = "ARN of the user pool."
  value       = aws_cognito_user_pool.this.arn
}

output "settings" {
  description = "Settings of the gateway, section auth.jwt."
  value = {
    issuer        = local.issuer
    jwks_url      = "${local.issuer}/.well-known/jwks.json"
    audience      = aws_cognito_resource_server.this.identifier
    audience_in   = "scopes"
    subject_claim = "sub"
    scope_claim   = "scope"
  }
}

output "machine_client" {
  description = "The machine client: its id, the name of the secret that has it all, and where it gets its tokens."
  value = {
    id          = aws_cognito_user_pool_client.machine.id
    secret_name = aws_secretsmanager_secret.machine.name
    token_url   = local.token_url
  }
}
