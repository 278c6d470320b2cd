"""Each root applied to a mock AWS of its own: applied, planned again, read back, destroyed, and nothing left."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
from urllib.parse import urlparse

import decisions
import drills
import issuers
import operators
import readback
import runbooks

RUNNING = set()
HERE = pathlib.Path(__file__).resolve().parent
ROOTS = ["bootstrap", "dev", "staging", "production"]
# As large as production, and the same modules: planned only.
PLANNED = ["recovery"]
REGION = "eu-north-1"

# All that differs from a real account:
# - requests go to the mock, and buckets are named in the path, because 127.0.0.1 has no sub-domains;
# - the state is a local file: the bucket is part of what is tried;
# - the hosted zone and the boundary of roles, which an account has, are made beforehand;
# - what AWS's services make by themselves (log groups, GuardDuty's endpoint) is made by the test.
OVERRIDE = 'provider "aws" {\n  s3_use_path_style = true\n}\n'


COPY_KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"


class Cloud:
    """A mock AWS, from `with` to its end."""

    def __init__(self, cache, name):
        self.log, self.calls = cache / "mock.log", cache / f"{name}.calls"

    def __enter__(self):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", "mock_aws", self.calls], cwd=HERE,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.log, "a"), env=clean, text=True,
        )
        RUNNING.add(self.process)
        for line in self.process.stdout:
            if line.strip().isdigit():
                break
        else:
            raise RuntimeError(f"the mock AWS did not start: {self.log}")
        self.environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{line.strip()}",
            "AWS_ACCESS_KEY_ID": "operator",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            # What moto does not know ends at once with its name, and is not tried again for minutes.
            "AWS_MAX_ATTEMPTS": "2",
        }
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait(10)
        RUNNING.discard(self.process)


def live(suite, terraform, name, command):
    """One root from nothing to nothing."""
    with Cloud(suite.cache, name) as cloud:
        aws = readback.Aws(cloud.environment)
        variables = seed(name, aws)
        tree = suite.copy(name)
        folder = tree / "bootstrap" if name == "bootstrap" else tree / "environments" / name
        (folder / "backend.tf").unlink(missing_ok=True)
        (folder / "mock_override.tf").write_text(OVERRIDE)
        (folder / "test.auto.tfvars.json").write_text(json.dumps(variables))
        if name != "bootstrap":
            shutil.copy(folder / "terraform.tfvars.example", folder / "terraform.tfvars")
        if name in ("dev", "staging"):
            command([tree / "self-signed-certificate", folder], suite.work)

        aws.make_boundary((tree / "bootstrap/boundary.json").read_text())
        before = aws.everything()
        if suite.check(f"{name}: applies", apply, terraform, folder, cloud) is None:
            return
        suite.check(f"{name}: a second plan changes nothing", plan, terraform, folder, cloud)
        state = json.loads((folder / "terraform.tfstate").read_text())
        outputs = {key: each["value"] for key, each in state["outputs"].items()}
        suite.check(f"{name}: everything carries the tags", readback.tagged, state, name)
        for title, test in readback.TESTS.get(name, {}).items():
            suite.check(f"{name}: {title}", test, aws, outputs, state)
        if name == "production":
            suite.check("production: protected unless it is said otherwise", readback.protected, state)
            suite.check("production: what is protected refuses to be destroyed", refuses, suite, terraform, tree, cloud, aws, command)
            suite.check("production: loses its name as RESTORE says", drills.loses_its_name, suite, cloud, aws, command)
            suite.check("production: gives its protection up when told to", unprotect, suite, terraform, name, tree, cloud, command)
            suite.check("production: a plan of it without protection changes nothing", plan, terraform, folder, cloud, "-var=protect=false")
        if name == "bootstrap":
            suite.check("bootstrap: what is protected refuses to be destroyed", bootstrap_refuses, terraform, folder, cloud, aws)
            suite.check("bootstrap: its state moves into its bucket and back", state_moves, suite, terraform, tree, cloud, aws, command)
            suite.check("bootstrap: gives its protection up when told to", unprotect, suite, terraform, name, tree, cloud, command)
            suite.check("bootstrap: is destroyed", destroy, terraform, folder, cloud, "-var=allow_destroy=true")
        else:
            suite.check(f"{name}: its outputs are commands and values", commands, suite, terraform, name, folder, cloud, command)
            scripts = scripted(suite, terraform, name, cloud)
            suite.check(f"{name}: a first order is placed as README says", issuers.first_order, suite, name, scripts, outputs, command)
            if name == "staging":
                suite.check("staging: the commands of the runbooks for AWS run", runbooks.run, aws, outputs, cloud, suite.work, command)
            others = aws.services_write_logs(name)
            aws.guardduty_watches()
            if name == "staging":
                scripts = scripted(suite, terraform, name, cloud)
                suite.check("staging: what stands in the way is told, and whose it is", drills.stands_in_the_way, suite, name, tree, aws, scripts, command)
                aws.guardduty_watches()
            suite.check(f"{name}: is torn down", teardown, suite, terraform, name, tree, cloud, command)
            before["eu-north-1 log groups"] |= others
        snapshots = final_snapshots(state) if name == "production" else set()
        suite.check(f"{name}: nothing is left but what shall be", nothing_left, aws, before, snapshots)
        # Bootstrap is everybody's; of an environment an operator of it alone is enough.
        whole = [document.read_text() for document in (suite.root / "terraform/bootstrap/operator").glob("*.json")]
        written = whole if name == "bootstrap" else decisions.narrowed(suite.root, name).values()
        suite.check(f"{name}: the operator's policies allow what was asked", operators.allowed, written, cloud.calls.read_text().split())


def planned(suite, terraform, name, command):
    """A root that is not applied: what it would make is in its region, and of the copies."""
    with Cloud(suite.cache, name) as cloud:
        tree = suite.copy(name)
        folder = tree / "environments" / name
        (folder / "mock_override.tf").write_text(OVERRIDE)
        shutil.copy(folder / "terraform.tfvars.example", folder / "terraform.tfvars")
        command([tree / "self-signed-certificate", folder], suite.work)
        variables = {"snapshots": {d: f"arn:aws:rds:eu-west-1:1:snapshot:awsbackup:{d}" for d in ("inventory", "billing")}, "snapshot_key_arn": COPY_KEY}
        (folder / "test.auto.tfvars.json").write_text(json.dumps(variables))
        terraform.run(["get"], folder, cloud.environment)
        terraform.run(["plan", "-input=false", "-parallelism=30", "-out=plan"], folder, cloud.environment)
        shown = json.loads(terraform.run(["show", "-json", "plan"], folder, cloud.environment))
        suite.check(f"{name}: plans production in its region, from the copies", readback.recovers, shown)


def seed(name, aws):
    """What is not in the environment's own example of its variables."""
    if name == "bootstrap":
        return {"repository": "example/code-keeper"}
    if name == "dev":
        return {"zones": [f"{REGION}b", f"{REGION}c"]}
    if name != "production":
        return {}
    zone = aws("route53").create_hosted_zone(Name="example.com", CallerReference="test")["HostedZone"]["Id"]
    return {"domain_name": "movies.example.com", "zone_id": zone.split("/")[-1]}


