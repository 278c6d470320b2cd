"""compose.yaml: the same versions, settings and safety as in Kubernetes, without an engine to run it."""

import re
from pathlib import Path

import settings
import yaml
from objects import UNITS

GENERATED = Path("/etc/keeper/secrets")


def load(root):
    return yaml.safe_load((root / "compose.yaml").read_text())


def versions(root, rendered):
    """Servers are of the version that the cluster runs."""
    images = {c["image"].partition(":")[0]: c["image"] for w in rendered.workloads() for c in w_containers(w)}
    for name, service in load(root)["services"].items():
        base = service["image"].partition(":")[0]
        if base in images and base in ("postgres", "rabbitmq") and service["image"] != images[base]:
            yield f"{name}: {service['image']}, but the cluster runs {images[base]}"
        if not re.search(r":v?\d+\.\d+", service["image"]):
            yield f"{name}: {service['image']} is not pinned"


def w_containers(workload):
    from objects import containers

    return containers(workload)


def safety(root):
    for name, service in load(root)["services"].items():
        if service.get("read_only") is not True or service.get("cap_drop") != ["ALL"]:
            yield f"{name}: is not confined"
        if service.get("ports") and name not in ("gateway", "grafana"):
            yield f"{name}: publishes a port"
        for port in service.get("ports", []):
            if not re.match(r"\$\{KEEPER_\w+:-127\.0\.0\.1:\d+\}:\d+$", port):
                yield f"{name}: publishes {port} to more than this machine"
        for key, value in service.get("environment", {}).items():
            if "PASSWORD" in key and not key.endswith("_FILE"):
                yield f"{name}: {key} holds a secret"
            if not isinstance(value, str):
                yield f"{name}: {key} is no string"


def wiring(root):
    """Volumes, files, networks and dependencies are there, and dependencies are waited for."""
    stack = load(root)
    for name, service in stack["services"].items():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                if not (root / source).is_file():
                    yield f"{name}: mounts {source}, which is not there"
            elif source not in stack["volumes"]:
                yield f"{name}: volume {source} is not declared"
        for network in service.get("networks", []):
            if network not in stack["networks"]:
                yield f"{name}: network {network} is not declared"
        for other, condition in service.get("depends_on", {}).items():
            if other not in stack["services"]:
                yield f"{name}: there is no {other}"
            elif condition["condition"] == "service_healthy" and other not in UNITS and "healthcheck" not in stack["services"][other]:
                yield f"{name}: waits for the health of {other}, which has no check"
    for name in UNITS:
        for host in hosts(stack["services"][name]):
            other = stack["services"].get(host)
            if other is None:
                yield f"{name}: there is no {host}"
            elif not set(other["networks"]) & set(stack["services"][name]["networks"]):
                yield f"{name}: shares no network with {host}"
            elif host not in reachable(stack, name):
                yield f"{name}: does not wait for {host}"


def hosts(service):
    for key, value in service["environment"].items():
        if key.endswith("__HOST"):
            yield value
        elif key.endswith("__URL"):
            yield value.partition("://")[2].partition(":")[0]


def reachable(stack, name):
    """Everything that a service waits for, directly or not."""
    direct = set(stack["services"][name].get("depends_on", {}))
    return direct | {far for near in direct for far in reachable(stack, near)}


def parse(root):
    """The real binaries take the settings; the images add what the Dockerfile sets."""
    made = (root / "kustomize/compose/make-secrets.sh").read_text()
    for name in UNITS:
        service = load(root)["services"][name]
        given = {key: interpolated(value) for key, value in service["environment"].items()}
        env = {**dockerfile_environment(root), **given}
        files = []
        for key, value in env.items():
            if key.endswith("_FILE"):
                file = Path(value)
                files.append((value, settings.MASKED + file.name))
                if file.parent != GENERATED or f" {name}/{file.name}" not in made:
                    yield f"{name}: nothing makes {value}"
        code, out, err = settings.config(name, tuple(sorted(env.items())), tuple(sorted(files)))
        if code:
            yield f"{name}: `{name} config` says: {(err or out).strip()[-400:]}"


def interpolated(value):
    """As Compose reads it where nobody sets its variables."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def dockerfile_environment(root):
    """What the image sets for every unit."""
    text = (root / "Dockerfile").read_text().split("FROM runtime AS gateway")[0]
    return dict(re.findall(r"(KEEPER_\w+)=(\S+)", text))
