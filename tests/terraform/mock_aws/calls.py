"""What is asked of the mock, in the words of IAM: one `service:Action` a line, as the operator's policies have to allow it."""

import re
from urllib.parse import urlparse

from moto.core.authorization import ActionAuthenticatorMixin

# Whoever reads back what was made signs with another key.
OPERATOR = "operator"

# Where IAM's name of an action is not that of the call.
SERVICES = {"elbv2": "elasticloadbalancing", "monitoring": "cloudwatch", "resourcegroupstaggingapi": "tag"}
ACTIONS = {
    "budgets": {
        r"(Describe|List).*(Budget|Notification|Subscriber).*": "ViewBudget",
        r"(Create|Update|Delete).*(Budget|Notification|Subscriber).*": "ModifyBudget",
    },
    "cloudfront": {"CreateDistributionWithTags": "CreateDistribution"},
    "s3": {
        "HeadBucket": "ListBucket",
        "ListObjectVersions": "ListBucketVersions",
    },
}
# What a call makes its service ask for with the caller's rights; AWS's own list of actions says nothing of it.
BROUGHT_ALONG = {
    "elasticloadbalancing:CreateLoadBalancer": "ec2:GetSecurityGroupsForVpc",
    "elasticloadbalancing:SetSecurityGroups": "ec2:GetSecurityGroupsForVpc",
}
# Of a bucket: what the query names, and what IAM calls reading and writing it; deleting is writing.
OF_A_BUCKET = {
    "accelerate": "AccelerateConfiguration", "acl": "BucketAcl", "cors": "BucketCORS", "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration", "logging": "BucketLogging", "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls", "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration", "requestPayment": "BucketRequestPayment", "tagging": "BucketTagging",
    "versioning": "BucketVersioning", "website": "BucketWebsite",
}


class Calls:
    """A file that grows by the calls made with the operator's key."""

    def __init__(self, path):
        self.file = open(path, "w", buffering=1)
        self.known = set()

    def note(self, headers, service, action, uri="", method=""):
        if f"Credential={OPERATOR}/" not in headers.get("Authorization", ""):
            return
        service = SERVICES.get(service, service)
        if service == "s3":
            for word, name in OF_A_BUCKET.items():
                if re.search(rf"(^|&){word}(=|&|$)", urlparse(uri).query):
                    action = ("Get" if method == "GET" else "Put") + name
        for pattern, name in ACTIONS.get(service, {}).items():
            if re.fullmatch(pattern, action):
                action = name
        call = f"{service}:{action}"
        for each in filter(None, (call, BROUGHT_ALONG.get(call))):
            if each not in self.known:
                self.known.add(each)
                self.file.write(each + "\n")


def extend(calls):
    """Every request that moto answers passes here before it is answered."""

    def note(self, _request, _resource="*"):
        calls.note(self.headers, self.service_name, self._get_action(), self.uri, self.method)

    ActionAuthenticatorMixin._authenticate_and_authorize_action = note
