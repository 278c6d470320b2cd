data "aws_region" "current" {}

locals {
  zone_count = length(var.zones)

  # /20 for pods and nodes, /24 for load balancers and databases, with gaps to grow into.
  private_subnets  = coalesce(var.private_subnets, [for i in range(local.zone_count) : cidrsubnet(var.cidr, 4, i)])
  public_subnets   = coalesce(var.public_subnets, [for i in range(local.zone_count) : cidrsubnet(var.cidr, 8, 48 + i)])
  database_subnets = coalesce(var.database_subnets, [for i in range(local.zone_count) : cidrsubnet(var.cidr, 8, 56 + i)])

  # First and last address of each block as numbers: HCL has no function that compares networks.
  blocks = [for block in concat([var.cidr], local.private_subnets, local.public_subnets, local.database_subnets) : {
    first = sum([for i, octet in split(".", cidrhost(block, 0)) : tonumber(octet) * pow(256, 3 - i)])
    size  = pow(2, 32 - tonumber(split("/", block)[1]))
  }]
  network = local.blocks[0]
  subnets = slice(local.blocks, 1, length(local.blocks))

  inside = alltrue([for s in local.subnets :
    s.first >= local.network.first && s.first + s.size <= local.network.first + local.network.size
  ])
  apart = alltrue(flatten([for i, a in local.subnets : [for j, b in local.subnets :
    i >= j || a.first + a.size <= b.first || b.first + b.size <= a.first
  ]]))
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = var.name }

  lifecycle {
    precondition {
      condition     = length(local.subnets) == 3 * local.zone_count
      error_message = "each list of subnets must have one entry per zone"
    }
    precondition {
      condition     = local.inside
      error_message = "every subnet must lie inside the network ${var.cidr}"
    }
    precondition {
      condition     = local.apart
      error_message = "subnets must not overlap"
    }
  }
}

# The default group would allow everything among its members: it is emptied, and nothing uses it.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-unused-default" }
}

resource "aws_subnet" "public" {
  count = local.zone_count

  vpc_id                  = aws_vpc.this.id
  cidr_block              = local.public_subnets[count.index]
  availability_zone       = var.zones[count.index]
  map_public_ip_on_launch = false

  tags = {
    Name                     = "${var.name}-public-${var.zones[count.index]}"
    "kubernetes.io/role/elb" = "1"
  }
}

resource "aws_subnet" "private" {
  count = local.zone_count

  vpc_id            = aws_vpc.this.id
  cidr_block        = local.private_subnets[count.index]
  availability_zone = var.zones[count.index]

  tags = {
    Name                              = "${var.name}-private-${var.zones[count.index]}"
    "kubernetes.io/role/internal-elb" = "1"
  }
}

resource "aws_subnet" "database" {
  count = local.zone_count

  vpc_id            = aws_vpc.this.id
  cidr_block        = local.database_subnets[count.index]
  availability_zone = var.zones[count.index]

  tags = { Name = "${var.name}-database-${var.zones[count.index]}" }
}
