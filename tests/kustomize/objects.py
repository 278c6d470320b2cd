"""Rendered Kubernetes objects, and the questions the checks ask of them."""

from dataclasses import dataclass, field

SCALED = ("Deployment", "StatefulSet")
WORKLOADS = (*SCALED, "CronJob", "Job", "DaemonSet")
UNITS = ("gateway", "inventory", "billing")


def name_of(obj):
    return f"{obj['kind']}/{obj['metadata']['name']}"


def pod_template(obj):
    """The pod template of a workload, or None for any other object."""
    if obj["kind"] == "CronJob":
        return obj["spec"]["jobTemplate"]["spec"]["template"]
    if obj["kind"] in WORKLOADS:
        return obj["spec"]["template"]
    return None


def pod_labels(obj):
    return pod_template(obj)["metadata"].get("labels", {})


def containers(obj, init=True):
    spec = pod_template(obj)["spec"]
    return (spec.get("initContainers", []) if init else []) + spec["containers"]


def ports(obj):
    """The named container ports of a workload."""
    return {p["name"]: p["containerPort"] for c in containers(obj) for p in c.get("ports", [])}


def matches(selector, labels):
    """Whether a label selector takes these labels; an empty selector takes all."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for term in selector.get("matchExpressions", []):
        value, operator = labels.get(term["key"]), term["operator"]
        fits = {
            "In": value in term.get("values", []),
            "NotIn": value not in term.get("values", []),
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }[operator]
        if not fits:
            return False
    return True


@dataclass
class Rendered:
    """What one overlay, or one combination of components, builds to."""

    name: str
    objects: list
    # Secrets that are there without being rendered: those that make-secrets makes.
    beside: list = field(default_factory=list)
    has_policies: bool = True

    def of(self, *kinds):
        return [o for o in self.objects if o["kind"] in kinds]

    def get(self, kind, name):
        for obj in self.objects + self.beside:
            if obj["kind"] == kind and obj["metadata"]["name"] == name:
                return obj
        return None

    def workloads(self):
        return self.of(*WORKLOADS)

    def unit(self, name):
        return next(w for w in self.of(*SCALED) if w["metadata"]["name"] == name)

    def selected_by(self, service):
        """The workloads whose pods a Service sends to."""
        selector = {"matchLabels": service["spec"].get("selector", {})}
        return [w for w in self.workloads() if matches(selector, pod_labels(w))]

    def environment(self, container):
        """The literal environment of a container, ConfigMaps included."""
        env = {}
        for source in container.get("envFrom", []):
            config = self.get("ConfigMap", source["configMapRef"]["name"])
            env.update((config or {}).get("data", {}))
        env.update({e["name"]: e["value"] for e in container.get("env", []) if "value" in e})
        return env
