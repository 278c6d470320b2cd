"""What a cluster is given once (kustomize/cluster) is what the overlays and Terraform count on."""

import re

import render
from objects import name_of
from schemas import validate

AWS = ("dev", "staging", "production")
# The groups that EKS's AmazonEKSAdminPolicy lets a deployer work with, as Kubernetes' own role `admin` does.
KNOWN = {"", "apps", "autoscaling", "batch", "networking.k8s.io", "policy"}


def group_of(obj):
    return obj["apiVersion"].rpartition("/")[0]


def rules(objects, kind):
    return [rule for o in objects if o["kind"] == kind for rule in o["rules"]]


def allowed(rule, obj, verb):
    plural = {"StorageClass": "storageclasses", "SecretProviderClass": "secretproviderclasses"}
    names = rule.get("resourceNames", [obj["metadata"]["name"]])
    resource = plural.get(obj["kind"], obj["kind"].lower() + "s")
    return group_of(obj) in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"] and obj["metadata"]["name"] in names


def cluster(tree, root, renderings):
    objects = render.build(tree / "cluster")
    yield from validate(objects)

    # https://docs.aws.amazon.com/eks/latest/userguide/auto-net-pol.html
    switch = [o for o in objects if (o["kind"], o["metadata"]["name"], o["metadata"].get("namespace")) == ("ConfigMap", "amazon-vpc-cni", "kube-system")]
    if [o["data"] for o in switch] != [{"enable-network-policy-controller": "true"}]:
        yield "network policies are not switched on"

    access = (root / "terraform/modules/cluster/access.tf").read_text()
    suffix = re.search(r'kubernetes_groups = \["\$\{var.namespace\}-(\w+)"\]', access)[1]
    for binding in [o for o in objects if o["kind"].endswith("Binding")]:
        if [(s["kind"], s["name"]) for s in binding["subjects"]] != [("Group", f"code-keeper-{suffix}")]:
            yield f"{name_of(binding)}: Terraform's group is code-keeper-{suffix}"

    inside, outside = rules(objects, "Role"), rules(objects, "ClusterRole")
    for rendered in [r for r in renderings if r.name in AWS]:
        for obj in rendered.objects:
            if "namespace" in obj["metadata"] and group_of(obj) not in KNOWN:
                for verb in ("get", "create", "patch", "delete"):
                    if not any(allowed(rule, obj, verb) for rule in inside):
                        yield f"{rendered.name}: a deployer may not {verb} {name_of(obj)}"
            seeing = inside if obj["kind"] == "Namespace" else outside
            if "namespace" not in obj["metadata"] and not any(allowed(rule, obj, "get") for rule in seeing):
                yield f"{rendered.name}: a deployer may not see {name_of(obj)}"
        # A difference would have to be written by the next deployment, and a deployer may not.
        for obj in rendered.of("Namespace", "StorageClass"):
            if obj not in objects:
                yield f"{rendered.name}: {name_of(obj)} is not that of kustomize/cluster"
