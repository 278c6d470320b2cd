"""What is asked of the mock AWS after applying, by its API and not by Terraform."""

import json
import pathlib
import re

import boto3
from botocore.config import Config
from boundaries import bounded, traced
from expect import same, true, values_of
from images import images
from issuers import issuer

RUNBOOKS = pathlib.Path(__file__).resolve().parents[2] / "kustomize/runbooks"

# What keeps data: attribute and value of each kind when the environment is protected.
PROTECTION = {
    "aws_db_instance": {"deletion_protection": True, "skip_final_snapshot": False},
    "aws_lb": {"enable_deletion_protection": True},
    "aws_cognito_user_pool": {"deletion_protection": "ACTIVE"},
    "aws_backup_vault": {"force_destroy": False},
    "aws_secretsmanager_secret": {"recovery_window_in_days": 30},
    "aws_kms_key": {"deletion_window_in_days": 30},
    "aws_s3_bucket": {"force_destroy": False},
}

KEYS = """AWS_REGION CLUSTER_NAME GATEWAY_REPOSITORY INVENTORY_REPOSITORY BILLING_REPOSITORY TARGET_GROUP_ARN
LOAD_BALANCER_CIDRS TRUSTED_PROXIES DNS_CIDR NODE_CIDRS DATABASE_CIDRS INVENTORY_DB_HOST BILLING_DB_HOST BROKER_HOST INVENTORY_DB_SECRET BILLING_DB_SECRET
GATEWAY_BROKER_SECRET BILLING_BROKER_SECRET GATEWAY_KEYS_SECRET
JWT_ISSUER JWT_JWKS_URL JWT_AUDIENCE JWT_AUDIENCE_IN JWT_SUBJECT_CLAIM JWT_SCOPE_CLAIM TRACES_ENDPOINT""".split()
MANAGED = [key for key in KEYS if key.endswith(("_HOST", "_SECRET")) or key == "DATABASE_CIDRS"]


