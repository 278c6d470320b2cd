output "backend" {
  description = "The environments' backend.hcl: terraform output -raw backend > ../environments/dev/backend.hcl"
  value       = <<-EOT
    bucket         = "${aws_s3_bucket.state.bucket}"
    region         = "${var.region}"
    dynamodb_table = "${aws_dynamodb_table.lock.name}"
    kms_key_id     = "${module.key.arn}"
  EOT
}

output "deploy_role_arns" {
  description = "Deploy role of each environment, for the repository's settings and for deployer_principals."
  value       = try(module.identity[0].deploy_role_arns, {})
}

output "build_role_arn" {
  description = "Role that builds and signs images, for the repository's settings; null: there is no repository."
  value       = one(module.identity[*].build_role_arn)
}

output "repositories" {
  description = "Where images are pushed to, by unit, without a tag."
  value       = module.registry.urls
}

output "signing_key" {
  description = "Key that images are signed with, as cosign names it."
  value       = "awskms:///${module.registry.signing_key_alias}"
}
