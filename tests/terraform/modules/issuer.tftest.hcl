mock_provider "aws" {
  source = "./mocks"

  mock_resource "aws_cognito_user_pool" {
    defaults = { id = "eu-north-1_Abc123", arn = "arn:aws:cognito-idp:eu-north-1:123456789012:userpool/eu-north-1_Abc123" }
  }
}

variables {
  name        = "code-keeper-test"
  kms_key_arn = "arn:aws:kms:eu-north-1:123456789012:key/1"
}

run "defaults" {
  command = apply
  module {
    source = "../../../terraform/modules/issuer"
  }
  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "INACTIVE" && aws_cognito_user_pool.this.admin_create_user_config[0].allow_admin_create_user_only
    error_message = "nobody becomes a user by themselves"
  }
  assert {
    condition = toset([for s in aws_cognito_resource_server.this.scope : s.scope_name]) == toset([
      "movies:write", "movies:clear", "orders:read", "orders:write", "orders:any", "operations",
    ])
    error_message = "all of our scopes can be given"
  }
  assert {
    condition     = aws_cognito_user_pool_client.machine.generate_secret && toset(aws_cognito_user_pool_client.machine.allowed_oauth_flows) == toset(["client_credentials"])
    error_message = "the client is a machine's, and has a secret"
  }
  assert {
    condition = toset(aws_cognito_user_pool_client.machine.allowed_oauth_scopes) == toset([
      "code-keeper-test/movies:write", "code-keeper-test/orders:read", "code-keeper-test/orders:write",
    ])
    error_message = "it clears no catalogue, and reaches neither other users' orders nor the dead letters"
  }
  assert {
    condition     = toset(aws_cognito_user_pool_client.machine.explicit_auth_flows) == toset(["ALLOW_REFRESH_TOKEN_AUTH"])
    error_message = "nobody signs in with it"
  }
  assert {
    condition     = aws_cognito_user_pool_client.machine.access_token_validity == 60 && aws_cognito_user_pool_client.machine.token_validity_units[0].access_token == "minutes"
    error_message = "a token is good for an hour"
  }
  assert {
    condition = output.settings == {
      issuer        = "https://cognito-idp.eu-north-1.amazonaws.com/eu-north-1_Abc123"
      jwks_url      = "https://cognito-idp.eu-north-1.amazonaws.com/eu-north-1_Abc123/.well-known/jwks.json"
      audience      = "code-keeper-test"
      audience_in   = "scopes"
      subject_claim = "sub"
      scope_claim   = "scope"
    }
    error_message = "the gateway takes its scopes as the audience: Cognito's tokens for machines have no aud"
  }
  assert {
    condition     = output.machine_client.token_url == "https://code-keeper-test-123456789012.auth.eu-north-1.amazoncognito.com/oauth2/token"
    error_message = "tokens are got at the pool's domain, whose name no other account has"
  }
  assert {
    condition     = aws_secretsmanager_secret.machine.name == "code-keeper-test/machine-client" && aws_secretsmanager_secret.machine.kms_key_id == var.kms_key_arn && aws_secretsmanager_secret.machine.recovery_window_in_days == 7
    error_message = "the client's secret is encrypted by our key and can be restored"
  }
  assert {
    condition     = aws_secretsmanager_secret_version.machine.secret_string_wo == null && (aws_secretsmanager_secret_version.machine.secret_string == null || aws_secretsmanager_secret_version.machine.secret_string == "")
    error_message = "it is not in the state a second time"
  }
  assert {
    condition     = toset(keys(output.machine_client)) == toset(["id", "secret_name", "token_url"])
    error_message = "no output has it"
  }
}

run "protected" {
  command = plan
  module {
    source = "../../../terraform/modules/issuer"
  }
  variables {
    deletion_protection  = true
    secret_recovery_days = 30
    machine_scopes       = ["operations"]
    token_minutes        = 5
  }
  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "ACTIVE" && aws_secretsmanager_secret.machine.recovery_window_in_days == 30
    error_message = "the pool refuses to be deleted, and the secret can be restored"
  }
  assert {
    condition     = toset(aws_cognito_user_pool_client.machine.allowed_oauth_scopes) == toset(["code-keeper-test/operations"]) && aws_cognito_user_pool_client.machine.access_token_validity == 5
    error_message = "the client may have other scopes, and shorter tokens"
  }
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/issuer"
  }
  variables {
    name           = "my-aws"
    machine_scopes = ["orders:delete"]
    token_minutes  = 1
  }
  expect_failures = [var.name, var.machine_scopes, var.token_minutes]
}
