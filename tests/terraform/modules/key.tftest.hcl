mock_provider "aws" {
  source = "./mocks"
}

variables {
  name = "code-keeper-test"
}

run "defaults" {
  command = plan
  module {
    source = "../../../terraform/modules/key"
  }
  assert {
    condition     = aws_kms_key.this.enable_key_rotation
    error_message = "the key is rotated"
  }
  assert {
    condition     = aws_kms_key.this.deletion_window_in_days == 30
    error_message = "a deleted key can be restored for a month"
  }
  assert {
    condition     = aws_kms_alias.this.name == "alias/code-keeper-test"
    error_message = "the key is found by the environment's name"
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_kms_key.this.policy).Statement : can(s.Principal.AWS) ? endswith(s.Principal.AWS, ":123456789012:root") : can(s.Condition)])
    error_message = "nobody outside the account uses the key"
  }
}

run "copies_in_another_account" {
  command = plan
  module {
    source = "../../../terraform/modules/key"
  }
  variables {
    backup_account = "210987654321"
  }
  assert {
    condition = [for s in jsondecode(aws_kms_key.this.policy).Statement : s.Action if try(endswith(s.Principal.AWS, ":210987654321:root"), false)] == [[
      "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:ReEncrypt*",
    ]]
    error_message = "the account of the copies reads them, and administers nothing"
  }
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/key"
  }
  variables {
    name                 = "x"
    deletion_window_days = 3
    backup_account       = "1234"
  }
  expect_failures = [var.name, var.deletion_window_days, var.backup_account]
}
