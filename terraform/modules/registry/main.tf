resource "aws_ecr_repository" "this" {
  for_each = var.units

  name                 = "${var.name}/${each.value}"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.force_delete

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.kms_key_arn
  }
}

locals {
  # An image that an earlier rule has chosen, by its tags, is expired by no later one: so what was promoted stays, however much
  # is built. Patterns of one rule must all match, so each has a rule of its own.
  kept = concat(
    [for environment in sort(var.promoted) : {
      description = "promoted into ${environment}, enough to roll back", pattern = "${environment}-*", count = var.keep_images
    }],
    # They are small, and an image without one is promoted nowhere. Cosign names them by the image's digest.
    [{ description = "signatures", pattern = "sha256-*", count = 10000 }],
    # Two dots: no signature has them.
    [{ description = "the newest versions", pattern = "*.*.*", count = var.keep_images }],
  )
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = aws_ecr_repository.this

  repository = each.value.name
  policy = jsonencode({
    rules = concat(
      [for index, rule in local.kept : {
        rulePriority = index + 1
        description  = rule.description
        selection    = { tagStatus = "tagged", tagPatternList = [rule.pattern], countType = "imageCountMoreThan", countNumber = rule.count }
        action       = { type = "expire" }
      }],
      [{
        rulePriority = length(local.kept) + 1
        description  = "what no tag names"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 7 }
        action       = { type = "expire" }
      }],
    )
  })
}
