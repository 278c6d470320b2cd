"""Each root applied to a mock AWS of its own: applied, planned again, read back, destroyed, and nothing left."""

import json
import os
import pathlib
import subprocess
import sys

import readback

RUNNING = set()
HERE = pathlib.Path(__file__).resolve().parent
ROOTS = ["bootstrap", "dev", "staging", "production"]
REGION = "eu-north-1"

# All that differs from a real account:
# - requests go to the mock, and buckets are named in the path, because 127.0.0.1 has no sub-domains;
# - the state is a local file: the bucket is part of what is tried;
# - the hosted zone, which an account has, is made beforehand.
OVERRIDE = 'provider "aws" {\n  s3_use_path_style = true\n}\n'


class Cloud:
    """A mock AWS, from `with` to its end."""

    def __init__(self, cache):
        self.log = cache / "mock.log"

    def __enter__(self):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.process = subprocess.Popen(
            [sys.executable, "-B", HERE / "mock_aws.py"],
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
            "AWS_ACCESS_KEY_ID": "test",
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
    with Cloud(suite.cache) as cloud:
        aws = readback.Aws(cloud.environment)
        variables = seed(name, aws)
        tree = suite.copy(name)
        folder = tree / "bootstrap" if name == "bootstrap" else tree / "environments" / name
        (folder / "backend.tf").unlink(missing_ok=True)
        (folder / "mock_override.tf").write_text(OVERRIDE)
        (folder / "test.auto.tfvars.json").write_text(json.dumps(variables))
        if name in ("dev", "staging"):
            command([tree / "self-signed-certificate", folder], suite.work)

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
            suite.check("production: protected unless it is said otherwise", protected, terraform, folder, cloud)
        if name != "bootstrap":
            suite.check(f"{name}: its values build the overlay", overlay, suite, name, outputs, command)
        suite.check(f"{name}: is destroyed", destroy, terraform, folder, cloud)
        suite.check(f"{name}: nothing is left", nothing_left, aws, before)


def seed(name, aws):
    if name == "bootstrap":
        return {"repository": "example/code-keeper", "allow_destroy": True}
    variables = {
        "admin_principals": {"lead": "arn:aws:iam::123456789012:role/lead"},
        "deployer_principals": {"pipeline": f"arn:aws:iam::123456789012:role/code-keeper-{name}-deploy"},
        "alarm_emails": ["oncall@example.com"],
    }
    if name == "dev":
        variables["public_access_cidrs"] = ["192.0.2.0/24"]
    if name == "production":
        zone = aws("route53").create_hosted_zone(Name="example.com", CallerReference="test")["HostedZone"]["Id"]
        # Protected, it could not be destroyed; that it is protected by default is tested by `terraform test`.
        variables |= {"domain_name": "movies.example.com", "zone_id": zone.split("/")[-1], "protect": False}
    return variables


def apply(terraform, folder, cloud):
    terraform.run(["get"], folder, cloud.environment)
    terraform.run(["apply", "-auto-approve", "-input=false", "-parallelism=30"], folder, cloud.environment)
    return True


def plan(terraform, folder, cloud):
    terraform.run(["plan", "-detailed-exitcode", "-input=false", "-parallelism=30"], folder, cloud.environment)


def protected(terraform, folder, cloud):
    terraform.run(["plan", "-input=false", "-refresh=false", "-var=protect=true", "-out=protected"], folder, cloud.environment)
    planned = json.loads(terraform.run(["show", "-json", "protected"], folder, cloud.environment))
    readback.protected(planned["planned_values"]["root_module"])


def destroy(terraform, folder, cloud):
    terraform.run(["destroy", "-auto-approve", "-input=false", "-parallelism=30"], folder, cloud.environment)


def nothing_left(aws, before):
    left = {kind: sorted(names - before[kind]) for kind, names in aws.everything().items() if names - before[kind]}
    if left:
        raise AssertionError(json.dumps(left, indent=1))


def overlay(suite, name, outputs, command):
    """The file that kustomize takes, written as the README says, builds the overlay and arrives in it."""
    source = suite.root / "kustomize"
    if not (source / "overlays" / name / "kustomization.yaml").exists():
        raise AssertionError(f"there is no kustomize/overlays/{name}")
    target = suite.work / name / "kustomize"
    command(["cp", "-r", source, target], suite.work)
    values = outputs["kustomize_values"]
    readback.complete_values(values, name)
    (target / "overlays" / name / "terraform.env").write_text(values)
    built = command(["kubectl", "kustomize", target / "overlays" / name], suite.work)
    readback.values_arrived(built, values)
