"""What is not Terraform under terraform/: policies for people, the READMEs, the scripts."""

import datetime
import fnmatch
import json
import os
import pathlib
import re
import tempfile

import decisions

HERE = pathlib.Path(__file__).resolve().parent

# Actions that AWS lets no policy narrow to a resource, or that only read.
READING = re.compile(r"^[a-z0-9-]+:(Describe|List|Get|View|Lookup|Check)")
UNSCOPED = {
    "acm:ImportCertificate", "acm:RequestCertificate", "backup-storage:MountCapsule", "cloudwatch:PutCompositeAlarm", "elasticloadbalancing:*WebACL*",
    "kms:CreateKey", "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:UpdateLogDelivery", "mq:CreateBroker",
    "route53:GetChange", "secretsmanager:GetRandomPassword", "sns:Unsubscribe",
}

# Services that say in whose name they ask, as AWS's own policies count on it; Amazon MQ for one does not.
CALLED_VIA = {"wafv2.amazonaws.com"}

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
    # The one more gives our tag to what is not ours.
    wider = wider - HARMLESS | {"TagTheDefaultSecurityGroup"}
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


def allowed(root, calls):
    """Every action that applying, reading and destroying asked for is in some statement; asking who one is needs none."""
    documents = (root / "terraform/bootstrap/operator").glob("*.json")
    statements = [s for d in documents for s in json.loads(d.read_text())["Statement"] if s["Effect"] == "Allow"]
    patterns = [action for statement in statements for action in listed(statement["Action"])]
    asked = set(calls) - {"sts:GetCallerIdentity"}
    missing = {call for call in asked if not any(fnmatch.fnmatchcase(call.lower(), pattern.lower()) for pattern in patterns)}
    assert len(asked) > 20, f"only {asked} were noted"
    assert not missing, f"not allowed: {sorted(missing)}"


def latency_filter(root):
    """What the latency alarm reads in the gateway's log is written there, and the route that it leaves out exists."""
    pattern = (root / "terraform/modules/observability/latency.tf").read_text()
    log = (root / "adapters/http-server/src/observer.rs").read_text()
    for field in sorted(set(re.findall(r"\$\.log_processed\.(\w+)", pattern))):
        assert re.search(rf"tracing::info!\([^)]*\b{field}\b", log), f"the gateway's log has no {field}"
    route = re.search(r'route != \\"(.+?)\\"', pattern)[1]
    assert f'#[get("{route}")]' in (root / "adapters/http-server/src/orders.rs").read_text(), f"there is no route {route}"


def every_role_is_bounded(root):
    """No module makes a role that the operator's policies would refuse."""
    bare, count = [], 0
    for source in sorted((root / "terraform").rglob("*.tf")):
        for name, body in re.findall(r'^resource "aws_iam_(?:role|user)" "(\w+)" \{\n(.*?)^\}', source.read_text(), re.M | re.S):
            count += 1
            if not re.search(r"^  permissions_boundary += var\.permissions_boundary$", body, re.M):
                bare.append(f"{source.relative_to(root)}: {name}")
    assert count >= 10 and not bare, f"roles without the boundary: {bare}"


# EC2 does not say for whom it takes a role.
WITHOUT_ACCOUNT = {"ec2.amazonaws.com"}
# The account, or the ARN of one thing in it.
OWN = ('"aws:SourceAccount"', '"aws:SourceArn" = "arn:${local.partition}:eks:${local.region}:${local.account}:cluster/${var.name}"')


def trusts(root):
    """A role that a service takes is taken for this account only: no other account's resource can make the service use it."""
    open_ones, count = [], 0
    for source in sorted((root / "terraform").rglob("*.tf")):
        for statement in re.findall(r'Principal = \{ Service = "(.+?)" \}\n(.*?)^    \}\]', source.read_text(), re.M | re.S):
            count += 1
            if statement[0] not in WITHOUT_ACCOUNT and not any(own in statement[1] for own in OWN):
                open_ones.append(f"{source.relative_to(root)}: {statement[0]}")
    assert count >= 6 and not open_ones, f"{count} trusts; for any account: {open_ones}"


def listed(value):
    return value if isinstance(value, list) else [value]


