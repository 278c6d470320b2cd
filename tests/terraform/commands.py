"""The commands of the AWS command line that the pages tell the operator to run: each is allowed to the operator."""

import json
import re

import decisions

# Pages and scripts; of modules only READMEs.
PAGES = ("terraform/**/*.md", "kustomize/*.md", "kustomize/runbooks/*.md", "kustomize/p*", "terraform/*", "terraform/environments/*/*.example")
# An administrator makes the operator's policies, and the other account is somebody else's.
OF_OTHERS = {("iam", "create-policy"), ("backup", "put-backup-vault-access-policy")}

# Where IAM's names are not those of the command line.
SERVICES = {"elbv2": "elasticloadbalancing", "service-quotas": "servicequotas", "resourcegroupstaggingapi": "tag"}
ACTIONS = {
    "ecr:GetLoginPassword": "ecr:GetAuthorizationToken", "eks:UpdateKubeconfig": "eks:DescribeCluster", "cloudfront:Wait": "cloudfront:GetDistribution",
    "ecr:Wait": "ecr:DescribeImageScanFindings",
}
# Letters that IAM writes large.
CAPITALS = {"Db": "DB"}

OURS = {"aws:ResourceTag/Project": "code-keeper"}
IMAGES = ("arn:aws:ecr:eu-north-1:1:repository/code-keeper-images/gateway", OURS)
CLUSTER = ("arn:aws:eks:eu-north-1:1:cluster/code-keeper-production", OURS)
DATABASE = ("arn:aws:rds:eu-north-1:1:db:code-keeper-production-billing-restored", {})
BROKER = ("arn:aws:mq:eu-north-1:1:broker:code-keeper-production:b-1", OURS)
VAULT = ("arn:aws:backup:eu-north-1:1:backup-vault:code-keeper-production", {})
POINT = ("arn:aws:rds:eu-north-1:1:snapshot:awsbackup:job-1", {})
KEY = ("arn:aws:kms:eu-north-1:1:key/1", OURS)
SECRET = ("arn:aws:secretsmanager:eu-north-1:1:secret:code-keeper-production/keys-x", OURS)
LOGS = ("arn:aws:logs:eu-north-1:1:log-group:/aws/amazonmq/broker/b-1/general", {})
DISTRIBUTION = ("arn:aws:cloudfront::1:distribution/E1", OURS)
ZONE = ("arn:aws:route53:::hostedzone/Z1", {})
# What each works on, and what AWS knows of it; all others know no resource, or are told none: for them "*" has to be allowed.
WORKS_ON = {
    "acm:DescribeCertificate": ("arn:aws:acm:eu-north-1:1:certificate/1", OURS),
    "arc-zonal-shift:StartZonalShift": CLUSTER,
    "backup:DescribeBackupVault": VAULT,
    "backup:ListRecoveryPointsByBackupVault": VAULT,
    "backup:StartBackupJob": VAULT,
    "backup:StartCopyJob": POINT,
    "backup:StartRestoreJob": POINT,
    "cloudfront:GetDistribution": DISTRIBUTION,
    "cloudfront:GetDistributionConfig": DISTRIBUTION,
    "cloudfront:UpdateDistribution": DISTRIBUTION,
    "cognito-idp:CreateUserPoolClient": ("arn:aws:cognito-idp:eu-north-1:1:userpool/eu-north-1_1", OURS),
    "ec2:CreateTags": ("arn:aws:ec2:eu-north-1:1:volume/vol-1", {"aws:RequestTag/eks:eks-cluster-name": "code-keeper-dev"}),
    "ec2:DeleteSecurityGroup": ("arn:aws:ec2:eu-north-1:1:security-group/sg-1", {"aws:ResourceTag/GuardDutyManaged": "true"}),
    "ec2:DeleteVpcEndpoints": ("arn:aws:ec2:eu-north-1:1:vpc-endpoint/vpce-1", {"aws:ResourceTag/GuardDutyManaged": "true"}),
    "ecr:BatchGetImage": IMAGES,
    "ecr:DescribeImageScanFindings": IMAGES,
    "ecr:DescribeImages": IMAGES,
    "ecr:PutImage": IMAGES,
    "eks:DescribeCluster": CLUSTER,
    "kms:CancelKeyDeletion": KEY,
    "kms:EnableKey": KEY,
    "kms:GetPublicKey": KEY,
    "kms:Sign": KEY,
    "logs:DeleteLogGroup": LOGS,
    "logs:ListTagsForResource": LOGS,
    "logs:TagResource": LOGS,
    "mq:DescribeBroker": BROKER,
    "mq:RebootBroker": BROKER,
    "rds:AddTagsToResource": DATABASE,
    "rds:DeleteDBInstance": DATABASE,
    "rds:ModifyDBInstance": DATABASE,
    "rds:RebootDBInstance": DATABASE,
    "rds:RestoreDBInstanceToPointInTime": DATABASE,
    "route53:ChangeResourceRecordSets": ZONE,
    "route53:ListResourceRecordSets": ZONE,
    "secretsmanager:DeleteSecret": SECRET,
    "secretsmanager:GetSecretValue": SECRET,
    "secretsmanager:PutSecretValue": SECRET,
}
# Named without their service, or brought along: by `cosign` with a key of KMS.
UNSPOKEN = {"rds:AddTagsToResource", "rds:ModifyDBInstance", "kms:EnableKey", "kms:GetPublicKey", "kms:Sign"}


def action(service, command):
    name = "".join(CAPITALS.get(word.title(), word.title()) for word in command.split("-"))
    wanted = f"{SERVICES.get(service, service)}:{name}"
    return ACTIONS.get(wanted, wanted)


def told(root):
    """Of each page its commands, as service and command; `aws ec2 "describe-$kind"` of a script is not one."""
    for pattern in PAGES:
        for page in sorted(root.glob(pattern)):
            if page.is_file() and ".terraform" not in page.parts:
                for service, command in re.findall(r"\baws ([a-z0-9-]+)\s+([a-z][a-z0-9-]+)", page.read_text()):
                    yield page.relative_to(root), service, command


def commands_are_allowed(root):
    """Decided by the policies together, each on what it works on."""
    documents = (root / "terraform/bootstrap/operator").glob("*.json")
    statements = [s for d in documents for s in json.loads(d.read_text())["Statement"]]
    wanted = {each: {"by hand"} for each in UNSPOKEN}
    for page, service, command in told(root):
        if (service, command) not in OF_OTHERS:
            wanted.setdefault(action(service, command), set()).add(str(page))
    assert len(wanted) > 40, f"only {sorted(wanted)} are told"
    unused = set(WORKS_ON) - set(wanted)
    assert not unused, f"nobody is told to do {sorted(unused)}"
    refused = [
        f"{each}: {', '.join(sorted(pages))}" for each, pages in sorted(wanted.items()) if not decisions.decide(statements, each, *WORKS_ON.get(each, ("*", {})))
    ]
    assert not refused, "the operator is told to do what is refused:\n" + "\n".join(refused)
