"""The policies of people who apply: no wider than is told, and wide enough for what applying asks."""

import fnmatch
import json
import re


def listed(value):
    return value if isinstance(value, list) else [value]


# Actions that AWS lets no policy narrow to a resource, or that only read.
READING = re.compile(r"^[a-z0-9-]+:(Describe|List|Get|View|Lookup|Check)")
UNSCOPED = {
    "acm:ImportCertificate", "acm:RequestCertificate", "backup-storage:MountCapsule", "cloudwatch:PutCompositeAlarm",
    "elasticloadbalancing:*WebACL*",
    "kms:CreateKey", "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:UpdateLogDelivery", "mq:CreateBroker",
    "route53:GetChange", "secretsmanager:GetRandomPassword", "sns:Unsubscribe",
}

# Services that say in whose name they ask, as AWS's own policies count on it; Amazon MQ for one does not.
CALLED_VIA = {"backup.amazonaws.com", "wafv2.amazonaws.com"}

# What applying does to things that others made, and that therefore do not carry our tag or name:
# action, and what its statement has to say.
OF_OTHERS = (
    ("ec2:AuthorizeSecurityGroupIngress", "aws:ResourceTag/aws:eks:cluster-name"),  # the group that EKS makes for nodes and pods
    ("ec2:CreateTags", "aws:RequestTag/Name"),  # the default group of the network
    ("ec2:GetManagedPrefixListEntries", "*"),  # CloudFront's addresses
    ("ec2:CreateNetworkInterface", "network-interface/*"),  # Amazon MQ's, with the operator's rights
    ("rds:CreateDBInstance", "og:default:postgres-*"),  # RDS's own option group
)

# Statements that name neither the project nor its tag everywhere, and let nothing of others be changed: they only make things, use
# what AWS has for all, or name the service that asks.
HARMLESS = {
    "Databases", "Firewall", "LetTheFirewallWriteLogs", "MakeAdministratorsOfDatabases", "MakeDistributions", "RolesOfServices",
    "TagWhatIsMade",
}


def operator_policies(root):
    """Each fits into a managed policy, administers nothing by wildcard, and is scoped wherever AWS allows it."""
    documents = sorted((root / "terraform/bootstrap/operator").glob("*.json"))
    assert documents, "there is no policy for the operator"
    for document in documents:
        text = document.read_text()
        policy = json.loads(text)
        size = len(re.sub(r"\s", "", text))
        assert size <= 6144, f"{document.name} has {size} characters; a managed policy has at most 6144"
        for statement in policy["Statement"]:
            where = f"{document.name}: {statement.get('Sid')}"
            actions = listed(statement["Action"])
            resources = listed(statement["Resource"])
            for condition in statement.get("Condition", {}).values():
                silent = set(listed(condition.get("aws:CalledVia", []))) - CALLED_VIA
                assert not silent, f"{where}: {sorted(silent)} do not say that they ask for somebody"
            assert "*" not in actions, f"{where} allows everything"
            if statement["Effect"] != "Allow" or "*" not in resources:
                continue
            for action in actions:
                narrow = READING.match(action) or action in UNSCOPED or "Condition" in statement
                assert narrow, f"{where}: {action} on every resource, without a condition"


def operator_is_wider(root):
    """What reaches beyond the project's names and tag is told in the README, statement by statement."""
    wider = set()
    for document in (root / "terraform/bootstrap/operator").glob("*.json"):
        for statement in json.loads(document.read_text())["Statement"]:
            changes = [a for a in listed(statement["Action"]) if not READING.match(a) and a not in UNSCOPED]
            unnamed = [r for r in listed(statement["Resource"]) if "code-keeper" not in r]
            # IfExists lets everything pass that has no tag.
            conditions = {k: v for k, v in statement.get("Condition", {}).items() if not k.endswith("IfExists")}
            if statement["Effect"] == "Allow" and changes and unnamed and "code-keeper" not in json.dumps(conditions):
                wider.add(statement["Sid"])
    # The two more give our tag, or our cluster's, to what is not ours.
    wider = wider - HARMLESS | {"TagRestoredVolumes", "TagTheDefaultSecurityGroup"}
    page = (root / "terraform/bootstrap/README.md").read_text()
    told = set(re.findall(r"`([A-Z][A-Za-z]+)`", page.partition("Wider than")[2]))
    assert told == wider, f"not told: {sorted(wider - told)}; told of nothing: {sorted(told - wider)}"


def operator_reads_own_secrets(root):
    """Only secrets of ours are read: by their name, or of an instance that has it."""
    documents = (root / "terraform/bootstrap/operator").glob("*.json")
    statements = [s for d in documents for s in json.loads(d.read_text())["Statement"] if s["Effect"] == "Allow"]
    reads = [s for s in statements if any(fnmatch.fnmatchcase("secretsmanager:GetSecretValue", a) for a in listed(s["Action"]))]
    instance = {"StringLike": {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": "arn:aws:rds:*:*:db:code-keeper-*"}}
    assert len(reads) == 2, f"{len(reads)} statements let secrets be read"
    for statement in reads:
        own = listed(statement["Resource"]) == ["arn:aws:secretsmanager:*:*:secret:code-keeper-*"]
        assert own or statement.get("Condition") == instance, f"{statement['Sid']} lets secrets of others be read"


def operator_reaches_others(root):
    """What is not ours by tag or name is reached all the same where applying needs it."""
    documents = (root / "terraform/bootstrap/operator").glob("*.json")
    statements = [s for d in documents for s in json.loads(d.read_text())["Statement"] if s["Effect"] == "Allow"]
    for action, word in OF_OTHERS:
        assert any(action in listed(s["Action"]) and word in json.dumps(s) for s in statements), f"{action} on {word} is not allowed"


def allowed(documents, calls):
    """Every action that applying, reading and destroying asked for is in some statement; asking who one is needs none."""
    statements = [s for text in documents for s in json.loads(text)["Statement"] if s["Effect"] == "Allow"]
    patterns = [action for statement in statements for action in listed(statement["Action"])]
    asked = set(calls) - {"sts:GetCallerIdentity"}
    missing = {call for call in asked if not any(fnmatch.fnmatchcase(call.lower(), pattern.lower()) for pattern in patterns)}
    assert len(asked) > 20, f"only {asked} were noted"
    assert not missing, f"not allowed: {sorted(missing)}"
