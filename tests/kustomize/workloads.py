"""What every workload must have: probes, limits, a tight security context, and room to move when nodes come and go."""

import os
import re
from pathlib import Path

from objects import SCALED, UNITS, containers, matches, name_of, pod_labels, pod_template, ports

# Overlays that run what another one has tried.
PROMOTED = ("staging", "production")
# https://docs.aws.amazon.com/eks/latest/userguide/create-storage-class.html
AUTO_MODE = [{"matchLabelExpressions": [{"key": "eks.amazonaws.com/compute-type", "values": ["auto"]}]}]


def shutdown_seconds():
    """The longest time from SIGTERM to the end of the process: both HTTP servers one after the other, and the tasks between."""
    root = Path(os.environ["KEEPER_ROOT"])
    server = (root / "adapters/http-server/src/server.rs").read_text()
    supervisor = (root / "bins/bootstrap/src/supervisor.rs").read_text()
    management = (root / "adapters/http-server/src/management.rs").read_text()
    mercy = int(re.search(r"\bmercy: (\d+)", server).group(1))
    graces = [int(re.search(r"GRACE: u32 = (\d+)", text).group(1)) for text in (server, management)]
    tasks = int(re.search(r"TASK_GRACE: Duration = Duration::from_secs\((\d+)\)", supervisor).group(1))
    farewell = int(re.search(r"FAREWELL: Duration = Duration::from_millis\((\d+)\)", supervisor).group(1)) / 1000
    return farewell + sum(grace + mercy for grace in graces) + tasks


def probes(rendered):
    for w in rendered.of(*SCALED):
        for c in containers(w, init=False):
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe not in c:
                    yield f"{name_of(w)}: {c['name']} has no {probe}"
                    continue
                port = c[probe].get("httpGet", c[probe].get("tcpSocket", {})).get("port")
                if port is not None and port not in ports(w):
                    yield f"{name_of(w)}: {probe} asks port {port}, which is not there"
        if w["metadata"]["name"] in UNITS:
            c = containers(w, init=False)[0]
            for probe, path in (("startupProbe", "live"), ("livenessProbe", "live"), ("readinessProbe", "ready")):
                if c.get(probe, {}).get("httpGet") != {"path": f"/health/{path}", "port": "management"}:
                    yield f"{name_of(w)}: {probe} is not /health/{path} of the management port"


def resources(rendered):
    for w in rendered.workloads():
        for c in containers(w):
            for kind in ("requests", "limits"):
                for what in ("cpu", "memory"):
                    if what not in c.get("resources", {}).get(kind, {}):
                        yield f"{name_of(w)}: {c['name']} has no {kind}.{what}"


