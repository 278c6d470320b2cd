"""What IAM decides by the operator's policies, for the requests that they are there to refuse, and for their like that they allow."""

import fnmatch
import json
import pathlib
import subprocess
import sys
import tempfile


def listed(value):
    return value if isinstance(value, list) else [value]


def matches(value, patterns):
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in listed(patterns))


OPERATORS = {
    "StringEquals": lambda value, wanted: value in listed(wanted),
    "StringLike": matches,
    "ArnLike": matches,
    "ArnEquals": matches,
}


def holds(operator, value, wanted):
    """One condition, as IAM reads it of a request that may lack the key."""
    if operator == "Null":
        return (value is None) == (wanted == "true")
    if operator.endswith("IfExists"):
        return value is None or holds(operator.removesuffix("IfExists"), value, wanted)
    if "Not" in operator:
        return value is None or not OPERATORS[operator.replace("Not", "")](value, wanted)
    return value is not None and OPERATORS[operator.split(":")[-1]](value, wanted)


def applies(statement, action, resource, context):
    if not matches(action.lower(), [a.lower() for a in listed(statement["Action"])]) or not matches(resource, statement["Resource"]):
        return False
    conditions = statement.get("Condition", {})
    return all(holds(operator, context.get(key), wanted) for operator, keys in conditions.items() for key, wanted in keys.items())


def decide(statements, action, resource, context):
    """Whether a request is allowed; a refusal beats every permission."""
    effects = {s["Effect"] for s in statements if applies(s, action, resource, context)}
    return effects == {"Allow"}


OURS = {"aws:ResourceTag/Project": "code-keeper"}
# What deletes something that holds data, or lets clients in: action and resource.
DELETIONS = [
    ("mq:DeleteBroker", "arn:aws:mq:eu-north-1:1:broker:code-keeper-production:b-1"),
    ("eks:DeleteCluster", "arn:aws:eks:eu-north-1:1:cluster/code-keeper-production"),
    ("rds:DeleteDBInstance", "arn:aws:rds:eu-north-1:1:db:code-keeper-production-billing"),
    ("secretsmanager:DeleteSecret", "arn:aws:secretsmanager:eu-north-1:1:secret:code-keeper-production/billing-database-x"),
    ("kms:ScheduleKeyDeletion", "arn:aws:kms:eu-north-1:1:key/1"),
    ("backup:DeleteBackupVault", "arn:aws:backup:eu-north-1:1:backup-vault:code-keeper-production"),
    ("ecr:DeleteRepository", "arn:aws:ecr:eu-north-1:1:repository/code-keeper-production/gateway"),
    ("ecr:BatchDeleteImage", "arn:aws:ecr:eu-north-1:1:repository/code-keeper-production/gateway"),
    ("cloudfront:DeleteDistribution", "arn:aws:cloudfront::1:distribution/E1"),
    ("cloudfront:DeleteVpcOrigin", "arn:aws:cloudfront::1:vpcorigin/vo_1"),
    ("cognito-idp:DeleteUserPool", "arn:aws:cognito-idp:eu-north-1:1:userpool/eu-north-1_1"),
    ("cognito-idp:DeleteUserPoolDomain", "arn:aws:cognito-idp:eu-north-1:1:userpool/eu-north-1_1"),
    ("elasticloadbalancing:DeleteLoadBalancer", "arn:aws:elasticloadbalancing:eu-north-1:1:loadbalancer/app/code-keeper-production/1"),
]


BOUNDED = {"iam:PermissionsBoundary": "arn:aws:iam::1:policy/code-keeper-boundary"}
ROLE, OWN_ROLE, USER = (f"arn:aws:iam::1:{name}" for name in ("role/code-keeper-dev-node", "role/code-keeper-operator", "user/somebody"))


