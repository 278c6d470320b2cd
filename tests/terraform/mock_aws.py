"""A mock AWS on a free port of the loopback: moto's server, and what moto lacks of the calls that terraform/ makes.

Prints the port, then serves until it is ended. What is added here is a store, not a simulation: it keeps what it is
given and gives it back, so that the provider's requests and its reading of the answers are tried.
"""

import datetime
import json
import os
import sys
import time
import uuid
from urllib.parse import unquote, urlparse

os.environ["MOTO_ACM_VALIDATION_WAIT"] = "1"
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

import moto.backends  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

ACCOUNT = "123456789012"


def region_of(request):
    """The region that the request is signed for."""
    return request.headers["Authorization"].split("Credential=")[1].split("/")[2]


def answer(status, body):
    return status, {"Content-Type": "application/json"}, json.dumps(body)


def missing(what):
    return 404, {"x-amzn-ErrorType": "ResourceNotFoundException"}, json.dumps({"message": f"no {what}"})


def body_of(request):
    data = request.get_data()
    return json.loads(data) if data else {}


class EksDocuments:
    """EKS add-ons, access entries and Pod Identity associations."""

    def __init__(self):
        self.addons, self.entries, self.policies, self.associations = {}, {}, {}, {}

    def arn(self, request, *parts):
        return f"arn:aws:eks:{region_of(request)}:{ACCOUNT}:" + "/".join(parts)

    def associate(self, request, cluster, body, owner=None):
        identity = "a-" + uuid.uuid4().hex[:17]
        document = {
            "clusterName": cluster,
            "associationId": identity,
            "associationArn": self.arn(request, "podidentityassociation", cluster, identity),
            "createdAt": time.time(),
            "modifiedAt": time.time(),
            "tags": {},
            **body,
        }
        if owner:
            document["ownerArn"] = owner
        self.associations[cluster, identity] = document
        return document

    def handle(self, request, full_url, _headers):
        path = [unquote(p) for p in urlparse(full_url).path.split("/") if p]
        cluster, kind, rest = path[1], path[2], path[3:]
        if kind == "access-entries" and len(rest) > 2 and "access-policies" in rest:
            at = rest.index("access-policies")
            rest = ["/".join(rest[:at]), *rest[at:at + 1], "/".join(rest[at + 1:])]
        elif kind == "access-entries" and rest:
            at = rest.index("access-policies") if "access-policies" in rest else len(rest)
            rest = ["/".join(rest[:at]), *rest[at:]]
        return getattr(self, kind.replace("-", "_"))(request, cluster, [r for r in rest if r])

    def addons_(self, request, cluster, rest):
        if not rest:
            body = body_of(request)
            name = body["addonName"]
            arn = self.arn(request, "addon", cluster, name, str(uuid.uuid4()))
            pods = [
                self.associate(request, cluster, {"namespace": "addons", **pod}, owner=arn)["associationArn"]
                for pod in body.pop("podIdentityAssociations", None) or []
            ]
            self.addons[cluster, name] = {
                "tags": {},
                **body,
                "clusterName": cluster,
                "status": "ACTIVE",
                "addonVersion": body.get("addonVersion") or "v1.0.0-eksbuild.1",
                "addonArn": arn,
                "createdAt": time.time(),
                "modifiedAt": time.time(),
                "health": {"issues": []},
                "podIdentityAssociations": pods,
            }
            return answer(200, {"addon": self.addons[cluster, name]})
        key = cluster, rest[0]
        if key not in self.addons:
            return missing("add-on")
        if request.method == "DELETE":
            gone = self.addons.pop(key)
            for identity, association in list(self.associations.items()):
                if association.get("ownerArn") == gone["addonArn"]:
                    del self.associations[identity]
            return answer(200, {"addon": gone})
        return answer(200, {"addon": self.addons[key]})

    def access_entries(self, request, cluster, rest):
        if not rest:
            body = body_of(request)
            principal = body["principalArn"]
            self.entries[cluster, principal] = {
                "kubernetesGroups": [],
                "tags": {},
                "type": "STANDARD",
                "username": principal,
                **body,
                "clusterName": cluster,
                "accessEntryArn": self.arn(request, "access-entry", cluster, str(uuid.uuid4())),
                "createdAt": time.time(),
                "modifiedAt": time.time(),
            }
            return answer(200, {"accessEntry": self.entries[cluster, principal]})
        key = cluster, rest[0]
        if key not in self.entries:
            return missing("access entry")
        if len(rest) > 1:
            return self.access_policies(request, key, rest[2:])
        if request.method == "DELETE":
            del self.entries[key]
            self.policies.pop(key, None)
            return answer(200, {})
        return answer(200, {"accessEntry": self.entries[key]})

    def access_policies(self, request, key, rest):
        policies = self.policies.setdefault(key, {})
        if request.method == "POST":
            body = body_of(request)
            policies[body["policyArn"]] = {**body, "associatedAt": time.time(), "modifiedAt": time.time()}
            return answer(200, {
                "clusterName": key[0], "principalArn": key[1], "associatedAccessPolicy": policies[body["policyArn"]],
            })
        if request.method == "DELETE":
            policies.pop(rest[0], None)
            return answer(200, {})
        return answer(200, {
            "clusterName": key[0], "principalArn": key[1], "associatedAccessPolicies": list(policies.values()),
        })

    def pod_identity_associations(self, request, cluster, rest):
        if not rest and request.method == "POST":
            return answer(200, {"association": self.associate(request, cluster, body_of(request))})
        if not rest:
            return answer(200, {"associations": [a for (c, _), a in self.associations.items() if c == cluster]})
        key = cluster, rest[0]
        if key not in self.associations:
            return missing("association")
        if request.method == "DELETE":
            return answer(200, {"association": self.associations.pop(key)})
        return answer(200, {"association": self.associations[key]})

    def left(self):
        return [*self.addons, *self.entries, *self.associations]