def apply(terraform, folder, cloud, *more):
    terraform.run(["get"], folder, cloud.environment)
    terraform.run(["apply", "-auto-approve", "-input=false", "-parallelism=30", *more], folder, cloud.environment)
    return True


def plan(terraform, folder, cloud, *more):
    terraform.run(["plan", "-detailed-exitcode", "-input=false", "-parallelism=30", *more], folder, cloud.environment)


# What would end data of a protected environment: all of it, a part of it, a replacement, and an apply that drops the guard first.
# Each is stopped while it is planned.
BROKER = "module.environment.module.broker[0].aws_mq_broker.this"
DESTRUCTION = {
    "destroy": ["destroy", "-auto-approve"],
    "destroy, unprotected for this once": ["destroy", "-auto-approve", "-var=protect=false"],
    "destroy of one thing": ["destroy", "-auto-approve", "-target=module.environment.module.edge"],
    "a new broker": ["apply", "-auto-approve", f"-replace={BROKER}"],
    "unprotected without the script": ["apply", "-auto-approve", "-var=protect=false"],
}


def refuses(suite, terraform, tree, cloud, aws, command):
    """Nothing is changed by whatever would destroy a protected environment, neither in the state nor at AWS nor in the cluster."""
    folder = tree / "environments/production"
    there = aws.everything()
    state = (folder / "terraform.tfstate").read_text()
    for title, arguments in DESTRUCTION.items():
        said = terraform.run([*arguments, "-input=false", "-refresh=false"], folder, cloud.environment, expected=(1,))
        readback.true(f"{title} is refused by the guard", "module.guard[0]" in said and "prevent_destroy" in said)
    environment = scripted(suite, terraform, "production", cloud)
    said = command([tree / "teardown", "--yes", "production"], suite.work, environment, expected=(1,))
    readback.true(f"teardown says why: {said}", "production is protected" in said and "terraform/unprotect production" in said)
    readback.same("what was asked of the cluster", asked_of_cluster(suite, "production"), "")
    readback.same("what is at AWS", aws.everything(), there)
    readback.same("what is in the state", (folder / "terraform.tfstate").read_text(), state)

    # A state that was lost or is another's says nothing of protection; the cluster does.
    (folder / "terraform.tfstate").rename(folder / "elsewhere")
    command([tree / "teardown", "--yes", "production"], suite.work, environment, expected=(1,))
    (folder / "elsewhere").replace(folder / "terraform.tfstate")
    readback.same("what was asked of the cluster without a state", asked_of_cluster(suite, "production"), "")


def bootstrap_refuses(terraform, folder, cloud, aws):
    """The states outlive a destroy, whatever is said of it on the command line."""
    there = aws.everything()
    for more in ([], ["-var=allow_destroy=true"], ["-target=module.key"]):
        said = terraform.run(["destroy", "-auto-approve", "-input=false", *more], folder, cloud.environment, expected=(1,))
        readback.true(f"destroy {more} is refused by the guard", "module.guard[0]" in said and "prevent_destroy" in said)
    readback.same("what is at AWS", aws.everything(), there)