def roles():
    """A role that an operator makes is never more than the boundary, by whatever way: of each, whether it is allowed."""
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary"):
        policy = {"iam:PolicyARN": "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"} if "Attach" in action else {}
        other = {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}
        yield "of a role with the boundary", action, ROLE, {**BOUNDED, **policy}, True
        yield "of a role without it", action, ROLE, policy, False
        yield "of a role with another", action, ROLE, {**other, **policy}, False
        yield "of the operator's own role", action, OWN_ROLE, {**BOUNDED, **policy}, False
    administrator = {**BOUNDED, "iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}
    yield "of an administrator's policy", "iam:AttachRolePolicy", ROLE, administrator, False
    yield "of a role", "iam:DeleteRolePermissionsBoundary", ROLE, BOUNDED, False
    for action in ("iam:UpdateAssumeRolePolicy", "iam:DetachRolePolicy", "iam:DeleteRolePolicy", "iam:DeleteRole"):
        yield "of an environment's role", action, ROLE, BOUNDED, True
        yield "of the operator's own role", action, OWN_ROLE, {}, False
    for action in ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicy"):
        yield "of the boundary", action, "arn:aws:iam::1:policy/code-keeper-boundary", {}, False
    for action in ("iam:CreateUser", "iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:AddUserToGroup", "iam:CreateLoginProfile"):
        yield "of a user", action, USER, {}, False


def of_services():
    """What a service does with the operator's rights when it is asked for something; as `cases`, but nothing denies it."""
    snapshots = ("ec2:DeleteSnapshot", "arn:aws:ec2:eu-north-1::snapshot/snap-1"), ("rds:DeleteDBSnapshot", "arn:aws:rds:eu-north-1:1:snapshot:awsbackup:job-1")
    for action, resource in snapshots:
        yield "of a recovery point, by AWS Backup", action, resource, {"aws:CalledVia": "backup.amazonaws.com"}, True
        yield "of a recovery point, past AWS Backup", action, resource, {}, False
    for made in ("instance/i-1", "volume/vol-1"):
        yield "of a group of nodes", "ec2:CreateTags", f"arn:aws:ec2:eu-north-1:1:{made}", {"ec2:CreateAction": "RunInstances"}, True
        yield "of somebody's", "ec2:CreateTags", f"arn:aws:ec2:eu-north-1:1:{made}", {"aws:RequestTag/Name": "x"}, False
    yield "of a load balancer", "ec2:GetSecurityGroupsForVpc", "arn:aws:ec2:eu-north-1:1:vpc/vpc-1", {}, True


def cases():
    """Title, action, resource, context, and whether it is allowed."""
    yield from roles()
    for action, resource in DELETIONS:
        yield "of a protected environment", action, resource, {**OURS, "aws:ResourceTag/Protected": "true"}, False
        yield "of an unprotected environment", action, resource, {**OURS, "aws:ResourceTag/Protected": "false"}, True
        yield "made before there was the tag", action, resource, OURS, True


def operator_is_refused(root):
    """Each request is decided as it shall be by all of the operator's policies together, and refused beside any other."""
    documents = sorted((root / "terraform/bootstrap/operator").glob("*.json"))
    statements = [s for d in documents for s in json.loads(d.read_text())["Statement"]]
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    wrong = [
        f"{action} ({title}) is {'refused' if allowed else 'allowed'}"
        for title, action, resource, context, allowed in (*cases(), *of_services())
        if decide(statements, action, resource, context) != allowed
    ]
    wrong += [
        f"{action} ({title}) is allowed by another policy" for title, action, resource, context, allowed in cases()
        if not allowed and decide([*statements, everything], action, resource, context)
    ]
    assert not wrong, "\n".join(wrong)


def narrowed(root, environment):
    """The six policies for one environment, as the script writes them: file name to text."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-B", root / "terraform/bootstrap/operator-for", environment, folder], check=True)
        return {document.name: document.read_text() for document in sorted(pathlib.Path(folder).glob("*.json"))}


def operator_of_one_environment(root):
    """An operator of dev may do to dev what all may, and to production nothing; of the states it reaches dev's."""
    written = narrowed(root, "dev")
    large = {name for name, text in written.items() if len("".join(text.split())) > 6144}
    assert len(written) == 6 and not large, f"{sorted(written)}, too large: {sorted(large)}"
    statements = [s for text in written.values() for s in json.loads(text)["Statement"]]
    bucket = "arn:aws:s3:::code-keeper-state-1"
    cases = [
        ("s3:GetObject", f"{bucket}/environments/dev/terraform.tfstate", {}, True), ("s3:ListBucket", bucket, {}, True),
        ("s3:PutObject", f"{bucket}/environments/production/terraform.tfstate", {}, False), ("s3:DeleteBucket", bucket, {}, False),
        ("kms:Decrypt", "arn:aws:kms:eu-north-1:1:key/1", {**OURS, "aws:ResourceTag/Environment": "bootstrap"}, True),
        ("kms:ScheduleKeyDeletion", "arn:aws:kms:eu-north-1:1:key/1", {**OURS, "aws:ResourceTag/Environment": "bootstrap"}, False),
        ("dynamodb:PutItem", "arn:aws:dynamodb:eu-north-1:1:table/code-keeper-lock", {}, True),
        ("dynamodb:DeleteTable", "arn:aws:dynamodb:eu-north-1:1:table/code-keeper-lock", {}, False),
    ]
    for action, resource in DELETIONS:
        tags = {**OURS, "aws:ResourceTag/Protected": "false"}
        cases.append((action, resource.replace("production", "dev"), {**tags, "aws:ResourceTag/Environment": "dev"}, True))
        cases.append((action, resource, {**tags, "aws:ResourceTag/Environment": "production"}, False))
    wrong = [f"{action} on {resource}: {not allowed}" for action, resource, context, allowed in cases if decide(statements, action, resource, context) != allowed]
    assert not wrong, "\n".join(wrong)


# What the boundary has to withhold, because a role that anybody can give any policy could take over the account, or end its data.
WITHHELD = [
    ("iam:CreateRole", ROLE), ("iam:PutRolePolicy", OWN_ROLE), ("iam:AttachRolePolicy", ROLE), ("iam:CreateUser", USER),
    ("iam:CreateAccessKey", USER), ("iam:PassRole", "arn:aws:iam::1:role/administrator"), ("sts:AssumeRole", "arn:aws:iam::1:role/administrator"),
    ("iam:CreatePolicyVersion", "arn:aws:iam::1:policy/code-keeper-boundary"), ("organizations:LeaveOrganization", "*"),
    ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-north-1:1:secret:another"), ("s3:GetObject", "arn:aws:s3:::another/x"),
    *DELETIONS,
]


def boundary(root):
    """The boundary fits into a managed policy, and withholds what leads out of it."""
    text = (root / "terraform/bootstrap/boundary.json").read_text()
    assert len("".join(text.split())) <= 6144, "a managed policy has at most 6144 characters"
    statements = json.loads(text)["Statement"]
    context = {"aws:ResourceTag/Protected": "true", "iam:PassedToService": "ec2.amazonaws.com", **BOUNDED}
    within = [action for action, resource in WITHHELD if decide(statements, action, resource, context)]
    assert not within, f"the boundary allows {within}"
    assert decide(statements, "secretsmanager:GetSecretValue", DELETIONS[3][1], {}), "a service reads its own secret"