def wildcards(root):
    """No policy in the modules allows every action, or every resource without a word why."""
    bare = []
    for source in sorted((root / "terraform").rglob("*.tf")):
        lines = source.read_text().splitlines()
        for number, line in enumerate(lines):
            if re.search(r'Action\s*=\s*\[?"\*"', line):
                bare.append(f"{source.relative_to(root)}:{number + 1} allows every action")
            if re.search(r'Resource\s*=\s*\[?"\*"', line):
                near = "\n".join(lines[max(0, number - 6):number])
                of_a_key = "kms:" in near and 'In a key policy "*" means this key only' in source.read_text()
                if "#" not in near and not of_a_key:
                    bare.append(f"{source.relative_to(root)}:{number + 1} every resource, and no reason")
    assert not bare, "\n".join(bare)


def readmes(root):
    """Every module's README names every input, and no link leads nowhere."""
    wrong = []
    for module in sorted((root / "terraform/modules").iterdir()):
        page = module / "README.md"
        if not page.exists():
            wrong.append(f"{module.name} has no README")
            continue
        for variable in re.findall(r'^variable "(\w+)"', (module / "variables.tf").read_text(), re.M):
            if f"`{variable}`" not in page.read_text():
                wrong.append(f"{module.name}/README.md does not name {variable}")
    for page in (root / "terraform").rglob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith("http") and not (page.parent / target).exists():
                wrong.append(f"{page.relative_to(root)} links to {target}")
    assert not wrong, "\n".join(wrong)


# Of each row of the README's table of versions: where its default stands.
DEFAULTS = {
    "Kubernetes": ("cluster", "kubernetes_version"), "PostgreSQL": ("database", "engine_version"), "RabbitMQ": ("broker", "engine_version"),
}
NOTICE = datetime.timedelta(days=90)
LOOKED_UP = datetime.timedelta(days=180)


def versions(root, today=None):
    """Every default has three months of support left, or, where no end is announced, was looked up within six."""
    today = today or datetime.date.today()
    page = (root / "terraform/README.md").read_text()
    rows = re.findall(r"^\| ([A-Z][^|]+) \| `([^`]+)` \| ([^|]+) \| (\d{4}-\d\d-\d\d) \|", page, re.M)
    assert {row[0] for row in rows} == set(DEFAULTS), f"the table of versions has {[row[0] for row in rows]}"
    wrong = []
    for name, told, end, looked_up in rows:
        module, variable = DEFAULTS[name]
        body = re.search(rf'^variable "{variable}" {{\n(.*?)^}}', (root / f"terraform/modules/{module}/variables.tf").read_text(), re.M | re.S)[1]
        default = re.search(r'^  default += "(.+)"$', body, re.M)[1]
        if default != told:
            wrong.append(f"{name}: the default is {default}, the table has {told}")
        if end == "not announced":
            if today - datetime.date.fromisoformat(looked_up) > LOOKED_UP:
                wrong.append(f"{name} {told}: looked up on {looked_up}, look again")
        elif datetime.date.fromisoformat(end) - today < NOTICE:
            wrong.append(f"{name} {told}: supported until {end}, raise the default")
    assert not wrong, "\n".join(wrong)


