# The rest comes from backend.hcl, which bootstrap writes:
# terraform init -backend-config=backend.hcl
terraform {
  backend "s3" {
    key          = "environments/dev/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
