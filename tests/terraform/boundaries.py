"""The boundary of roles, held against what the roles are for."""

import fnmatch
import json

from expect import listed, same, true

# What AWS's own policies for EKS and AWS Backup allow beyond what an environment needs; the boundary withholds it.
NOT_NEEDED = [
    *(f"{service}:*" for service in (
        "backup-gateway", "cloudformation", "ds", "dsql", "dynamodb", "elasticfilesystem", "fsx", "guardduty", "redshift",
        "redshift-serverless", "ssm-sap", "storagegateway", "timestream",
    )),
    # Backups of instances, of Windows, of clusters of RDS and of EKS; deleting instances after a test of restoring.
    "ec2:*Image*", "ssm:*Command*", "rds:*Cluster*", "rds:*Tenant*", "rds:DeleteDBInstance*", "eks:Associate*", "eks:Create*", "eks:Disassociate*",
    "eks:TagResource",
]


def bounded(aws, _outputs, _state):
    """Every role has the boundary, and the boundary lets it do what it is for."""
    iam = aws("iam")
    document = iam.get_policy_version(PolicyArn=aws.boundary, VersionId="v1")["PolicyVersion"]["Document"]
    within = [action for s in document["Statement"] if s["Effect"] == "Allow" for action in listed(s["Action"])]
    roles = iam.list_roles()["Roles"]
    true("there are roles", len(roles) >= 3)
    for role in (iam.get_role(RoleName=each["RoleName"])["Role"] for each in roles):
        name = role["RoleName"]
        same(f"boundary of {name}", role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"), aws.boundary)
        wanted = {action for policy in policies_of(iam, name) for s in listed(policy["Statement"]) if s["Effect"] == "Allow" for action in listed(s["Action"])}
        withheld = {action for action in wanted if not any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in [*within, *NOT_NEEDED])}
        same(f"what {name} is for, and the boundary withholds", withheld, set())


def traced(aws, outputs, _state):
    """The agent takes spans where the units send them, and may write them to X-Ray."""
    name = outputs["cluster_name"]
    addon = aws("eks").describe_addon(clusterName=name, addonName="amazon-cloudwatch-observability")["addon"]
    agent = json.loads(addon["configurationValues"])["agents"][1]
    port = agent["config"]["traces"]["traces_collected"]["otlp"]["http_endpoint"].rpartition(":")[2]
    true("where spans are sent", f"TRACES_ENDPOINT=http://{agent['name']}-headless.amazon-cloudwatch:{port}\n" in outputs["kustomize_values"])
    allowed = {action for p in policies_of(aws("iam"), f"{name}-insights") for s in listed(p["Statement"]) for action in listed(s["Action"])}
    true("the agent writes to X-Ray", "xray:PutTraceSegments" in allowed)


def policies_of(iam, role):
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        yield iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
        yield iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)["PolicyVersion"]["Document"]
