"""EKS: add-ons, access entries, Pod Identity associations, settings of Auto Mode, and the cluster's security group."""

import time
import uuid
from urllib.parse import unquote, urlparse

from .wire import ACCOUNT, answer, body_of, missing, region_of


class EksDocuments:
    """EKS add-ons, access entries and Pod Identity associations."""

    def __init__(self, calls):
        self.calls = calls
        self.kept_addons, self.entries, self.policies, self.associations = {}, {}, {}, {}

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

    def dispatch(self, request, full_url, _headers):
        cluster, kind, *rest = [unquote(p) for p in urlparse(full_url).path.split("/") if p][1:]
        if kind == "access-entries" and rest:
            # Names of principals and policies have slashes in them.
            at = rest.index("access-policies") if "access-policies" in rest else len(rest)
            rest = ["/".join(rest[:at]), *rest[at:at + 1], "/".join(rest[at + 1:])]
        rest = [r for r in rest if r]
        self.calls.note(request.headers, "eks", action(request.method, kind, rest))
        return getattr(self, kind.replace("-", "_"))(request, cluster, rest)

    def tags_of(self, arn):
        """Tags of what is kept here by its ARN; None: it is another's."""
        names = ("addonArn", "accessEntryArn", "associationArn")
        kept = [*self.kept_addons.values(), *self.entries.values(), *self.associations.values()]
        return next((document["tags"] for document in kept if arn in [document.get(name) for name in names]), None)

    def addons(self, request, cluster, rest):
        if not rest:
            body = body_of(request)
            name = body["addonName"]
            arn = self.arn(request, "addon", cluster, name, str(uuid.uuid4()))
            pods = [
                self.associate(request, cluster, {"namespace": "addons", **pod}, owner=arn)["associationArn"]
                for pod in body.pop("podIdentityAssociations", None) or []
            ]
            self.kept_addons[cluster, name] = {
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
            return answer(200, {"addon": self.kept_addons[cluster, name]})
        key = cluster, rest[0]
        if key not in self.kept_addons:
            return missing("add-on")
        if request.method == "DELETE":
            gone = self.kept_addons.pop(key)
            for identity, association in list(self.associations.items()):
                if association.get("ownerArn") == gone["addonArn"]:
                    del self.associations[identity]
            return answer(200, {"addon": gone})
        return answer(200, {"addon": self.kept_addons[key]})

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


def action(method, kind, rest):
    """IAM's name of a request: moto, which does not know it, has none."""
    if kind == "access-entries" and len(rest) > 1:
        return {"POST": "AssociateAccessPolicy", "DELETE": "DisassociateAccessPolicy"}.get(method, "ListAssociatedAccessPolicies")
    thing = {"addons": "Addon", "access-entries": "AccessEntry", "pod-identity-associations": "PodIdentityAssociation"}[kind]
    if method == "POST":
        return ("Update" if rest else "Create") + thing
    return {"DELETE": "Delete"}.get(method, "Describe" if rest else "List") + thing


def extend(calls):
    import moto.eks.urls as urls
    from moto.core.responses import EmptyResult
    from moto.ec2.models import ec2_backends
    from moto.eks.responses import EKSResponse

    documents = EksDocuments(calls)
    # Moto's server takes bound methods of classes only.
    dispatch = type("Eks", (), {"dispatch": classmethod(lambda _, *request: documents.dispatch(*request))}).dispatch
    for kind in ("addons", "access-entries", "pod-identity-associations"):
        urls.url_paths[f"{{0}}/clusters/(?P<name>[^/]+)/{kind}$"] = dispatch
        urls.url_paths[f"{{0}}/clusters/(?P<name>[^/]+)/{kind}/(?P<rest>.+)$"] = dispatch

    tag, untag = EKSResponse.tag_resource, EKSResponse.untag_resource

    def tag_resource(self):
        tags = documents.tags_of(self._extract_arn_from_path())
        if tags is None:
            return tag(self)
        tags.update(self._get_param("tags"))
        return EmptyResult()

    def untag_resource(self):
        tags = documents.tags_of(self._extract_arn_from_path())
        if tags is None:
            return untag(self)
        for key in self._get_param("tagKeys"):
            tags.pop(key, None)
        return EmptyResult()

    EKSResponse.tag_resource, EKSResponse.untag_resource = tag_resource, untag_resource

    create, delete = EKSResponse.create_cluster, EKSResponse.delete_cluster

    def create_cluster(self):
        result = create(self)
        cluster = self.eks_backend.clusters[self._get_param("name")]
        cluster.access_config = self._get_param("accessConfig")
        cluster.compute_config = self._get_param("computeConfig")
        cluster.storage_config = self._get_param("storageConfig")
        cluster.upgrade_policy = self._get_param("upgradePolicy")
        cluster.zonal_shift_config = self._get_param("zonalShiftConfig") or {"enabled": False}
        # EKS fills in what it was not told; moto answers only what was asked for.
        cluster.kubernetes_network_config = {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4", **(cluster.kubernetes_network_config or {})}
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
