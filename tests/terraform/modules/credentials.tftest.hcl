# Mocked providers have no ephemeral values, so this plans with the real provider against the mock AWS.
provider "aws" {
  region = "eu-north-1"
}

variables {
  name        = "code-keeper-test/billing-broker"
  description = "x"
  username    = "billing"
  kms_key_arn = "arn:aws:kms:eu-north-1:123456789012:key/1"
}

run "defaults" {
  command = plan
  module {
    source = "../../../terraform/modules/credentials"
  }
  assert {
    condition     = aws_secretsmanager_secret.this.kms_key_id == var.kms_key_arn && aws_secretsmanager_secret.this.recovery_window_in_days == 7
    error_message = "the secret is encrypted by our key and can be restored"
  }
  assert {
    condition     = aws_secretsmanager_secret_version.this.secret_string == null || aws_secretsmanager_secret_version.this.secret_string == ""
    error_message = "the password is in no plan and in no state"
  }
  assert {
    condition     = aws_secretsmanager_secret_version.this.secret_string_wo_version == 1
    error_message = "it is written once"
  }
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/credentials"
  }
  variables {
    name          = "billing"
    username      = "Billing User"
    recovery_days = 3
  }
  expect_failures = [var.name, var.username, var.recovery_days]
}
