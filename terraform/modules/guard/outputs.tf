output "guarded" {
  description = "Names of what may not be destroyed or replaced."
  value       = toset(keys(terraform_data.this))
}
