"""The scripts under terraform/, with stand-ins for the programs that they steer."""

import json
import os
import pathlib
import re
import tempfile


def scripts(suite, command):
    """The scripts, with stand-ins for the programs that they steer."""
    terraform = suite.root / "terraform"
    for script in ("teardown", "unprotect", "create-users", "self-signed-certificate", "bootstrap-state"):
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
        ("module.environment.module.issuer[0]", "aws_cognito_user_pool", {"deletion_protection": "ACTIVE"}),
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
