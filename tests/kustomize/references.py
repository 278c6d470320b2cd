"""Whatever an object names is there: labels, ports, ConfigMaps, Secrets, accounts, claims."""

from objects import SCALED, containers, matches, name_of, pod_labels, pod_template, ports


def selectors(rendered):
    for w in rendered.of(*SCALED):
        if not matches(w["spec"]["selector"], pod_labels(w)):
            yield f"{name_of(w)}: does not select its own pods"
        others = [o for o in rendered.workloads() if o is not w and matches(w["spec"]["selector"], pod_labels(o))]
        for other in others:
            yield f"{name_of(w)}: selects the pods of {name_of(other)} too"
    for service in rendered.of("Service"):
        if len(rendered.selected_by(service)) != 1:
            yield f"{name_of(service)}: selects {len(rendered.selected_by(service))} workloads"
    for kind in ("PodDisruptionBudget", "PodMonitor"):
        for obj in rendered.of(kind):
            if not any(matches(obj["spec"]["selector"], pod_labels(w)) for w in rendered.workloads()):
                yield f"{name_of(obj)}: selects nothing"
    names = [name_of(o) for o in rendered.objects]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f"{name}: is there more than once"


def service_ports(rendered):
    for service in rendered.of("Service"):
        for workload in rendered.selected_by(service):
            for port in service["spec"]["ports"]:
                target = port.get("targetPort", port["port"])
                if target not in ports(workload) and target not in ports(workload).values():
                    yield f"{name_of(service)}: {name_of(workload)} has no port {target}"
    for s in rendered.of("StatefulSet"):
        if rendered.get("Service", s["spec"]["serviceName"]) is None:
            yield f"{name_of(s)}: there is no Service/{s['spec']['serviceName']}"
    for monitor in rendered.of("PodMonitor"):
        asked = {e["port"] for e in monitor["spec"]["podMetricsEndpoints"]}
        for w in rendered.workloads():
            offered = set(ports(w)) & {"management", "metrics"}
            watched = asked if matches(monitor["spec"]["selector"], pod_labels(w)) else set()
            if offered - watched or (watched and not offered):
                yield f"{name_of(monitor)}: asks {name_of(w)} for {sorted(watched)}, it has {sorted(offered)}"
    for obj, name, port in edges(rendered):
        service = rendered.get("Service", name)
        if service is None or port not in [p["name"] for p in service["spec"]["ports"]]:
            yield f"{name_of(obj)}: there is no port {port} of Service/{name}"


def edges(rendered):
    """Every object that brings traffic from outside, with the Service and port it brings it to."""
    for binding in rendered.of("TargetGroupBinding"):
        yield binding, binding["spec"]["serviceRef"]["name"], binding["spec"]["serviceRef"]["port"]
    for ingress in rendered.of("Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                yield ingress, path["backend"]["service"]["name"], path["backend"]["service"]["port"]["name"]


def sources(volume):
    """(kind, name, items) of every object that a volume takes files from."""
    if "configMap" in volume:
        yield "ConfigMap", volume["configMap"]["name"], volume["configMap"].get("items")
    if "secret" in volume:
        yield "Secret", volume["secret"]["secretName"], volume["secret"].get("items")
    for source in volume.get("projected", {}).get("sources", []):
        for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            if key in source:
                yield kind, source[key]["name"], source[key].get("items")
    if volume.get("csi", {}).get("driver") == "secrets-store.csi.k8s.io":
        yield "SecretProviderClass", volume["csi"]["volumeAttributes"]["secretProviderClass"], None
    if "persistentVolumeClaim" in volume:
        yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"], None


def keys(obj):
    return {**obj.get("data", {}), **obj.get("stringData", {})}


def existence(rendered):
    for w in rendered.workloads():
        spec = pod_template(w)["spec"]
        if rendered.get("ServiceAccount", spec.get("serviceAccountName", "default")) is None:
            yield f"{name_of(w)}: there is no ServiceAccount/{spec.get('serviceAccountName', 'default')}"
        for volume in spec.get("volumes", []):
            found = list(sources(volume))
            if not found and "emptyDir" not in volume:
                yield f"{name_of(w)}: volume {volume['name']} comes from nowhere"
            for kind, name, items in found:
                obj = rendered.get(kind, name)
                if obj is None:
                    yield f"{name_of(w)}: there is no {kind}/{name}"
                    continue
                for item in items or []:
                    if item["key"] not in keys(obj):
                        yield f"{name_of(w)}: {kind}/{name} has no {item['key']}"
        have = {v["name"] for v in spec.get("volumes", [])}
        have |= {t["metadata"]["name"] for t in w["spec"].get("volumeClaimTemplates", [])}
        for c in containers(w):
            for mount in c.get("volumeMounts", []):
                if mount["name"] not in have:
                    yield f"{name_of(w)}: {c['name']} mounts {mount['name']}, which is not there"
            for source in c.get("envFrom", []):
                if rendered.get("ConfigMap", source["configMapRef"]["name"]) is None:
                    yield f"{name_of(w)}: there is no ConfigMap/{source['configMapRef']['name']}"
            for variable in c.get("env", []):
                for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                    ref = variable.get("valueFrom", {}).get(key)
                    if ref and ref["key"] not in keys(rendered.get(kind, ref["name"]) or {}):
                        yield f"{name_of(w)}: there is no {ref['key']} in {kind}/{ref['name']}"


def namespaces(rendered):
    """Everything that can be is in the one namespace."""
    cluster_wide = ("Namespace", "StorageClass")
    for obj in rendered.objects:
        if obj["kind"] not in cluster_wide and obj["metadata"].get("namespace") != "code-keeper":
            yield f"{name_of(obj)}: is in no namespace of ours"


def leftovers(rendered):
    """No placeholder, and none of the files of values, is in the output."""
    for obj in rendered.objects:
        for path, value in strings(obj):
            if value == "unset" or value.endswith(":unset") or '"unset"' in value:
                yield f"{name_of(obj)}: {path} was never set"
            elif not value and "env" not in path and not path.endswith("apiGroup"):
                yield f"{name_of(obj)}: {path} is empty"
        if obj["metadata"]["name"].split("-")[0] in ("terraform", "release"):
            yield f"{name_of(obj)}: is for the build only"


def strings(value, path=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from strings(inner, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value


def no_secrets(rendered):
    """Only where the passwords are meant to be local may a rendered object hold one."""
    allowed = rendered.name == "local" or "local-secrets" in rendered.name
    for secret in rendered.of("Secret"):
        if not allowed:
            yield f"{name_of(secret)}: holds values in {rendered.name}"
    for w in rendered.workloads():
        for c in containers(w):
            for key, value in rendered.environment(c).items():
                if any(word in key.upper() for word in ("PASSWORD", "TOKEN", "SECRET", "COOKIE")) and not key.endswith("_FILE"):
                    yield f"{name_of(w)}: {key} holds a secret"
                elif "://" in value and "@" in value.partition("://")[2].partition("/")[0]:
                    yield f"{name_of(w)}: {key} holds a password in an address"


CHECKS = (selectors, service_ports, existence, namespaces, leftovers, no_secrets)
