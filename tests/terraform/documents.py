"""What is not Terraform under terraform/: the READMEs, and what the modules say of themselves."""

import datetime
import re

import commands
import decisions
import deliveries
import operators


def latency_filter(root):
    """What the latency alarm reads in the gateway's log is written there, and the route that it leaves out exists."""
    pattern = (root / "terraform/modules/observability/latency.tf").read_text()
    log = (root / "adapters/http-server/src/access_log.rs").read_text()
    for field in sorted(set(re.findall(r"\$\.log_processed\.(\w+)", pattern))):
        assert re.search(rf"tracing::info!\([^)]*\b{field}\b", log), f"the gateway's log has no {field}"
    route = re.search(r'route != \\"(.+?)\\"', pattern)[1]
    assert f'#[get("{route}")]' in (root / "adapters/http-server/src/orders.rs").read_text(), f"there is no route {route}"


def scopes(root):
    """The issuer gives the scopes that the API asks for, no more and no fewer."""
    known = set(re.findall(r'^            Self::\w+ => "([a-z:]+)",$', (root / "core/domain/src/scope.rs").read_text(), re.M))
    module = root / "terraform/modules/issuer"
    given = set(re.findall(r'^    "([a-z:]+)" += "', (module / "main.tf").read_text(), re.M))
    checked = set(re.findall(r'"([a-z]+:?[a-z]*)"', re.search(r"setsubtract\(\n(.*)\n", (module / "variables.tf").read_text())[1]))
    assert len(known) >= 6 and given == known == checked, f"the API knows {sorted(known)}, the issuer {sorted(given)}, its input {sorted(checked)}"


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


def inputs(module):
    """The begin of each input's row in the README: name, type without its innermost part, and default, as they are in the code."""
    for name, body in re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', (module / "variables.tf").read_text(), re.M | re.S):
        kind = re.search(r"^  type += (\w+)(?:\((\w+))?", body, re.M)
        inner = f"({kind[2]})" if kind[2] else ""
        default = re.search(r"^  default += (.+)$", body, re.M)
        yield f"| `{name}` | {kind[1]}{inner} | {f'`{default[1]}`' if default else 'required'} |"


def readmes(root):
    """Every module's README has every input with its type and default, and no link leads nowhere."""
    wrong = []
    for module in sorted([root / "terraform/bootstrap", *(root / "terraform/modules").iterdir()]):
        page = module / "README.md"
        if not page.exists():
            wrong.append(f"{module.name} has no README")
            continue
        for row in inputs(module):
            if row not in page.read_text():
                wrong.append(f"{module.name}/README.md has no row that begins with {row}")
    for page in (root / "terraform").rglob("*.md"):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith("http") and not (page.parent / target).exists():
                wrong.append(f"{page.relative_to(root)} links to {target}")
    assert not wrong, "\n".join(wrong)


def first_page(root):
    """A first deployment is one page, and each other page is named there."""
    page = (root / "terraform/README.md").read_text()
    assert len(page.splitlines()) <= 80, f"terraform/README.md has {len(page.splitlines())} lines"
    unnamed = [p.name for p in (root / "terraform").glob("*.md") if p.name != "README.md" and f"]({p.name})" not in page]
    assert not unnamed, f"not named in terraform/README.md: {unnamed}"


def default_of(module, variable):
    """Where a module's default stands, and how to find it there."""
    return f"terraform/modules/{module}/variables.tf", rf'^variable "{variable}" {{\n(?:  .*\n)*?  default += "(.+)"$'


# The oldest that is accepted: whoever has it may keep it for as long as AWS does.
FLOOR = "Kubernetes, the oldest"
# Of each row of UPGRADE.md's table of versions: every place where its default stands.
DEFAULTS = {
    "Kubernetes": [default_of("cluster", "kubernetes_version"), default_of("environment", "kubernetes_version")],
    FLOOR: [("terraform/modules/cluster/variables.tf", r'^    error_message = "kubernetes_version must be (.+) or newer')],
    "PostgreSQL": [default_of("database", "engine_version"), ("terraform/create-users", r"\| inside \S+ \S*postgres:(\d+)\.")],
    "RabbitMQ": [default_of("broker", "engine_version")],
    "CloudWatch add-on": [default_of("cluster", "cloudwatch_addon_version")],
    "Rust": [("Dockerfile", r"^ARG RUST_IMAGE=rust:(.+)-slim-trixie$"), ("rust-toolchain.toml", r'^channel = "(.+)\.\d+"$')],
    "Debian under the images": [("Dockerfile", r"^ARG RUNTIME_IMAGE=gcr\.io/distroless/cc-debian(\d+):nonroot$")],
}
NOTICE = datetime.timedelta(days=90)
LOOKED_UP = datetime.timedelta(days=180)


