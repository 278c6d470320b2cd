# One registry for all environments: an image is built once, and what runs in production is what ran in staging.
module "registry" {
  source = "../modules/registry"

  name         = "${var.project}-images"
  kms_key_arn  = module.key.arn
  force_delete = var.allow_destroy
  signing      = true
}