def route(name, function):
    """Moto's server takes bound methods of classes only."""
    return type(name, (), {"dispatch": classmethod(lambda _cls, *request: function(*request))}).dispatch


def extend_eks():
    import moto.eks.urls as urls
    from moto.ec2.models import ec2_backends
    from moto.eks.responses import EKSResponse

    documents = EksDocuments()
    setattr(documents, "addons", {})

    def dispatch(request, full_url, headers):
        kind = [p for p in urlparse(full_url).path.split("/") if p][2]
        if kind == "addons":
            path = [unquote(p) for p in urlparse(full_url).path.split("/") if p]
            return documents.addons_(request, path[1], path[3:])
        return documents.handle(request, full_url, headers)

    for kind in ("addons", "access-entries", "pod-identity-associations"):
        urls.url_paths[f"{{0}}/clusters/(?P<name>[^/]+)/{kind}$"] = route("Eks", dispatch)
        urls.url_paths[f"{{0}}/clusters/(?P<name>[^/]+)/{kind}/(?P<rest>.+)$"] = route("Eks", dispatch)

    create, delete = EKSResponse.create_cluster, EKSResponse.delete_cluster

    def create_cluster(self):
        result = create(self)
        cluster = self.eks_backend.clusters[self._get_param("name")]
        cluster.access_config = self._get_param("accessConfig")
        cluster.compute_config = self._get_param("computeConfig")
        cluster.storage_config = self._get_param("storageConfig")
        cluster.upgrade_policy = self._get_param("upgradePolicy")
        ec2 = ec2_backends[self.current_account][self.region]
        vpc = ec2.get_subnet(cluster.resources_vpc_config["subnetIds"][0]).vpc_id
        group = ec2.create_security_group(f"eks-cluster-sg-{cluster.name}", "made by EKS", vpc_id=vpc)
        cluster.resources_vpc_config.update(vpcId=vpc, clusterSecurityGroupId=group.id)
        return result

    def delete_cluster(self):
        group = self.eks_backend.describe_cluster(self._get_param("name")).resources_vpc_config["clusterSecurityGroupId"]
        result = delete(self)
        ec2_backends[self.current_account][self.region].delete_security_group(group_id=group)
        return result

    EKSResponse.create_cluster, EKSResponse.delete_cluster = create_cluster, delete_cluster
    return documents


