mock_provider "aws" {
  source = "./mocks"
}

variables {
  repository      = "example/code-keeper"
  signing_key_arn = "arn:aws:kms:eu-north-1:123456789012:key/1"
}

run "defaults" {
  command = plan
  module {
    source = "../../../terraform/modules/identity"
  }
  assert {
    condition     = toset([for r in aws_iam_role.deploy : r.name]) == toset(["code-keeper-dev-deploy", "code-keeper-staging-deploy", "code-keeper-production-deploy"])
    error_message = "each environment has its own role"
  }
  assert {
    condition     = jsondecode(aws_iam_role.deploy["dev"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:example/code-keeper:environment:dev"
    error_message = "only the repository's environment takes it"
  }
  assert {
    condition     = alltrue([for p in aws_iam_role_policy.deploy : alltrue([for s in jsondecode(p.policy).Statement : s.Resource != "*" || s.Action == "ecr:GetAuthorizationToken"])])
    error_message = "no wildcard but the registry's login"
  }
  assert {
    condition     = alltrue([for e, p in aws_iam_role_policy.deploy : alltrue([for s in jsondecode(p.policy).Statement : strcontains(s.Resource, "/code-keeper-${e}") if contains(flatten([s.Action]), "eks:DescribeCluster")])])
    error_message = "each role reaches its own environment"
  }
  assert {
    condition     = alltrue([for p in aws_iam_role_policy.deploy : length(setintersection(toset(flatten([for s in jsondecode(p.policy).Statement : s.Action])), toset(["ecr:PutImage", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "kms:Sign"]))) == 0])
    error_message = "who deploys makes no images and signs none"
  }
  assert {
    condition     = jsondecode(aws_iam_role.build.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:example/code-keeper:environment:build"
    error_message = "building is an environment of its own"
  }
  assert {
    condition     = alltrue([for s in jsondecode(aws_iam_role_policy.build.policy).Statement : s.Resource == var.signing_key_arn || endswith(s.Resource, ":repository/code-keeper-images/*") || s.Action == "ecr:GetAuthorizationToken"])
    error_message = "who builds reaches the images and the signing key, and nothing else"
  }
  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 1
    error_message = "GitHub is known"
  }
}

run "provider_is_there" {
  command = plan
  module {
    source = "../../../terraform/modules/identity"
  }
  variables {
    create_provider = false
  }
  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0
    error_message = "an account has one provider for GitHub"
  }
}

run "ids_of_owner_and_repository" {
  command = plan
  module {
    source = "../../../terraform/modules/identity"
  }
  variables {
    repository = "example@1234/code-keeper@56789"
  }
  assert {
    condition = alltrue([for environment, role in aws_iam_role.deploy :
      jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == "repo:example@1234/code-keeper@56789:environment:${environment}"
    ])
    error_message = "GitHub's subject with ids is taken as it is"
  }
}

run "bootstrap_takes_ids" {
  command = plan
  module {
    source = "../../../terraform/bootstrap"
  }
  variables {
    repository = "example@1234/code-keeper@56789"
  }
  assert {
    condition     = length(module.identity) == 1
    error_message = "bootstrap takes the same repository"
  }
}

run "rejects_an_id_of_one_only" {
  command = plan
  module {
    source = "../../../terraform/modules/identity"
  }
  variables {
    repository = "example@1234/code-keeper"
  }
  expect_failures = [var.repository]
}

run "rejects_an_id_that_is_a_wildcard" {
  command = plan
  module {
    source = "../../../terraform/modules/identity"
  }
  variables {
    repository = "example@1234/code-keeper@*"
  }
  expect_failures = [var.repository]
}

run "bootstrap_rejects_a_wildcard" {
  command = plan
  module {
    source = "../../../terraform/bootstrap"
  }
  variables {
    repository = "example/*"
  }
  expect_failures = [var.repository]
}

run "bootstrap_rejects_more_than_a_repository" {
  command = plan
  module {
    source = "../../../terraform/bootstrap"
  }
  variables {
    repository = "example/code-keeper:environment:dev"
  }
  expect_failures = [var.repository]
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/identity"
  }
  variables {
    repository   = "example/*"
    environments = ["build"]
    project      = "X"
  }
  expect_failures = [var.repository, var.environments, var.project]
}
