# Mocked providers have no ephemeral values, so this plans with the real provider against the mock AWS.
provider "aws" {
  region = "eu-north-1"
}

provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"
}

provider "aws" {
  alias  = "copy"
  region = "eu-west-1"
}

variables {
  environment = "test"
  protect     = false
  zones       = ["eu-north-1a", "eu-north-1b"]
  runbook_url = "https://example.com/runbooks"
  certificate = { body = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", private_key = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----" }
}

run "data_in_the_cluster" {
  command = plan
  module {
    source = "../../../terraform/modules/environment"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
    aws.copy      = aws.copy
  }
  assert {
    condition     = length(module.database) == 0 && length(module.broker) == 0 && length(module.backup) == 1
    error_message = "without managed_data there is no RDS and no Amazon MQ"
  }
  assert {
    condition     = output.cluster_name == "code-keeper-test" && output.kubeconfig_command == "aws eks update-kubeconfig --region eu-north-1 --name code-keeper-test"
    error_message = "the command reaches the cluster"
  }
  assert {
    condition     = length(output.users.databases) == 0 && output.users.broker == null
    error_message = "there are no users to make"
  }
  assert {
    condition     = length(module.issuer) == 1 && module.issuer[0].settings.audience == "code-keeper-test" && module.issuer[0].settings.audience_in == "scopes"
    error_message = "without an issuer of one's own there is one"
  }
  assert {
    condition     = length(module.registry) == 0 && local.repositories["gateway"] == "123456789012.dkr.ecr.eu-north-1.amazonaws.com/code-keeper-images/gateway"
    error_message = "images come from the one registry of all environments"
  }
  assert {
    condition     = output.signing_key == null
    error_message = "and its key signs them"
  }
}

run "issuer_of_ones_own" {
  command = plan
  module {
    source = "../../../terraform/modules/environment"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
    aws.copy      = aws.copy
  }
  variables {
    issuer       = { url = "https://issuer.example.com/realm", audience = "movies", subject_claim = "client_id" }
    own_registry = true
  }
  assert {
    condition     = length(module.registry) == 1
    error_message = "or from the environment's own"
  }
  assert {
    condition     = output.signing_key == "awskms:///alias/code-keeper-test-signing"
    error_message = "which has a key to sign them with"
  }
  assert {
    condition     = length(module.issuer) == 0 && output.machine_client == null
    error_message = "there is none of Amazon Cognito beside it"
  }
  assert {
    condition = local.jwt.issuer == "https://issuer.example.com/realm" && local.jwt.audience == "movies" && local.jwt.audience_in == "aud" && (
    local.jwt.jwks_url == "" && local.jwt.subject_claim == "client_id" && local.jwt.scope_claim == "scope")
    error_message = "the gateway is told of it"
  }
}

run "managed_data_without_backup" {
  command = plan
  module {
    source = "../../../terraform/modules/environment"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
    aws.copy      = aws.copy
  }
  variables {
    managed_data = { database_version = "18", broker_version = "3.13", broker_type = "mq.m5.large" }
    backup       = false
  }
  assert {
    condition     = toset(keys(module.database)) == toset(["inventory", "billing"]) && length(module.broker) == 1 && length(module.backup) == 0
    error_message = "two databases and a broker"
  }
  assert {
    condition     = module.database["billing"].secret_name == "code-keeper-test/billing-database"
    error_message = "each with its secret"
  }
  assert {
    condition     = aws_secretsmanager_secret.keys[0].name == "code-keeper-test/gateway-keys" && aws_secretsmanager_secret_version.keys[0].secret_string_wo_version == 1
    error_message = "the API keys have a secret, whose content is not in the state"
  }
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/environment"
  }
  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
    aws.copy      = aws.copy
  }
  variables {
    environment = "Development"
    protect     = true
    issuer      = { url = "http://issuer.example.com", audience = "movies" }
  }
  expect_failures = [var.environment, var.recoverable, var.issuer]
}

run "rejects_zones_of_another_region" {
  command = plan
  module {
    source = "../../../terraform/environments/dev"
  }
  variables {
    admin_principals = { me = "arn:aws:iam::123456789012:role/me" }
    zones            = ["eu-west-1a", "eu-west-1b"]
  }
  expect_failures = [var.zones]
}