def described(root):
    """Every variable has a type and a description, every output a description."""
    wrong = []
    for source in sorted((root / "terraform").rglob("*.tf")):
        for kind, name, body in re.findall(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', source.read_text(), re.M | re.S):
            for field in ["description"] + (["type"] if kind == "variable" else []):
                if not re.search(rf"^  {field} +=", body, re.M):
                    wrong.append(f"{source.relative_to(root)}: {kind} {name} has no {field}")
    assert not wrong, "\n".join(wrong)


TESTS = {
    "operator policies": operator_policies,
    "operator policies are no wider than is told": operator_is_wider,
    "operator policies read no secret of others": operator_reads_own_secrets,
    "operator policies reach what others made": operator_reaches_others,
    "operator policies refuse what they shall": decisions.operator_is_refused,
    "the boundary of roles": decisions.boundary,
    "every role has the boundary": every_role_is_bounded,
    "roles of services are taken for this account": trusts,
    "no wildcard without a reason": wildcards,
    "the latency alarm reads what the gateway writes": latency_filter,
    "READMEs name every input": readmes,
    "everything is described": described,
    "every default version has three months left": versions,
}


def scripts(suite, command):
    """The scripts, with stand-ins for the programs that they steer."""
    terraform = suite.root / "terraform"
    for script in ("teardown", "unprotect", "create-users", "self-signed-certificate"):
        command(["sh", "-n", terraform / script], suite.work)
    with tempfile.TemporaryDirectory(dir=suite.work) as folder:
        folder = pathlib.Path(folder)
        certificate(terraform, folder, command)
        for name, body in STAND_INS.items():
            program = folder / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(f"#!/bin/sh\n{body}")
            program.chmod(0o755)
        log = folder / "log"
        environment = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "LOG": str(log)}
        log.write_text("")
        for state in PROTECTED:
            said = command([terraform / "teardown", "--yes", "dev"], folder, {**environment, "STATE": state}, expected=(1,))
            assert "dev is protected: nothing was done" in said, f"{state} is destroyed: {said}"
        command([terraform / "teardown", "--yes", "dev"], folder, {**environment, "STATE": "no state"}, expected=(1,))
        touched = [line for line in log.read_text().splitlines() if not line.startswith(("terraform state pull", "aws eks describe-cluster"))]
        assert not touched, f"touched although protected: {touched}"
        log.write_text("")
        said = command([terraform / "teardown", "--yes", "dev"], folder, environment)
        in_order(log.read_text(), TEARDOWN_ORDER, "teardown")
        assert "vpc-1 is still there, and in it:\neni-1 of somebody" in said, f"what is left in the network is not listed: {said}"
        said = command([terraform / "teardown", "--yes", "dev"], folder, {**environment, "DESTROY": "1"}, expected=(1,))
        assert "pv-1 of another namespace" in said, "it is not said whose volumes stay"
        in_order(log.read_text().rpartition("terraform destroy")[2], ["ec2 describe-network-interfaces"], "a destroy that failed")
        done = command([terraform / "teardown", "dev"], folder, environment, expected=(1,))
        assert "dev" in done, "without --yes and an answer nothing is destroyed"
        log.write_text("")
        out = command([terraform / "create-users", "staging"], folder, environment)
        in_order(log.read_text(), USERS_ORDER, "create-users")
        assert "hunter2" not in out + log.read_text(), "a password was shown or given as an argument"
        same_rights(suite.root, log.read_text())
        roots = (suite.root / "kustomize/components/managed-endpoints/rds-ca/eu-north-1.pem").read_text()
        connections = re.findall(r"^psql .*host=(\S+) .*sslmode=verify-full sslrootcert=(\S+)", log.read_text(), re.M)
        assert [host for host, _ in connections] == ["inventory.test", "billing.test"], f"servers that are not verified: {log.read_text()}"
        assert all(pathlib.Path(file).read_text() == roots for _, file in connections), "verified by other roots than RDS's"
        command([terraform / "create-users", "staging"], folder, {**environment, "AWS_REGION": "xx-nowhere-1"}, expected=(1,))


def same_rights(root, log):
    """The users of Amazon MQ may do what those of the broker in the cluster may, of everything that there could be."""
    names = ["billing_queue", "billing_queue.dead", "billing_queue.dlx", "billing_queue2", "billing_queue_dead", "amq.default", "amq.direct", "other"]
    definitions = json.loads((root / "kustomize/components/in-cluster-rabbitmq/definitions.json").read_text())
    given = dict(re.findall(r"^curl https://mq.test/api/permissions/%2F/(\w+) (.*)$", log, re.M))
    assert set(given) == {p["user"] for p in definitions["permissions"]}, f"rights were given to {sorted(given)}"
    for wanted in definitions["permissions"]:
        rights = json.loads(given[wanted["user"]])
        for what in ("configure", "write", "read"):
            reached = [[n for n in names if re.search(r[what], n)] for r in (rights, wanted)]
            assert reached[0] == reached[1], f"{wanted['user']} {what}: {rights[what]} is not {wanted[what]}"


