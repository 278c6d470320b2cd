variables {
  things = { broker = "arn:broker", key = "arn:key" }
}

run "defaults" {
  command = plan
  module {
    source = "../../../terraform/modules/guard"
  }
  assert {
    condition     = { for name, guard in terraform_data.this : name => guard.triggers_replace } == { broker = "arn:broker", key = "arn:key" }
    error_message = "each thing has a guard that would be replaced with it"
  }
  assert {
    condition     = output.guarded == toset(["broker", "key"])
    error_message = "it says what it guards"
  }
}

run "rejects_a_guard_of_nothing" {
  command = plan
  module {
    source = "../../../terraform/modules/guard"
  }
  variables {
    things = {}
  }
  expect_failures = [var.things]
}