def state_moves(suite, terraform, tree, cloud, aws, command):
    """The script moves it there and back, and nothing is lost or planned to be changed."""
    folder, bucket = tree / "bootstrap", "code-keeper-state-123456789012"
    environment = {**terraform.environment(terraform.init_config), **cloud.environment}
    # The mock speaks no TLS, which the bucket wants.
    policy = aws("s3").get_bucket_policy(Bucket=bucket)["Policy"]
    aws("s3").delete_bucket_policy(Bucket=bucket)
    before = json.loads((folder / "terraform.tfstate").read_text())["resources"]
    # As the README says it; what was applied here was applied without.
    command(["terraform", "init", "-input=false", "-no-color"], folder, environment)
    command([tree / "bootstrap-state", "bucket", "-backend-config=use_path_style=true"], suite.work, environment)
    kept = json.loads(aws("s3").get_object(Bucket=bucket, Key="bootstrap/terraform.tfstate")["Body"].read())
    readback.same("what is in the bucket's state", kept["resources"], before)
    command([tree / "bootstrap-state", "folder"], suite.work, environment)
    readback.same("what came back", json.loads((folder / "terraform.tfstate").read_text())["resources"], before)
    aws("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    plan(terraform, folder, cloud)


def unprotect(suite, terraform, name, tree, cloud, command):
    """As the README says it, before teardown, which does not repeat it."""
    command([tree / "unprotect", "--yes", name], suite.work, scripted(suite, terraform, name, cloud))


def destroy(terraform, folder, cloud, *more):
    terraform.run(["destroy", "-auto-approve", "-input=false", "-parallelism=30", *more], folder, cloud.environment)


def final_snapshots(state):
    network = next(r for r in state["resources"] if r["type"] == "aws_vpc")["instances"][0]["attributes"]["id"]
    return {f"code-keeper-production-{database}-final-{network.split('-')[1]}" for database in ("inventory", "billing")}


def nothing_left(aws, before, snapshots):
    now = aws.everything()
    readback.same("database snapshots", now.pop("database snapshots"), snapshots)
    left = {kind: sorted(names - before[kind]) for kind, names in now.items() if names - before[kind]}
    if left:
        raise AssertionError(json.dumps(left, indent=1))


def commands(suite, terraform, name, folder, cloud, command):
    """The outputs as the README uses them: the values build the overlay, the command writes a kubeconfig, the URLs are URLs."""
    values, kubeconfig_command, url, dashboard = (
        terraform.run(["output", "-raw", output], folder, cloud.environment)
        for output in ("kustomize_values", "kubeconfig_command", "url", "dashboard_url")
    )
    readback.complete_values(values, name)
    target = suite.work / name / "kustomize"
    command(["cp", "-r", suite.root / "kustomize", target], suite.work)
    (target / "overlays" / name / "terraform.env").write_text(values)
    built = command(["kubectl", "kustomize", target / "overlays" / name], suite.work)
    readback.values_arrived(built, values)

    config = suite.work / name / "kubeconfig"
    command(["sh", "-c", kubeconfig_command], suite.work, {**cloud.environment, "KUBECONFIG": str(config)})
    readback.same("context", command(["kubectl", "--kubeconfig", config, "config", "current-context"], suite.work).strip().split("/")[-1], f"code-keeper-{name}")
    for address in (url, dashboard):
        readback.true(f"{address} is an address", address.startswith("https://") and urlparse(address).hostname)


def scripted(suite, terraform, name, cloud):
    """Environment of a script with the real terraform and aws; only the cluster's API, which the mock has not, is a stand-in
    that has nothing in it and notes what it is asked."""
    stand_in = suite.work / name / "bin/kubectl"
    stand_in.parent.mkdir(exist_ok=True)
    stand_in.write_text(f'#!/bin/sh\necho "$*" >> "{stand_in.parent / "asked"}"\n')
    stand_in.chmod(0o755)
    return {
        **terraform.environment(terraform.fast_config), **cloud.environment, "PATH": f"{stand_in.parent}:{os.environ['PATH']}",
        # The second plan has just read everything again.
        "TF_CLI_ARGS_destroy": "-no-color -parallelism=30 -refresh=false",
        "TF_CLI_ARGS_apply": "-no-color -parallelism=30 -refresh=false",
    }


def asked_of_cluster(suite, name):
    asked = suite.work / name / "bin/asked"
    return asked.read_text() if asked.exists() else ""


def teardown(suite, terraform, name, tree, cloud, command):
    # Staging has everything that there is to remove: what is gone there already is passed over.
    for _ in range(2 if name == "staging" else 1):
        said = command([tree / "teardown", "--yes", name], suite.work, scripted(suite, terraform, name, cloud))
        readback.true(f"teardown says that the network is gone: {said[-600:]}", "Its network is gone" in said)
