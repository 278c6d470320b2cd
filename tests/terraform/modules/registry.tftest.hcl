mock_provider "aws" {
  source = "./mocks"
}

variables {
  name        = "code-keeper-test"
  kms_key_arn = "arn:aws:kms:eu-north-1:123456789012:key/1"
}

run "defaults" {
  command = plan
  module {
    source = "../../../terraform/modules/registry"
  }
  assert {
    condition     = toset([for r in aws_ecr_repository.this : r.name]) == toset(["code-keeper-test/gateway", "code-keeper-test/inventory", "code-keeper-test/billing"])
    error_message = "each unit has a repository that names its environment"
  }
  assert {
    condition     = alltrue([for r in aws_ecr_repository.this : r.image_tag_mutability == "IMMUTABLE"])
    error_message = "a tag never changes its image"
  }
  assert {
    condition     = alltrue([for r in aws_ecr_repository.this : r.image_scanning_configuration[0].scan_on_push])
    error_message = "images are scanned"
  }
  assert {
    condition     = alltrue([for r in aws_ecr_repository.this : r.encryption_configuration[0].encryption_type == "KMS" && r.encryption_configuration[0].kms_key == var.kms_key_arn])
    error_message = "images are encrypted by our key"
  }
  assert {
    condition     = alltrue([for r in aws_ecr_repository.this : !r.force_delete])
    error_message = "images are not destroyed unasked"
  }
  assert {
    condition = [for rule in jsondecode(aws_ecr_lifecycle_policy.this["gateway"].policy).rules : [try(one(rule.selection.tagPatternList), "untagged"), rule.selection.countNumber]] == [
      ["production-*", 30], ["staging-*", 30], ["sha256-*", 10000], ["*.*.*", 30], ["untagged", 7],
    ]
    error_message = "old images go, but not what was promoted"
  }
  assert {
    condition     = length(aws_kms_key.signing) == 0
    error_message = "a registry is signed for where it is asked for"
  }
}

run "signing" {
  command = plan
  module {
    source = "../../../terraform/modules/registry"
  }
  variables {
    name    = "code-keeper-images"
    signing = true
  }
  assert {
    condition     = aws_kms_key.signing[0].key_usage == "SIGN_VERIFY" && aws_kms_key.signing[0].customer_master_key_spec == "ECC_NIST_P256" && aws_kms_key.signing[0].deletion_window_in_days == 30
    error_message = "the key signs, and is not gone at once"
  }
  assert {
    condition     = output.signing_key_alias == "alias/code-keeper-images-signing"
    error_message = "it is found by its name"
  }
}

run "force_delete" {
  command = plan
  module {
    source = "../../../terraform/modules/registry"
  }
  variables {
    force_delete = true
  }
  assert {
    condition     = alltrue([for r in aws_ecr_repository.this : r.force_delete])
    error_message = "they can be destroyed on purpose"
  }
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/registry"
  }
  variables {
    units       = []
    keep_images = 1
    name        = "A"
  }
  expect_failures = [var.units, var.keep_images, var.name]
}
