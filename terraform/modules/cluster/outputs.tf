output "name" {
  description = "Name of the cluster."
  value       = aws_eks_cluster.this.name
}

output "arn" {
  description = "ARN of the cluster."
  value       = aws_eks_cluster.this.arn
}

output "endpoint" {
  description = "Address of the Kubernetes API."
  value       = aws_eks_cluster.this.endpoint
}

output "security_group_id" {
  description = "Security group of nodes and pods, made by EKS."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "application_log_group" {
  description = "Log group of the containers' logs; null: nobody collects them."
  value       = one([for kind, group in aws_cloudwatch_log_group.insights : group.name if kind == "application"])
}

# By the headless Service the name is the node's address: policies of EKS look at what a pod asks for, and a Service's own is in no subnet.
output "traces_endpoint" {
  description = "Where pods send spans by OTLP over HTTP; null: nobody takes them."
  value       = var.traces ? "http://${local.scraper.name}-headless.amazon-cloudwatch:${local.otlp_port}" : null
}

output "dns_address" {
  description = "Address that pods ask for names: the tenth of the Services' block, in every cluster of EKS."
  value       = cidrhost(aws_eks_cluster.this.kubernetes_network_config[0].service_ipv4_cidr, 10)
}