def security(rendered):
    for w in rendered.workloads():
        spec = pod_template(w)["spec"]
        pod = spec.get("securityContext", {})
        if not pod.get("runAsNonRoot") or not pod.get("runAsUser"):
            yield f"{name_of(w)}: may run as root"
        if pod.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{name_of(w)}: no seccomp profile"
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{name_of(w)}: gets a token of the Kubernetes API"
        if spec.get("enableServiceLinks") is not False:
            yield f"{name_of(w)}: gets the environment variables of every Service"
        for host in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(host):
                yield f"{name_of(w)}: {host}"
        for volume in spec.get("volumes", []):
            if "hostPath" in volume:
                yield f"{name_of(w)}: mounts a folder of the node"
        for c in containers(w):
            context = c.get("securityContext", {})
            if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
                yield f"{name_of(w)}: {c['name']} may gain privileges"
            if context.get("readOnlyRootFilesystem") is not True:
                yield f"{name_of(w)}: {c['name']} can write to its image"
            if context.get("capabilities") != {"drop": ["ALL"]}:
                yield f"{name_of(w)}: {c['name']} keeps capabilities"
    for account in rendered.of("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"{name_of(account)}: hands out tokens"
    for namespace in rendered.of("Namespace"):
        if namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"{name_of(namespace)}: does not enforce `restricted`"


def scaling(rendered):
    """What scales: the units and a broker of several nodes."""
    autoscalers = {h["spec"]["scaleTargetRef"]["name"]: h for h in rendered.of("HorizontalPodAutoscaler")}
    for name, scaler in autoscalers.items():
        target = scaler["spec"]["scaleTargetRef"]
        workload = rendered.get(target["kind"], name)
        if workload is None:
            yield f"{name_of(scaler)}: there is no {target['kind']}/{name}"
            continue
        if "replicas" in workload["spec"]:
            yield f"{name_of(workload)}: `replicas` fights the autoscaler"
        if any("cpu" not in c.get("resources", {}).get("requests", {}) for c in containers(workload)):
            yield f"{name_of(scaler)}: utilization of a request that is not there"
        metric = scaler["spec"]["metrics"][0]["resource"]
        if metric["name"] != "cpu" or metric["target"].get("averageUtilization") != 60:
            yield f"{name_of(scaler)}: not at 60 % CPU"
    for unit in ("gateway", "inventory"):
        if unit not in autoscalers:
            yield f"Deployment/{unit}: no autoscaler"
    for w in rendered.of(*SCALED):
        name, spec = w["metadata"]["name"], pod_template(w)["spec"]
        if not (name in autoscalers or name in UNITS or w["spec"].get("replicas", 1) > 1):
            continue
        budgets = [b for b in rendered.of("PodDisruptionBudget") if matches(b["spec"]["selector"], pod_labels(w))]
        if [b["spec"].get("maxUnavailable") for b in budgets] != [1]:
            yield f"{name_of(w)}: not exactly one disruption budget of one"
        elif budgets[0]["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{name_of(w)}: an unready pod holds up the draining of a node"
        zones = [s for s in spec.get("topologySpreadConstraints", []) if s["topologyKey"] == "topology.kubernetes.io/zone"]
        if len(zones) != 1 or not matches(zones[0]["labelSelector"], pod_labels(w)) or not zones[0]["labelSelector"]:
            yield f"{name_of(w)}: its pods are not spread over zones"
        elif not zones[0].get("matchLabelKeys"):
            yield f"{name_of(w)}: the spread counts pods of old revisions"


def shutdown(rendered):
    for unit in UNITS:
        w = rendered.unit(unit)
        c = containers(w, init=False)[0]
        sleep = c.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        grace = pod_template(w)["spec"].get("terminationGracePeriodSeconds", 30)
        if sleep < 5:
            yield f"{name_of(w)}: stops before the endpoints know"
        if sleep + shutdown_seconds() >= grace:
            yield f"{name_of(w)}: {sleep} s + {shutdown_seconds()} s of shutdown do not fit into {grace} s"


def rollout(rendered):
    """A roll-out takes no pod away before another serves; behind a load balancer, before that has found it."""
    for unit in ("gateway", "inventory"):
        w = rendered.unit(unit)
        if w["spec"]["strategy"].get("rollingUpdate", {}).get("maxUnavailable") != 0:
            yield f"{name_of(w)}: a roll-out takes pods away first"
    gateway = rendered.unit("gateway")
    if rendered.of("TargetGroupBinding") and gateway["spec"].get("minReadySeconds", 0) < 30:
        yield f"{name_of(gateway)}: counts before the load balancer sends it anything"
    for namespace in rendered.of("Namespace") if rendered.of("TargetGroupBinding") else ():
        if namespace["metadata"]["labels"].get("eks.amazonaws.com/pod-readiness-gate-inject") != "enabled":
            yield f"{name_of(namespace)}: its pods are ready before the load balancer has them"


def migrations(rendered):
    """The init step migrates, and serving does not."""
    for unit in ("inventory", "billing"):
        w = rendered.unit(unit)
        steps = [c for c in containers(w) if c.get("args") == ["migrate"]]
        serving = containers(w, init=False)[0]
        if len(steps) != 1 or steps[0]["image"] != serving["image"]:
            yield f"{name_of(w)}: no migration step of the same image"
        elif rendered.environment(steps[0]) != rendered.environment(serving):
            yield f"{name_of(w)}: the migration step has other settings"
        if rendered.environment(serving).get("KEEPER_DATABASE__MIGRATE") != "false":
            yield f"{name_of(w)}: migrates while serving"


def images(rendered):
    """Pinned: a digest, or a tag that is a version. What was tried elsewhere goes by digest."""
    for w in rendered.workloads():
        for c in containers(w):
            image = c["image"]
            tag = image.rpartition("/")[2].partition(":")[2]
            if "@sha256:" not in image and not tag[:1].isdigit():
                yield f"{name_of(w)}: image {image} is not pinned"
            elif rendered.name in PROMOTED and not re.search(r":[0-9.]+@sha256:[0-9a-f]{64}$", image):
                yield f"{name_of(w)}: image {image} is not named by its digest"


def storage(rendered):
    """On EKS, which has no class of its own, one is made, encrypted, and every claim uses it; elsewhere none is named."""
    classes = rendered.of("StorageClass")
    claims = [(name_of(p), p) for p in rendered.of("PersistentVolumeClaim")]
    claims += [(name_of(s), t) for s in rendered.of("StatefulSet") for t in s["spec"].get("volumeClaimTemplates", [])]
    if rendered.of("TargetGroupBinding") and not classes:
        yield "no storage class for EKS"
    for c in classes:
        if c["parameters"] != {"type": "gp3", "encrypted": "true"} or c["provisioner"] != "ebs.csi.eks.amazonaws.com":
            yield f"{name_of(c)}: not gp3, encrypted, of EKS Auto Mode"
        if c["volumeBindingMode"] != "WaitForFirstConsumer":
            yield f"{name_of(c)}: makes the volume before the zone of the pod is known"
        if c.get("allowedTopologies") != AUTO_MODE:
            yield f"{name_of(c)}: lets a pod start where this driver is not"
    for name, claim in claims:
        wanted = classes[0]["metadata"]["name"] if classes else None
        if claim["spec"].get("storageClassName") != wanted:
            yield f"{name}: claims storage of another class than {wanted}"


def claims(rendered):
    """Every StatefulSet has a claim that it mounts to write; data stays when it is removed, billing's journal does not."""
    for s in rendered.of("StatefulSet"):
        name, spec = s["metadata"]["name"], s["spec"]
        mounts = {m["name"]: m for m in containers(s, init=False)[0].get("volumeMounts", [])}
        templates = [t["metadata"]["name"] for t in spec.get("volumeClaimTemplates", [])]
        if not templates or any(mounts.get(t, {}).get("readOnly", t not in mounts) for t in templates):
            yield f"{name_of(s)}: no claim that it can write to"
        if not pod_template(s)["spec"]["securityContext"].get("fsGroup"):
            yield f"{name_of(s)}: a new volume belongs to root"
        keeps = {"whenScaled": "Retain", "whenDeleted": "Delete" if name in UNITS else "Retain"}
        retention = {"whenScaled": "Retain", "whenDeleted": "Retain", **spec.get("persistentVolumeClaimRetentionPolicy", {})}
        if retention != keeps:
            yield f"{name_of(s)}: its claims are not to {keeps}, but {retention}"
        if rendered.get("Service", spec["serviceName"])["spec"].get("clusterIP") != "None":
            yield f"{name_of(s)}: Service/{spec['serviceName']} gives its pods no names"


CHECKS = (probes, resources, security, scaling, shutdown, rollout, migrations, images, storage, claims)
