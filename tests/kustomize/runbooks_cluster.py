"""What the runbooks ask of a cluster and change in it, by the real kubectl: against an API that has the objects of an overlay."""

import copy
import json
import subprocess
import threading
from urllib.parse import urlsplit

import runbooks
from apply import Api, Handler, defaulted, plural
from schemas import validate

# Kinds that every cluster has, and that no overlay makes: Kubernetes' own, and those of EKS Auto Mode.
BESIDE = (("v1", "Pod", True), ("v1", "Event", True), ("v1", "Node", False), ("apps/v1", "ReplicaSet", True), ("karpenter.sh/v1", "NodeClaim", False))
SHORT = {"HorizontalPodAutoscaler": ["hpa"], "PersistentVolumeClaim": ["pvc"]}
# What only a kubelet, the metrics server or a whole cluster answers; `exec` is run beside real servers (servers.py).
NOT_TRIED = {"logs", "top", "port-forward", "exec", "drain"}
# Nothing is sent, and the object as it would be is printed.
DRY = ("patch", "set", "scale")


class Cluster(Api):
    """Answers for each object, and for the list of its kind."""

    def __init__(self, objects):
        super().__init__(objects)
        self.RequestHandlerClass = Lists
        for version, kind, namespaced in BESIDE:
            self.known(version, kind, namespaced)
        for answer in self.answers.values():
            for resource in answer.get("resources", []):
                resource.update(verbs=["get", "list", "patch", "update"], shortNames=SHORT.get(resource["kind"], []))
        for obj in objects:
            self.keep(defaulted(obj))

    def known(self, version, kind, namespaced):
        path = "/api/v1" if version == "v1" else f"/apis/{version}"
        if path not in self.answers:
            self.answers[path] = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": []}
            entry = {"groupVersion": version, "version": version.split("/")[1]}
            self.answers["/apis"]["groups"].append({"name": version.split("/")[0], "versions": [entry], "preferredVersion": entry})
        if kind not in {resource["kind"] for resource in self.answers[path]["resources"]}:
            self.answers[path]["resources"].append({"name": plural(kind), "kind": kind, "namespaced": namespaced, "singularName": ""})

    def keep(self, obj):
        group = "/api/v1" if obj["apiVersion"] == "v1" else f"/apis/{obj['apiVersion']}"
        space = f"/namespaces/{obj['metadata']['namespace']}" if "namespace" in obj["metadata"] else ""
        self.kept[f"{group}{space}/{plural(obj['kind'])}/{obj['metadata']['name']}"] = obj


class Lists(Handler):
    def do_GET(self):
        path = urlsplit(self.path).path
        kind = next((r["kind"] for p, a in self.server.answers.items() for r in a.get("resources", []) if path.startswith(p) and path.endswith(f"/{r['name']}")), None)
        if path in self.server.answers or path in self.server.kept or kind is None:
            super().do_GET()
            return
        items = [obj for at, obj in self.server.kept.items() if at.startswith(f"{path}/")]
        version = "v1" if path.startswith("/api/") else "/".join(path.split("/")[2:4])
        self.reply(200, {"kind": f"{kind}List", "apiVersion": version, "metadata": {}, "items": items})


def claims_and_pods(objects):
    """What a StatefulSet makes: its first pod, and that one's claims."""
    for obj in [o for o in objects if o["kind"] == "StatefulSet"]:
        name, space, spec = obj["metadata"]["name"], obj["metadata"]["namespace"], obj["spec"]
        template = spec["template"]
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": f"{name}-0", "namespace": space}, "spec": template["spec"]}
        for claim in spec.get("volumeClaimTemplates", []):
            about = {"name": f"{claim['metadata']['name']}-{name}-0", "namespace": space}
            yield {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": about, "spec": claim["spec"]}


def histories(objects):
    """Two revisions of each Deployment, as its controller keeps them."""
    for obj in objects:
        if obj["kind"] != "Deployment":
            continue
        for revision in ("1", "2"):
            template = copy.deepcopy(obj["spec"]["template"])
            template["metadata"]["labels"]["pod-template-hash"] = revision
            owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": obj["metadata"]["name"], "uid": "1", "controller": True}
            about = {"name": f"{obj['metadata']['name']}-{revision}", "namespace": obj["metadata"]["namespace"], "uid": revision, "ownerReferences": [owner]}
            about |= {"labels": template["metadata"]["labels"], "annotations": {"deployment.kubernetes.io/revision": revision}}
            yield {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": about, "spec": {"replicas": 1, "selector": obj["spec"]["selector"], "template": template}}


def tried(tree):
    """(page, words) of each command of kubectl that is run here, once."""
    found = {}
    for page, words in runbooks.commands(tree):
        rest = words[3:] if words[1:2] == ["-n"] else words[1:]
        if words[0] == "kubectl" and rest[0] not in NOT_TRIED:
            found.setdefault(tuple(words), (page, words, rest))
    return found.values()


def accepted(tree, overlays):
    """Each is taken by kubectl and finds its kind and object; what it would make of an object fits Kubernetes' schema."""
    # With databases and broker in the cluster, and a load balancer of Terraform's.
    objects = [copy.deepcopy(o) for o in next(o for o in overlays if o.name.endswith("dev")).objects]
    agent = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cloudwatch-agent-prometheus", "namespace": "amazon-cloudwatch"}}
    agent["spec"] = copy.deepcopy(next(o for o in objects if o["kind"] == "Deployment")["spec"])
    with Cluster([*objects, *claims_and_pods(objects), *histories(objects), agent]) as api:
        threading.Thread(target=api.serve_forever, daemon=True).start()
        try:
            commands = list(tried(tree))
            if len(commands) < 20:
                yield f"only {len(commands)} commands were found"
            for page, words, rest in commands:
                for problem in [*run(api, words, rest), *undone(objects, rest)]:
                    yield f"{page}: {' '.join(words)}: {problem}"
        finally:
            api.shutdown()


def undone(objects, rest):
    """An autoscaler sets back what is scaled by hand."""
    scaled = {f"{o['spec']['scaleTargetRef']['kind'].lower()}/{o['spec']['scaleTargetRef']['name']}" for o in objects if o["kind"] == "HorizontalPodAutoscaler"}
    if rest[0] == "scale" and rest[1] in scaled:
        yield "its autoscaler undoes that: patch the autoscaler"


def run(api, words, rest):
    more = ["--dry-run=client", "--output=json"] if rest[0] in DRY else []
    command = ["kubectl", "--kubeconfig=/dev/null", f"--server=http://127.0.0.1:{api.server_port}", *words[1:], *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        yield (done.stderr or done.stdout).strip()[-300:]
    elif more and not done.stdout:
        yield "it changes nothing: the overlay has it so"
    elif more:
        yield from validate([{key: value for key, value in json.loads(done.stdout).items() if key != "status"}])
