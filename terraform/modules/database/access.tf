resource "aws_security_group" "this" {
  name        = local.identifier
  description = "${var.database} database"
  vpc_id      = var.vpc_id

  tags = { Name = local.identifier }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  security_group_id            = aws_security_group.this.id
  description                  = "PostgreSQL from the cluster"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432

  tags = { Name = local.identifier }
}

# The service's own user: no administrator's password reaches a pod.
module "user" {
  source = "../credentials"

  name                = "${var.name}/${var.database}-database"
  description         = "User of the ${var.database} service in its database"
  username            = var.database
  kms_key_arn         = var.kms_key_arn
  recovery_days       = var.secret_recovery_days
  credentials_version = var.credentials_version
}
