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
