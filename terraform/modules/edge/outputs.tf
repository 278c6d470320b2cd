output "url" {
  description = "Where clients reach the API."
  value       = "https://${var.domain_name == null ? aws_lb.this.dns_name : var.domain_name}"
}

output "target_group_arn" {
  description = "ARN that the cluster binds pods to."
  value       = aws_lb_target_group.this.arn
}

output "load_balancer_arn_suffix" {
  description = "Load balancer, as its metrics have it."
  value       = aws_lb.this.arn_suffix
}

output "target_group_arn_suffix" {
  description = "Target group, as its metrics have it."
  value       = aws_lb_target_group.this.arn_suffix
}

output "load_balancer_arn" {
  description = "ARN of the load balancer."
  value       = aws_lb.this.arn
}

output "distribution_arn" {
  description = "ARN of CloudFront's distribution; null: there is none."
  value       = one(aws_cloudfront_distribution.this[*].arn)
}

output "certificate_arn" {
  description = "ARN of the load balancer's certificate."
  value       = local.certificate_arn
}
