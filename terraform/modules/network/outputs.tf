output "vpc_id" {
  description = "The network."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "Its address block."
  value       = var.cidr
}

output "public_subnet_ids" {
  description = "Subnets with a route to the internet."
  value       = aws_subnet.public[*].id
  # A public load balancer is refused before there is a gateway, and holds the gateway fast while it is there.
  depends_on = [aws_route.public, aws_route_table_association.public]
}

output "private_subnet_ids" {
  description = "Subnets of nodes and pods."
  value       = aws_subnet.private[*].id
  # Nodes need the way out from their first minute to their last.
  depends_on = [aws_route.private, aws_route_table_association.private]
}

output "database_subnet_ids" {
  description = "Subnets of databases and the broker."
  value       = aws_subnet.database[*].id
}

output "public_subnet_cidrs" {
  description = "Blocks from which a public load balancer reaches pods."
  value       = local.public_subnets
}

output "private_subnet_cidrs" {
  description = "Blocks of nodes and pods, and of an internal load balancer."
  value       = local.private_subnets
}

output "database_subnet_cidrs" {
  description = "Blocks in which databases and the broker listen."
  value       = local.database_subnets
}
