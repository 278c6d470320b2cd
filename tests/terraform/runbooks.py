"""The commands of the runbooks for AWS, as they stand there, against what Terraform has made in the mock."""

import contextlib
import json
import pathlib
import re
import shlex

import jmespath
from expect import same, true

RUNBOOKS = pathlib.Path(__file__).resolve().parents[2] / "kustomize/runbooks"

# Null or empty also where all is well: nothing is to be done, fails, or is renewed by AWS.
MAY_BE_EMPTY = ("describe-alarms", "describe-events", "ActionsRequired", "RenewalSummary")
# Not run, because the mock does not know them: of these only the flags are looked at (tests/kustomize/runbooks.py), and the query is
# tried on an answer as AWS documents it.
NOT_IN_THE_MOCK = {
    "backup list-backup-jobs": {"BackupJobs": [{"State": "FAILED"}]},
    "backup list-copy-jobs": {"CopyJobs": [{"State": "FAILED"}]},
    "backup list-restore-jobs": {"RestoreJobs": [{"Status": "FAILED"}]},
    "backup start-backup-job": {"BackupJobId": "1"},
    "service-quotas list-service-quotas": {"Quotas": [{"QuotaName": "Running On-Demand Standard instances", "Value": 5.0}, {"QuotaName": "Elastic IPs", "Value": 5.0}]},
}


def commands():
    """Each line of shell that begins with aws, once, with the pages that have it."""
    found = {}
    for page in sorted(RUNBOOKS.glob("*.md")):
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.M | re.S):
            for line in block.splitlines():
                if line.startswith("aws "):
                    found.setdefault(line, []).append(page.name)
    return found


def names(aws, outputs):
    """What somebody on call would write for the names in capitals."""
    cluster = outputs["cluster_name"]
    database = f"{cluster}-billing"
    return {
        "BROKER_ID": aws("mq").list_brokers()["BrokerSummaries"][0]["BrokerId"],
        "CERTIFICATE_ARN": aws("acm").list_certificates()["CertificateSummaryList"][0]["CertificateArn"],
        "DATABASE": database,
        "RESOURCE_ARN": aws("rds").describe_db_instances(DBInstanceIdentifier=database)["DBInstances"][0]["DBInstanceArn"],
        "ROLE_ARN": aws("iam").get_role(RoleName=f"{cluster}-backup")["Role"]["Arn"],
        "TARGET_GROUP_ARN": aws("elbv2").describe_target_groups()["TargetGroups"][0]["TargetGroupArn"],
        "VAULT": cluster,
    }


@contextlib.contextmanager
def as_it_would_be(aws):
    """What pods make, which do not run here: a target, and the volume of a claim."""
    group = aws("elbv2").describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "CSIVolumeName", "Value": "pvc-1"}]}]
    aws("elbv2").register_targets(TargetGroupArn=group, Targets=[{"Id": "10.1.0.10", "Port": 3000}])
    volume = aws("ec2").create_volume(AvailabilityZone="eu-north-1a", Size=1, TagSpecifications=tags)["VolumeId"]
    try:
        yield
    finally:
        aws("elbv2").deregister_targets(TargetGroupArn=group, Targets=[{"Id": "10.1.0.10", "Port": 3000}])
        aws("ec2").delete_volume(VolumeId=volume)


def run(aws, outputs, cloud, folder, command):
    """Each succeeds, and says something; what a --query picks is there."""
    # Not as the operator: whoever is on call may do more.
    environment = {**cloud.environment, "AWS_ACCESS_KEY_ID": "test", "AWS_PAGER": "", **names(aws, outputs)}
    found = commands()
    true(f"there are commands: {len(found)}", len(found) >= 15)
    wrong = []
    with as_it_would_be(aws):
        for line, pages in found.items():
            sample = NOT_IN_THE_MOCK.get(" ".join(line.split()[1:3]))
            try:
                said = command(["sh", "-euc", line], folder, environment) if sample is None else picked(line, sample)
                wrong += [f"{pages[0]}: {line}: {problem}" for problem in problems(line, said)]
            except Exception as failure:  # noqa: BLE001 - all are tried
                wrong.append(f"{pages[0]}: {line}: {str(failure)[-300:]}")
    same("commands that do not do what the page says", wrong, [])


def picked(line, answer):
    words = shlex.split(line)
    return json.dumps(jmespath.search(words[words.index("--query") + 1], answer) if "--query" in words else answer)


def problems(line, said):
    picks = re.search(r"\[([A-Za-z,]+)\]", line.partition("--query")[2])
    columns = picks[1].split(",") if picks else []
    if not said.strip():
        # A reboot says nothing.
        return [] if "reboot" in line else ["it says nothing"]
    answer = json.loads(said)
    if columns:
        rows = answer if answer and isinstance(answer[0], list) else [answer]
        missing = [column for at, column in enumerate(columns) if column not in MAY_BE_EMPTY and not any(row and row[at] is not None for row in rows)]
        return [f"nothing has {missing}: {said[:200]}"] if missing else []
    may = any(word in shlex.split(line) for word in MAY_BE_EMPTY)
    return [] if may or any(answer.values() if isinstance(answer, dict) else answer) else [f"nothing was found: {said[:200]}"]