def certificate(terraform, folder, command):
    command([terraform / "self-signed-certificate", folder, "movies.test"], folder)
    pem = json.loads((folder / "certificate.auto.tfvars.json").read_text())["certificate"]
    assert os.stat(folder / "certificate.auto.tfvars.json").st_mode & 0o077 == 0, "others can read the key"
    (folder / "k.pem").write_text(pem["private_key"])
    assert (folder / "certificate.pem").read_text() == pem["body"], "clients are given another certificate than the load balancer"
    # What a client does that is given the file, and asks for the name.
    client = ["openssl", "verify", "-CAfile", "certificate.pem", "-purpose", "sslserver", "-verify_hostname"]
    command([*client, "movies.test", "certificate.pem"], folder)
    command([*client, "another.test", "certificate.pem"], folder, expected=(1, 2))
    public = command(["openssl", "x509", "-in", "certificate.pem", "-noout", "-pubkey"], folder)
    assert public == command(["openssl", "pkey", "-in", "k.pem", "-pubout"], folder), "the key is another certificate's"


def in_order(log, steps, what):
    at = -1
    for step in steps:
        found = log.find(step, at + 1)
        assert found >= 0, f"{what}: {step!r} is missing, or comes too early\n{log}"
        at = found


# What a state says of a protected environment: each alone is enough. The last was applied before there was a guard.
PROTECTED = [
    json.dumps({"resources": [{"module": module, "type": kind, "name": "this", "instances": [{"attributes": attributes}]}]})
    for module, kind, attributes in (
        ("module.environment.module.guard[0]", "terraform_data", {}),
        ("module.environment.module.edge", "aws_lb", {"enable_deletion_protection": True}),
        ('module.environment.module.database["billing"]', "aws_db_instance", {"deletion_protection": True}),
    )
]
# Protection is read before anything else. What is in the cluster goes before the cluster, and the list of what is left comes last.
TEARDOWN_ORDER = [
    "terraform state pull", "kubectl delete namespace code-keeper", "kubectl delete nodepools", "terraform destroy", "ec2 describe-security-groups",
    "aws resourcegroupstaggingapi",
]
USERS_ORDER = [
    "aws eks update-kubeconfig --name code-keeper-dev", "aws secretsmanager get-secret-value", "kubectl run",
    "aws secretsmanager put-secret-value",
]

USERS = json.dumps({
    "databases": {d: {"host": f"{d}.test", "admin_secret": "arn:admin", "user_secret": f"n/{d}-database", "database_name": d} for d in ("inventory", "billing")},
    "broker": {"host": "mq.test", "admin_secret": "n/broker-admin", "user_secrets": {"gateway": "n/gateway-broker", "billing": "n/billing-broker"}},
})
STAND_INS = {
    "terraform": f'''echo "terraform $*" | sed 's/-chdir=[^ ]* //' >> "$LOG"
case "$*" in
*destroy*) exit "${{DESTROY:-0}}" ;;
*"state pull"*) echo "${{STATE:-}}" ;;
*"output -raw cluster_name"*) echo code-keeper-dev ;;
*"output -json users"*) echo '{USERS}' ;;
esac
''',
    "kubectl": '''echo "kubectl $*" >> "$LOG"
case "$*" in
*"get persistentvolumes"*claimRef.namespace==*|*"get nodeclaims"*) ;;
*"get persistentvolumes"*) echo "pv-1 of another namespace" ;;
run*|*" run "*)
    # What would run in a pod, with its files beside the log.
    for script; do :; done
    sh -ceu "$(printf %s "$script" | sed "s#/tmp/#$LOG.#g")" ;;
esac
''',
    "sleep": "",
    "psql": 'echo "psql $*" >> "$LOG"\ncat > /dev/null\n',
    # The body of what gives rights; those that make users have passwords in them.
    "curl": '''for url; do :; done
case "$*" in
*permissions*) echo "curl $url $(cat)" >> "$LOG" ;;
*--data*) cat > /dev/null ;;
esac
''',
    "aws": '''echo "aws $*" >> "$LOG"
case "$*" in
*get-secret-value*) echo '{"username": "someone", "password": "hunter2"}' ;;
*get-random-password*) echo 'hunter2new' ;;
*describe-cluster*) echo ACTIVE ;;
*describe-vpcs*) echo vpc-1 ;;
*describe-network-interfaces*) echo 'eni-1 of somebody' ;;
esac
case "$*" in *put-secret-value*) cat > /dev/null ;; esac
''',
}