class Aws:
    """Clients of one mock, and all that stands in it."""

    def __init__(self, environment):
        self.options = {
            "endpoint_url": environment["AWS_ENDPOINT_URL"],
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "config": Config(retries={"max_attempts": 2}),
        }
        # One session: every other one would read the descriptions of all services again.
        self.session = boto3.session.Session()
        self.clients = {}

    def __call__(self, service, region="eu-north-1"):
        if (service, region) not in self.clients:
            self.clients[service, region] = self.session.client(service, region_name=region, **self.options)
        return self.clients[service, region]

    def make_boundary(self, document):
        """As an administrator makes it, before anybody applies."""
        self.boundary = self("iam").create_policy(PolicyName="code-keeper-boundary", PolicyDocument=document)["Policy"]["Arn"]

    def everything(self):
        """Names of all things of the kinds that terraform/ makes, by kind."""
        kinds = [*self.at_home("eu-north-1"), *self.worldwide()]
        for region in ("eu-north-1", "us-east-1", "eu-west-1"):
            kinds += [(f"{region} {kind}", names) for kind, names in self.anywhere(region)]
        return {kind: set(names) for kind, names in kinds}

    def services_write_logs(self, name):
        """Log groups that AWS's services make unasked; returns those of others, which no teardown may touch."""
        logs = self("logs")
        brokers = [b["BrokerId"] for b in self("mq").list_brokers()["BrokerSummaries"]]
        others = {"/aws/amazonmq/broker/b-of-others/general", f"/aws/rds/instance/code-keeper-{name}er-billing/postgresql"}
        ours = [f"/aws/amazonmq/broker/{broker}/{kind}" for broker in brokers for kind in ("general", "connection")]
        ours.append(f"/aws/rds/instance/code-keeper-{name}-billing/iam-db-auth-error")
        for group in [*others, *ours]:
            logs.create_log_group(logGroupName=group)
        return others

    def guardduty_watches(self):
        """What GuardDuty puts into every network whose nodes it watches, unasked."""
        ec2 = self("ec2")
        tags = [{"Key": "GuardDutyManaged", "Value": "true"}]
        for network in [v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"]]:
            group = ec2.create_security_group(
                GroupName=f"GuardDutyManagedSecurityGroup-{network}", Description="x", VpcId=network,
                TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
            )["GroupId"]
            subnet = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [network]}])["Subnets"][0]["SubnetId"]
            ec2.create_vpc_endpoint(
                VpcId=network, ServiceName="com.amazonaws.eu-north-1.guardduty-data", VpcEndpointType="Interface", SubnetIds=[subnet],
                SecurityGroupIds=[group], TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": tags}],
            )

    def somebody_is_there(self):
        """A group of somebody else's in the environment's network; AWS deletes no network that has one. Returns how to take it away."""
        ec2 = self("ec2")
        network = next(v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"])
        group = ec2.create_security_group(GroupName="of-somebody-else", Description="x", VpcId=network)["GroupId"]
        return lambda: ec2.delete_security_group(GroupId=group)

    def anywhere(self, region):
        """What also CloudFront's region and that of the copies have."""
        yield "certificates", [c["CertificateArn"] for c in self("acm", region).list_certificates()["CertificateSummaryList"]]
        logs = self("logs", region).get_paginator("describe_log_groups").paginate()
        yield "log groups", [g["logGroupName"] for page in logs for g in page["logGroups"]]
        keys = [self("kms", region).describe_key(KeyId=k["KeyId"])["KeyMetadata"] for k in self("kms", region).list_keys()["Keys"]]
        # Those of the services themselves, which moto makes at first use, are not ours.
        own = [k for k in keys if not k["Description"].startswith("Default ")]
        yield "keys", [k["KeyId"] for k in own if k["KeyState"] != "PendingDeletion"]
        yield "backup vaults", [v["BackupVaultName"] for v in self("backup", region).list_backup_vaults()["BackupVaultList"]]

    def at_home(self, region):
        ec2, elb = self("ec2", region), self("elbv2", region)
        yield "networks", [v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"]]
        yield "subnets", [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]]
        yield "security groups", [g["GroupId"] for g in ec2.describe_security_groups()["SecurityGroups"]]
        yield "addresses", [a["AllocationId"] for a in ec2.describe_addresses()["Addresses"]]
        yield "NAT gateways", [n["NatGatewayId"] for n in ec2.describe_nat_gateways()["NatGateways"] if n["State"] != "deleted"]
        yield "internet gateways", [g["InternetGatewayId"] for g in ec2.describe_internet_gateways()["InternetGateways"]]
        yield "route tables", [t["RouteTableId"] for t in ec2.describe_route_tables()["RouteTables"]]
        yield "endpoints", [e["VpcEndpointId"] for e in ec2.describe_vpc_endpoints()["VpcEndpoints"] if e["State"] != "deleted"]
        yield "flow logs", [f["FlowLogId"] for f in ec2.describe_flow_logs()["FlowLogs"]]
        yield "launch templates", [t["LaunchTemplateName"] for t in ec2.describe_launch_templates()["LaunchTemplates"]]
        yield "clusters", self("eks", region).list_clusters()["clusters"]
        yield "repositories", [r["repositoryName"] for r in self("ecr", region).describe_repositories()["repositories"]]
        yield "load balancers", [b["LoadBalancerName"] for b in elb.describe_load_balancers()["LoadBalancers"]]
        yield "target groups", [t["TargetGroupName"] for t in elb.describe_target_groups()["TargetGroups"]]
        yield "web ACLs", [a["Name"] for a in self("wafv2", region).list_web_acls(Scope="REGIONAL")["WebACLs"]]
        yield "key aliases", [a["AliasName"] for a in self("kms", region).list_aliases()["Aliases"]]
        rds = self("rds", region)
        yield "databases", [i["DBInstanceIdentifier"] for i in rds.describe_db_instances()["DBInstances"]]
        yield "database subnet groups", [g["DBSubnetGroupName"] for g in rds.describe_db_subnet_groups()["DBSubnetGroups"]]
        yield "database parameter groups", [g["DBParameterGroupName"] for g in rds.describe_db_parameter_groups()["DBParameterGroups"]]
        yield "database snapshots", [s["DBSnapshotIdentifier"] for s in rds.describe_db_snapshots()["DBSnapshots"] if s["SnapshotType"] == "manual"]
        yield "user pools", [p["Name"] for p in self("cognito-idp", region).list_user_pools(MaxResults=60)["UserPools"]]
        yield "brokers", [b["BrokerName"] for b in self("mq", region).list_brokers()["BrokerSummaries"]]
        secrets = self("secretsmanager", region).list_secrets()["SecretList"]
        # RDS removes the secret of its administrator with the instance; moto leaves it.
        yield "secrets", [s["Name"] for s in secrets if not s["Name"].startswith("rds!")]
        yield "topics", [t["TopicArn"] for t in self("sns", region).list_topics()["Topics"]]
        said = self("cloudwatch", region).describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        yield "alarms", [a["AlarmName"] for a in said["MetricAlarms"] + said["CompositeAlarms"]]
        yield "dashboards", [d["DashboardName"] for d in self("cloudwatch", region).list_dashboards()["DashboardEntries"]]
        yield "backup plans", [p["BackupPlanName"] for p in self("backup", region).list_backup_plans()["BackupPlansList"]]
        plans = self("backup", region).list_restore_testing_plans()["RestoreTestingPlans"]
        yield "plans that test restores", [p["RestoreTestingPlanName"] for p in plans]
        yield "tables", self("dynamodb", region).list_tables()["TableNames"]

    def worldwide(self):
        iam = self("iam")
        yield "roles", [r["RoleName"] for r in iam.list_roles()["Roles"]]
        yield "identity providers", [p["Arn"] for p in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
        yield "buckets", [b["Name"] for b in self("s3").list_buckets()["Buckets"]]
        yield "budgets", [b["BudgetName"] for b in self("budgets").describe_budgets(AccountId="123456789012").get("Budgets", [])]
        distributions = self("cloudfront").list_distributions()["DistributionList"].get("Items", [])
        yield "distributions", [d["Id"] for d in distributions]
        policies = self("cloudfront").list_cache_policies(Type="custom")["CachePolicyList"].get("Items", [])
        yield "cache policies", [p["CachePolicy"]["CachePolicyConfig"]["Name"] for p in policies]
        yield "global web ACLs", [a["Name"] for a in self("wafv2", "us-east-1").list_web_acls(Scope="CLOUDFRONT")["WebACLs"]]
        records = []
        for zone in self("route53").list_hosted_zones()["HostedZones"]:
            records += [r["Name"] + r["Type"] for r in self("route53").list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]]
        yield "records", records


def tagged(state, name):
    """Every resource that can have tags has the project's."""
    expected = {"Project": "code-keeper", "Environment": name, "ManagedBy": "terraform"}
    bare, count = [], 0
    for resource in state["resources"]:
        if resource["mode"] != "managed":
            continue
        for instance in resource["instances"]:
            if "tags_all" in instance["attributes"]:
                count += 1
                if not expected.items() <= (instance["attributes"]["tags_all"] or {}).items():
                    bare.append(f'{resource.get("module", "")}.{resource["type"]}.{resource["name"]}')
    same("resources without the tags", bare, [])
    true("there are resources with tags", count > 3)


def protected(state):
    """Everything that holds data is protected."""
    seen = set()
    for resource in state["resources"]:
        for attribute, value in PROTECTION.get(resource["type"], {}).items():
            seen.add(resource["type"])
            for instance in resource["instances"]:
                same(f"{resource.get('module', '')}.{resource['name']}.{attribute}", instance["attributes"][attribute], value)
    same("kinds that were looked at", seen, set(PROTECTION))


def recovers(shown):
    """The plan of the second region has nothing in the first but what is worldwide, and databases with production's data."""
    made = [c for c in shown["resource_changes"] if c["mode"] == "managed"]
    same("what is not made anew", [c["address"] for c in made if c["change"]["actions"] != ["create"]], [])
    zones = {c["change"]["after"]["availability_zone"] for c in made if c["type"] == "aws_subnet"}
    same("zones", zones, {"eu-west-1a", "eu-west-1b", "eu-west-1c"})
    databases = {c["change"]["after"]["identifier"]: c["change"]["after"] for c in made if c["type"] == "aws_db_instance"}
    same("databases", sorted(databases), ["code-keeper-recovery-billing", "code-keeper-recovery-inventory"])
    for name, database in databases.items():
        same(f"what {name} is made from", database["snapshot_identifier"].rpartition(":")[2], name.rpartition("-")[2])
        true(f"{name} has the key of its snapshot", database["kms_key_id"].startswith("arn:aws:kms:eu-west-1:"))
    named = {c["change"]["after"].get("name") for c in made if c["type"] in ("aws_iam_role", "aws_s3_bucket")}
    same("names that production has too", {n for n in named if n and "production" in n}, set())
    same("who signs its images", shown["planned_values"]["outputs"]["signing_key"]["value"], "awskms:///alias/code-keeper-recovery-signing")
    guarded = {c["address"].rpartition("[")[2].strip('"]') for c in made if ".module.guard[0]." in c["address"]}
    true(f"its images and that key are guarded: {guarded}", {"signatures", "images-gateway"} <= guarded)
    text = json.dumps(shown["planned_values"])
    true("nothing of it is in the region that is lost", "eu-north-1" not in text)


def backups_are_kept(aws, _outputs, _state):
    """No vault lets its backups be deleted, whoever asks; and of each database the newest is restored now and then."""
    backup, plan = aws("backup"), "code_keeper_production"
    tested = backup.get_restore_testing_selection(RestoreTestingPlanName=plan, RestoreTestingSelectionName="databases")["RestoreTestingSelection"]
    same("what is restored for a test", {arn.rpartition("-")[2] for arn in tested["ProtectedResourceArns"]}, {"billing", "inventory"})
    group = tested["RestoreMetadataOverrides"]["dbSubnetGroupName"]
    true(f"{group} is there", aws("rds").describe_db_subnet_groups(DBSubnetGroupName=group)["DBSubnetGroups"])
    for region, name in (("eu-north-1", "code-keeper-production"), ("eu-west-1", "code-keeper-production-copy")):
        document = json.loads(aws("backup", region).get_backup_vault_access_policy(BackupVaultName=name)["Policy"])
        denied = [a for s in document["Statement"] if s["Effect"] == "Deny" and s["Principal"] == "*" for a in s["Action"]]
        true(f"{name} keeps its recovery points", "backup:DeleteRecoveryPoint" in denied)
    key = backup.describe_backup_vault(BackupVaultName="code-keeper-production")["EncryptionKeyArn"]
    true("the vault has a key of its own", key not in {d["KmsKeyId"] for d in aws("rds").describe_db_instances()["DBInstances"]})


def backups_are_made(aws, outputs, _state):
    """There are recovery points of databases and volumes in every vault: what is torn down later is not empty."""
    name = outputs["cluster_name"]
    for region, vault in [("eu-north-1", name)] + ([("eu-west-1", f"{name}-copy")] if "production" in name else []):
        points = aws("backup", region).list_recovery_points_by_backup_vault(BackupVaultName=vault)["RecoveryPoints"]
        same(f"kinds of backups in {vault}", {p["ResourceType"] for p in points}, {"RDS", "EBS"})


def complete_values(text, name):
    values = values_of(text)
    same("keys", sorted(values), sorted(KEYS))
    empty = sorted(key for key, value in values.items() if not value)
    untraced = [] if name == "staging" else ["TRACES_ENDPOINT"]
    same("empty values", empty, sorted([*(MANAGED if name == "dev" else []), *untraced]))


def values_arrived(built, text):
    """What Terraform made is in the objects that kustomize makes of it; the rest is for the application's own settings."""
    lost = [
        f"{key}={part}" for key, value in values_of(text).items() if key not in ("AWS_REGION", "CLUSTER_NAME")
        for part in value.split(",") if part and part not in built
    ]
    same("values that the overlay does not use", lost, [])


def network(aws, outputs, _state):
    name = outputs["cluster_name"]
    subnets = aws("ec2").describe_subnets(Filters=[{"Name": "tag:Name", "Values": [f"{name}-private-*"]}])["Subnets"]
    # Dev was told its zones.
    letters = {"code-keeper-dev": "bc", "code-keeper-staging": "ab", "code-keeper-production": "abc"}[name]
    same("zones of the private subnets", {s["AvailabilityZone"][-1] for s in subnets}, set(letters))
    blocks = {v["CidrBlock"] for v in aws("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [name]}])["Vpcs"]}
    same("network", blocks, {{"dev": "10.2.0.0/16", "staging": "10.1.0.0/16", "production": "10.0.0.0/16"}[name.rpartition("-")[2]]})
    true("no subnet gives public addresses", not any(s["MapPublicIpOnLaunch"] for s in subnets))
    cluster = aws("eks").describe_cluster(name=name)["cluster"]
    true("an ill zone can be left", cluster["zonalShiftConfig"]["enabled"])
    services = cluster["kubernetesNetworkConfig"]["serviceIpv4Cidr"]
    same("DNS", values_of(outputs["kustomize_values"])["DNS_CIDR"], services.replace(".0/16", ".10/32"))
    same("subnets of the cluster", set(cluster["resourcesVpcConfig"]["subnetIds"]), {s["SubnetId"] for s in subnets})
    tables = aws("ec2").describe_route_tables(Filters=[{"Name": "tag:Name", "Values": [f"{name}-database"]}])["RouteTables"]
    out = [r for t in tables for r in t["Routes"] if r.get("DestinationCidrBlock") == "0.0.0.0/0"]
    same("ways out of the database subnets", out, [])


def nothing_public(aws, outputs, _state):
    """The only thing open to the world is the load balancer, and that is not where CloudFront is in front."""
    name = outputs["cluster_name"]
    open_groups = {
        group["GroupName"]
        for group in aws("ec2").describe_security_groups()["SecurityGroups"]
        for rule in group["IpPermissions"]
        for block in rule["IpRanges"]
        if block["CidrIp"] == "0.0.0.0/0"
    }
    same("security groups open to the world", open_groups, set() if "production" in name else {f"{name}-edge"})
    true("no public database", not any(i["PubliclyAccessible"] for i in aws("rds").describe_db_instances()["DBInstances"]))
    for broker in aws("mq").list_brokers()["BrokerSummaries"]:
        true("no public broker", not aws("mq").describe_broker(BrokerId=broker["BrokerId"])["PubliclyAccessible"])


def target_group(aws, outputs, _state):
    arn = values_of(outputs["kustomize_values"])["TARGET_GROUP_ARN"]
    group = aws("elbv2").describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    same("type", group["TargetType"], "ip")
    same("port", group["Port"], 3000)
    same("health check", (group["HealthCheckPort"], group["HealthCheckPath"]), ("3100", "/health/ready"))
    tags = aws("elbv2").describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
    true("tag for Auto Mode", {"Key": "eks:eks-cluster-name", "Value": outputs["cluster_name"]} in tags)
    balancer = group["LoadBalancerArns"][0]
    listeners = {each["Port"]: each for each in aws("elbv2").describe_listeners(LoadBalancerArn=balancer)["Listeners"]}
    same("port 80", listeners[80]["DefaultActions"][0]["Type"], "redirect")
    same("port 443", listeners[443]["Protocol"], "HTTPS")


def dashboard(aws, outputs, _state):
    name = outputs["cluster_name"]
    body = json.loads(aws("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])
    true("it has charts", len(body["widgets"]) >= 15)
    for widget in body["widgets"]:
        text = json.dumps(widget["properties"]["metrics"])
        true(f"{widget['properties']['title']} is about this environment", name in text)
        same("region", widget["properties"]["region"], "eu-north-1")


def alarms(aws, outputs, _state):
    said = aws("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    called = said["MetricAlarms"] + said["CompositeAlarms"]
    topics = {t["TopicArn"] for t in aws("sns").list_topics()["Topics"]}
    combined = {name for alarm in said["CompositeAlarms"] for name in re.findall(r'ALARM\("([^"]+)"\)', alarm["AlarmRule"])}
    true("there are alarms", len(called) > 10 and len(said["CompositeAlarms"]) >= 2)
    same("what is combined is there", combined - {alarm["AlarmName"] for alarm in said["MetricAlarms"]}, set())
    for alarm in called:
        if alarm["AlarmName"] in combined:
            same(f"{alarm['AlarmName']} tells nobody by itself", alarm["AlarmActions"], [])
        else:
            true(f"{alarm['AlarmName']} tells somebody", set(alarm["AlarmActions"]) <= topics and alarm["AlarmActions"])
        page = re.search(r"/([a-z-]+\.md)\b", alarm["AlarmDescription"])
        true(f"{alarm['AlarmName']} links to its runbook", page and (RUNBOOKS / page[1]).exists())


def budgets(aws, outputs, _state):
    """One for what carries our tag, one for what Auto Mode makes."""
    name = outputs["cluster_name"]
    found = {b["BudgetName"]: b["CostFilters"]["TagKeyValue"] for b in aws("budgets").describe_budgets(AccountId="123456789012")["Budgets"]}
    nodes = f"user:eks:eks-cluster-name${name}"
    same("budgets", found, {name: [f"user:Environment${name.removeprefix('code-keeper-')}"], f"{name}-nodes": [nodes]})


def no_password_in_state(aws, _outputs, state):
    """Passwords of the services are in Secrets Manager and nowhere else."""
    text = json.dumps(state)
    names = [s["Name"] for s in aws("secretsmanager").list_secrets()["SecretList"]]
    own = [n for n in names if n.endswith(("-database", "-broker"))]
    same("secrets", len(own), 4)
    for name in own:
        secret = json.loads(aws("secretsmanager").get_secret_value(SecretId=name)["SecretString"])
        same(f"fields of {name}", sorted(secret), ["password", "username"])
        true(f"{name} is long", len(secret["password"]) == 40)
        true(f"{name} is not in the state", secret["password"] not in text)
    (keys,) = (n for n in names if n.endswith("-keys"))
    same("API keys of a new environment", aws("secretsmanager").get_secret_value(SecretId=keys)["SecretString"], "keys = []\n")


def identities(aws, outputs, _state):
    """Each service account has a role, and the role reads its own secrets only."""
    name = outputs["cluster_name"]
    found = {
        a["serviceAccount"]: a for a in aws("eks").list_pod_identity_associations(clusterName=name)["associations"]
        if a["namespace"] == "code-keeper"
    }
    expected = {"gateway": ["gateway-broker", "gateway-keys"], "inventory": ["inventory-database"], "billing": ["billing-database", "billing-broker"]}
    same("service accounts", sorted(found), sorted(expected))
    for account, secrets in expected.items():
        role = aws("eks").describe_pod_identity_association(clusterName=name, associationId=found[account]["associationId"])["association"]["roleArn"].split("/")[-1]
        policy = aws("iam").get_role_policy(RoleName=role, PolicyName="read-own-secrets")["PolicyDocument"]
        readable = policy["Statement"][0]["Resource"]
        readable = [readable] if isinstance(readable, str) else readable
        same(f"secrets of {account}", sorted(arn.split("/")[-1][:-7] for arn in readable), sorted(secrets))


def databases(aws, outputs, _state):
    found = {i["DBInstanceIdentifier"]: i for i in aws("rds").describe_db_instances()["DBInstances"]}
    same("databases", sorted(found), [f"{outputs['cluster_name']}-{d}" for d in ("billing", "inventory")])
    for instance in found.values():
        true("encrypted", instance["StorageEncrypted"])
        true("restorable for a week", instance["BackupRetentionPeriod"] >= 7)
        same("standby", instance["MultiAZ"], "production" in outputs["cluster_name"])


def front_door(aws, _outputs, _state):
    distribution = aws("cloudfront").list_distributions()["DistributionList"]["Items"][0]
    config = aws("cloudfront").get_distribution_config(Id=distribution["Id"])["DistributionConfig"]
    same("TLS", config["ViewerCertificate"]["MinimumProtocolVersion"], "TLSv1.2_2021")
    true("it has a web ACL", "global/webacl" in config["WebACLId"])
    true("the load balancer is internal", all(b["Scheme"] == "internal" for b in aws("elbv2").describe_load_balancers()["LoadBalancers"]))
    zone = aws("route53").list_hosted_zones()["HostedZones"][0]["Id"]
    records = aws("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    leads = {r["Type"]: r["AliasTarget"]["DNSName"] for r in records if "AliasTarget" in r}
    same("the name leads to CloudFront", {k: v.rstrip(".") for k, v in leads.items()}, dict.fromkeys(("A", "AAAA"), distribution["DomainName"]))


def state_bucket(aws, _outputs, _state):
    bucket = "code-keeper-state-123456789012"
    s3 = aws("s3")
    same("versions", s3.get_bucket_versioning(Bucket=bucket)["Status"], "Enabled")
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    same("encryption", rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "aws:kms")
    true("not public", all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()))
    statement = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]
    same("TLS only", (statement["Effect"], statement["Condition"]), ("Deny", {"Bool": {"aws:SecureTransport": "false"}}))
    key = aws("dynamodb").describe_table(TableName="code-keeper-lock")["Table"]["KeySchema"]
    same("lock", key, [{"AttributeName": "LockID", "KeyType": "HASH"}])


COMMON = {
    "subnets, zones and routes": network,
    "nothing is public but the edge": nothing_public,
    "target group and listeners": target_group,
    "dashboard": dashboard,
    "alarms": alarms,
    "budgets": budgets,
    "the issuer of tokens": issuer,
    "every role has the boundary, and room in it": bounded,
}
MANAGED_DATA = {
    "passwords are in no state": no_password_in_state,
    "each service reads its own secrets": identities,
    "databases": databases,
    "backups are made": backups_are_made,
}
TESTS = {
    "bootstrap": {"state bucket and lock": state_bucket, "images are built once": images, "every role has the boundary, and room in it": bounded},
    "dev": COMMON,
    "staging": COMMON | MANAGED_DATA | {"traces": traced},
    "production": COMMON | MANAGED_DATA | {"CloudFront is the only door": front_door, "backups are kept": backups_are_kept},
}