def extend_backup():
    """Backup selections, and vaults that are asked what they hold."""
    import moto.backup.urls as urls
    from moto.backup.responses import BackupResponse

    selections = {}

    def key(self):
        path = [unquote(p) for p in urlparse(self.uri).path.split("/") if p]
        return path[2], path[4] if len(path) > 4 else None

    def create(self):
        plan, identity = key(self)[0], str(uuid.uuid4())
        selections[plan, identity] = json.loads(self.body)["BackupSelection"]
        return json.dumps({"SelectionId": identity, "BackupPlanId": plan, "CreationDate": time.time()})

    def get(self):
        if key(self) not in selections:
            return missing("selection")
        plan, identity = key(self)
        return json.dumps({
            "BackupSelection": selections[plan, identity],
            "SelectionId": identity,
            "BackupPlanId": plan,
            "CreationDate": time.time(),
        })

    def delete(self):
        selections.pop(key(self), None)
        return "{}"

    def list_tags(self):
        # Moto counts on a slash at the end of the path, which the provider does not send.
        arn = unquote(urlparse(self.uri).path.split("/tags/")[1]).rstrip("/")
        return json.dumps({"Tags": self.backup_backend.list_tags(resource_arn=arn)})

    urls.url_paths["{0}/backup-vaults/(?P<name>[^/]+)/recovery-points/?$"] = BackupResponse.dispatch
    BackupResponse.list_recovery_points_by_backup_vault = lambda _: json.dumps({"RecoveryPoints": []})
    BackupResponse.list_tags = list_tags
    BackupResponse.create_backup_selection = create
    BackupResponse.get_backup_selection = get
    BackupResponse.delete_backup_selection = delete


def extend_cloudfront():
    """VPC origins and the origins of a distribution that name one; cache policies and certificates as AWS answers them."""
    import moto.cloudfront.urls as urls
    from moto.cloudfront.exceptions import CloudFrontException
    from moto.cloudfront.models import DefaultCacheBehaviour, Origin, ViewerCertificate
    from moto.cloudfront.responses import CloudFrontResponse
    from moto.core.responses import ActionResult, EmptyResult

    origins = {}

    def result(origin):
        return ActionResult({"VpcOrigin": origin, "ETag": "E1", "Location": origin["Id"]})

    def create(self):
        identity = "vo_" + uuid.uuid4().hex[:22]
        arn = f"arn:aws:cloudfront::{ACCOUNT}:vpcorigin/{identity}"
        now = datetime.datetime.now(datetime.timezone.utc)
        origins[identity] = {
            "Id": identity,
            "Arn": arn,
            "Status": "Deployed",
            "CreatedTime": now,
            "LastModifiedTime": now,
            "VpcOriginEndpointConfig": self._get_param("VpcOriginEndpointConfig"),
        }
        self.backend.tagger.tag_resource(arn, self._get_param("Tags.Items", []) or [])
        return result(origins[identity])

    def get(self):
        identity = self._get_param("Id")
        if identity not in origins:
            raise CloudFrontException("EntityNotFound", "there is no such origin")
        return result(origins[identity])

    def delete(self):
        del origins[self._get_param("Id")]
        return EmptyResult()

    CloudFrontResponse.create_vpc_origin, CloudFrontResponse.get_vpc_origin = create, get
    CloudFrontResponse.delete_vpc_origin = delete
    urls.url_paths["{0}/2020-05-31/vpc-origin$"] = CloudFrontResponse.dispatch
    urls.url_paths["{0}/2020-05-31/vpc-origin/(?P<origin_id>[^/]+)$"] = CloudFrontResponse.dispatch

    init = Origin.__init__

    def init_with_vpc_origin(self, origin):
        init(self, origin)
        if "VpcOriginConfig" in origin:
            self.vpc_origin_config = {"OriginKeepaliveTimeout": 5, "OriginReadTimeout": 30, **origin["VpcOriginConfig"]}

    Origin.__init__ = init_with_vpc_origin
    behaviour, certificate = DefaultCacheBehaviour.__init__, ViewerCertificate.__init__

    def behaviour_with_policy(self, config):
        behaviour(self, config)
        if self.cache_policy_id:
            self.forwarded_values = None

    def certificate_of_ones_own(self, config):
        certificate(self, config)
        if self.acm_certificate_arn:
            self.cloud_front_default_certificate = False

    DefaultCacheBehaviour.__init__, ViewerCertificate.__init__ = behaviour_with_policy, certificate_of_ones_own


