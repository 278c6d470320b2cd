mock_provider "aws" {
  source = "./mocks"
}

variables {
  name        = "code-keeper-test"
  kms_key_arn = "arn:aws:kms:eu-north-1:123456789012:key/1"
}

run "defaults" {
  command = plan
  module {
    source = "../../../terraform/modules/network"
  }

  assert {
    condition     = aws_vpc.this.cidr_block == "10.0.0.0/16"
    error_message = "the network is 10.0.0.0/16"
  }
  assert {
    condition     = toset(aws_subnet.private[*].availability_zone) == toset(["eu-north-1a", "eu-north-1b"])
    error_message = "nodes are spread over two zones"
  }
  assert {
    condition     = length(aws_subnet.public) == 2 && length(aws_subnet.database) == 2
    error_message = "each zone has a public and a database subnet"
  }
  assert {
    condition     = alltrue([for s in aws_subnet.public : !s.map_public_ip_on_launch])
    error_message = "nothing gets a public address by standing in a subnet"
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 2 && length(aws_eip.nat) == 2
    error_message = "each zone has its own NAT gateway"
  }
  assert {
    condition     = toset(keys(aws_vpc_endpoint.interface)) == toset(["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sts"])
    error_message = "the services that nodes need are reached without the NAT"
  }
  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway"
    error_message = "S3 is reached through the gateway endpoint, which is free of charge"
  }
  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_cloudwatch_log_group.flow.kms_key_id == var.kms_key_arn
    error_message = "all traffic is logged, encrypted"
  }
  assert {
    condition     = aws_subnet.public[0].tags["kubernetes.io/role/elb"] == "1" && aws_subnet.private[0].tags["kubernetes.io/role/internal-elb"] == "1"
    error_message = "subnets say which load balancers they take"
  }
  assert {
    condition     = aws_route.public.destination_cidr_block == "0.0.0.0/0" && length(aws_route.private) == 2
    error_message = "public subnets go out by the gateway, private ones by the NAT; database subnets not at all"
  }
}

run "three_zones" {
  command = plan
  module {
    source = "../../../terraform/modules/network"
  }
  variables {
    zones = ["eu-north-1a", "eu-north-1b", "eu-north-1c"]
  }
  assert {
    condition     = length(distinct(concat(output.private_subnet_cidrs, output.public_subnet_cidrs, output.database_subnet_cidrs))) == 9
    error_message = "three zones have nine different subnets"
  }
}

run "single_nat_gateway" {
  command = plan
  module {
    source = "../../../terraform/modules/network"
  }
  variables {
    single_nat_gateway  = true
    interface_endpoints = []
  }
  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.private) == 2
    error_message = "both zones share one NAT gateway"
  }
  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0 && length(aws_security_group.endpoints) == 0
    error_message = "without interface endpoints there is nothing of them"
  }
}

run "rejects_all_at_once" {
  command = plan
  module {
    source = "../../../terraform/modules/network"
  }
  variables {
    name               = "Code Keeper"
    cidr               = "10.0.0.0"
    zones              = ["eu-north-1a"]
    public_subnets     = ["10.0.2.300/24"]
    private_subnets    = ["ten"]
    database_subnets   = ["10.0.4.0"]
    log_retention_days = 8
  }
  expect_failures = [
    var.name, var.cidr, var.zones, var.public_subnets, var.private_subnets, var.database_subnets, var.log_retention_days,
  ]
}

run "rejects_too_small_a_network_and_a_zone_twice" {
  command = plan
  module {
    source = "../../../terraform/modules/network"
  }
  variables {
    cidr  = "10.0.0.0/24"
    zones = ["eu-north-1a", "eu-north-1a"]
  }
  expect_failures = [var.cidr, var.zones]
}

run "rejects_what_is_no_zone" {
  command = plan
  module {
    source = "../../../terraform/modules/network"
  }
  variables {
    zones = ["eu-north-1", "eu-north-2"]
  }
  expect_failures = [var.zones]
}

run "rejects_overlapping_subnets" {
  command = plan
  module {
    source = "../../../terraform/modules/network"
  }
  variables {
    public_subnets = ["10.0.0.0/24", "10.0.48.0/24"]
  }
  expect_failures = [aws_vpc.this]
}

run "rejects_a_subnet_outside" {
  command = plan
  module {
    source = "../../../terraform/modules/network"
  }
  variables {
    database_subnets = ["10.1.0.0/24", "10.1.1.0/24"]
  }
  expect_failures = [aws_vpc.this]
}