def versions(root, today=None):
    """Every default has three months of support left, or, where no end is announced, was looked up within six."""
    today = today or datetime.date.today()
    page = (root / "terraform/UPGRADE.md").read_text()
    rows = re.findall(r"^\| ([A-Z][^|]+) \| `([^`]+)` \| ([^|]+) \| (\d{4}-\d\d-\d\d) \|", page, re.M)
    assert {row[0] for row in rows} == set(DEFAULTS), f"the table of versions has {[row[0] for row in rows]}"
    wrong = []
    for name, told, end, looked_up in rows:
        for path, pattern in DEFAULTS[name]:
            default = re.search(pattern, (root / path).read_text(), re.M)[1]
            if default != told:
                wrong.append(f"{name}: {path} has {default}, the table has {told}")
        if end == "not announced":
            if today - datetime.date.fromisoformat(looked_up) > LOOKED_UP:
                wrong.append(f"{name} {told}: looked up on {looked_up}, look again")
        elif datetime.date.fromisoformat(end) - today < (datetime.timedelta(0) if name == FLOOR else NOTICE):
            wrong.append(f"{name} {told}: supported until {end}, raise it")
    oldest = next(row[1] for row in rows if row[0] == FLOOR)
    major, minor = map(int, oldest.split("."))
    accepted = re.search(r'regex\("(.+?)", var\.kubernetes_version\)', (root / "terraform/modules/cluster/variables.tf").read_text())[1].replace("\\\\", "\\")
    taken = [n for n in range(100) if re.match(accepted, f"{major}.{n}")]
    assert taken == list(range(minor, 100)), f"accepted are {major}.{taken[0]} and more, the table has {oldest}"
    assert not wrong, "\n".join(wrong)


def pinned(root):
    """Every root locks the same provider, for Linux and with what the registry has for others; images of scripts are named by digest."""
    roots = [main.parent for main in (root / "terraform").rglob("main.tf") if "modules" not in main.parts]
    locks = {(each / ".terraform.lock.hcl").read_text() for each in roots}
    assert len(roots) >= 5 and len(locks) == 1, f"{len(locks)} lock files for {len(roots)} roots"
    hashes = re.findall(r'"(h1|zh):', locks.pop())
    assert hashes.count("h1") >= 1 and hashes.count("zh") >= 10, f"the lock has {hashes}"
    images = re.findall(r"\| inside \S+ (\S+) ", (root / "terraform/create-users").read_text())
    assert len(images) == 2 and all(re.search(r"@sha256:[0-9a-f]{64}$", image) for image in images), f"not by digest: {images}"


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
    "operator policies": operators.operator_policies,
    "operator policies are no wider than is told": operators.operator_is_wider,
    "operator policies read no secret of others": operators.operator_reads_own_secrets,
    "operator policies reach what others made": operators.operator_reaches_others,
    "operator policies refuse what they shall": decisions.operator_is_refused,
    "operator policies allow what the pages tell": commands.commands_are_allowed,
    "operator policies of one environment": decisions.operator_of_one_environment,
    "the boundary of roles": decisions.boundary,
    "the issuer has the scopes of the API": scopes,
    "every role has the boundary": every_role_is_bounded,
    "roles of services are taken for this account": trusts,
    "no wildcard without a reason": wildcards,
    "the latency alarm reads what the gateway writes": latency_filter,
    "READMEs have every input, its type and default": readmes,
    "a first deployment is one page": first_page,
    "everything is described": described,
    "providers and images are pinned": pinned,
    "the workflow of images": deliveries.workflow,
    "the deployment by pull": deliveries.deployment_by_pull,
    "every default version has three months left": versions,
}