def mend_security_groups():
    """Moto forgets the description of a rule that names another group or a prefix list."""
    from moto.ec2.models.security_groups import SecurityGroupRule

    init = SecurityGroupRule.__init__

    def init_with_description(self, *args, prefix_list_id=None, **kwargs):
        # Moto hands the prefix list over by position.
        init(self, *args, **({"prefix_list_id": prefix_list_id} if prefix_list_id else {}), **kwargs)
        lists = [each for each in (*args, prefix_list_id) if isinstance(each, dict) and "PrefixListId" in each]
        parts = [self.ip_range, self.source_group, *lists]
        self.remembered = next((part["Description"] for part in parts if part and "Description" in part), None)

    SecurityGroupRule.__init__ = init_with_description
    SecurityGroupRule.description = property(lambda rule: rule.remembered)


def mend_databases():
    """Moto gives every instance the same resource id, by which the provider looks them up, forgets Performance
    Insights, and does not say which parameters a user has set."""
    from moto.rds.models import DBInstance, DBParameterGroup
    from moto.rds.responses import RDSResponse

    init, create = DBInstance.__init__, RDSResponse.create_db_instance

    def init_with_own_id(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.dbi_resource_id = "db-" + uuid.uuid4().hex[:26].upper()

    def create_db_instance(self):
        result = create(self)
        instance = self.backend.databases[self._get_param("DBInstanceIdentifier")]
        instance.performance_insights_enabled = bool(self._get_param("EnablePerformanceInsights"))
        instance.performance_insights_kms_key_id = self._get_param("PerformanceInsightsKMSKeyId")
        instance.performance_insights_retention_period = self._get_param("PerformanceInsightsRetentionPeriod")
        return result

    update = DBParameterGroup.update_parameters

    def update_parameters(self, parameters):
        update(self, [{**parameter, "Source": "user"} for parameter in parameters])

    DBInstance.__init__, RDSResponse.create_db_instance = init_with_own_id, create_db_instance
    DBParameterGroup.update_parameters = update_parameters


def extend_budgets():
    """Who is told of a budget, and its tags."""
    from moto.budgets.responses import BudgetsResponse

    subscribers, tags = {}, {}

    def key(budget, notification):
        return budget, json.dumps({k: v for k, v in sorted(notification.items()) if k != "NotificationState"})

    create_budget, create_notification = BudgetsResponse.create_budget, BudgetsResponse.create_notification

    def remember_all(self):
        for each in self._get_param("NotificationsWithSubscribers", []) or []:
            subscribers[key(self._get_param("Budget")["BudgetName"], each["Notification"])] = each["Subscribers"]
        tags[self._get_param("Budget")["BudgetName"]] = self._get_param("ResourceTags") or []
        return create_budget(self)

    def remember(self):
        subscribers[key(self._get_param("BudgetName"), self._get_param("Notification"))] = self._get_param("Subscribers")
        return create_notification(self)

    def describe(self):
        found = subscribers.get(key(self._get_param("BudgetName"), self._get_param("Notification")), [])
        return json.dumps({"Subscribers": found})

    def list_tags(self):
        return json.dumps({"ResourceTags": tags.get(self._get_param("ResourceARN").split("/")[-1], [])})

    BudgetsResponse.list_tags_for_resource = list_tags
    BudgetsResponse.create_budget, BudgetsResponse.create_notification = remember_all, remember
    BudgetsResponse.describe_subscribers_for_notification = describe


def main():
    extend_eks()
    extend_budgets()
    extend_backup()
    extend_cloudfront()
    mend_security_groups()
    mend_databases()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    # Its starter holds the other end: when that is gone, so is the need for it.
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
