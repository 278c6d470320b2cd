output "kustomize_values" {
  description = "Values of the overlay: terraform output -raw kustomize_values > …/terraform.env"
  value       = module.environment.kustomize_values
}

output "cluster_name" {
  description = "Name of the cluster."
  value       = module.environment.cluster_name
}

output "kubeconfig_command" {
  description = "Command that lets kubectl reach the cluster."
  value       = module.environment.kubeconfig_command
}

output "url" {
  description = "Where clients reach the API."
  value       = module.environment.url
}

output "dashboard_url" {
  description = "The dashboard in the console."
  value       = module.environment.dashboard_url
}

output "users" {
  description = "What create-users needs."
  value       = module.environment.users
}

output "machine_client" {
  description = "What token needs: the machine client's id, the name of its secret, where it gets tokens; null where the issuer is your own."
  value       = module.environment.machine_client
}
