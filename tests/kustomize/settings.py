"""Every setting of every container is one that the real binary takes: its `config` subcommand is run with them."""

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from objects import UNITS, containers, name_of, pod_template, ports
from references import keys, sources

BIN = Path(os.environ["KEEPER_BIN_DIR"])
MASKED = "not-to-be-shown-"
# What is no password: it is read as it is.
PLAIN = {"keys.toml": "keys = []"}
# A file that the unit writes; all others it reads.
JOURNAL = "KEEPER_DEAD_LETTERS__JOURNAL"


@cache
def config(unit, environment, files):
    """Exit code and output of `<unit> config`; `files` are (path, text) pairs that its settings name by path."""
    with tempfile.TemporaryDirectory() as root:
        env = dict(environment)
        for path, text in files:
            real = Path(root) / path.lstrip("/")
            real.parent.mkdir(parents=True, exist_ok=True)
            real.write_text(text)
            env = {k: str(real) if v == path else v for k, v in env.items()}
        done = subprocess.run([BIN / unit, "config"], capture_output=True, text=True, env=env, cwd=root, timeout=60)
        return done.returncode, done.stdout.replace(root, ""), done.stderr.replace(root, "")


def unit_of(container):
    """The unit whose image a container runs, or None."""
    name = container["image"].rpartition("/")[2].partition(":")[0].partition("@")[0]
    return name if name in UNITS else None


def files_in(rendered, volume):
    """File name and text of everything in a volume, as the kubelet would write it."""
    for kind, name, items in sources(volume):
        obj = rendered.get(kind, name) or {}
        if kind == "SecretProviderClass":
            for line in obj["spec"]["parameters"]["objects"].splitlines():
                if "objectAlias:" in line and ".json" not in line:
                    alias = line.split("objectAlias:")[1].strip()
                    yield alias, PLAIN.get(alias, MASKED + "value")
            continue
        held = keys(obj)
        if kind == "Secret":
            held = {k: PLAIN.get(k, MASKED + k) for k in held}
        for key, path in [(i["key"], i["path"]) for i in items] if items else [(k, k) for k in held]:
            if key in held:
                yield path, held[key]


def mounted(rendered, workload, container):
    """Every file a container finds at its mounts."""
    volumes = {v["name"]: v for v in pod_template(workload)["spec"].get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        for name, text in files_in(rendered, volumes.get(mount["name"], {})):
            yield f"{mount['mountPath']}/{name}", text


def unit_containers(rendered):
    for w in rendered.workloads():
        for c in containers(w):
            if unit_of(c):
                yield w, c, unit_of(c)


def writable(container, path):
    mounts = container.get("volumeMounts", [])
    return any(path.startswith(m["mountPath"] + "/") and not m.get("readOnly") for m in mounts)


def parse(rendered):
    for w, c, unit in unit_containers(rendered):
        env = rendered.environment(c)
        for key in env:
            if not key.startswith("KEEPER_"):
                yield f"{name_of(w)}: {key} is no setting"
        files = dict(mounted(rendered, w, c))
        for key, value in env.items():
            if key == JOURNAL:
                if c in containers(w, init=False) and not writable(c, value):
                    yield f"{name_of(w)}: {key} names {value}, where {c['name']} cannot write"
            elif value.startswith("/") and value not in files:
                yield f"{name_of(w)}: {key} names {value}, which {c['name']} does not mount"
        used = tuple(sorted((p, t) for p, t in files.items() if p in env.values()))
        code, out, err = config(unit, tuple(sorted(env.items())), used)
        if code:
            yield f"{name_of(w)}: `{unit} config` says: {(err or out).strip()[-400:]}"
        elif MASKED in out + err:
            yield f"{name_of(w)}: `{unit} config` shows a password"


def effective_ports(rendered):
    """The ports of the pods are those that the process opens: saying so explicitly changes nothing."""
    for unit in UNITS:
        w = rendered.unit(unit)
        c = containers(w, init=False)[0]
        env = rendered.environment(c)
        files = tuple(sorted((p, t) for p, t in mounted(rendered, w, c) if p in env.values()))
        for name, port in ports(w).items():
            explicit = {**env, f"KEEPER_{name.upper()}__PORT": str(port)}
            if config(unit, tuple(sorted(env.items())), files) != config(unit, tuple(sorted(explicit.items())), files):
                yield f"{name_of(w)}: port {name} is {port}, but `{unit}` opens another"


def callers(rendered):
    """A gateway that a load balancer leads to knows its callers, but where all passwords are local."""
    if not any(rendered.of("TargetGroupBinding")) or any(rendered.of("Secret")):
        return
    w = rendered.unit("gateway")
    env = rendered.environment(containers(w, init=False)[0])
    for key, value in (("KEEPER_AUTH__MODE", "required"), ("KEEPER_LIMITS__ENABLED", "true")):
        if env.get(key) != value:
            yield f"{name_of(w)}: {key} is not {value}"
    if not env.get("KEEPER_AUTH__JWT__ISSUER"):
        yield f"{name_of(w)}: nobody's tokens are believed"
    if int(env.get("KEEPER_HTTP__TRUSTED_PROXIES", "0")) < 1:
        yield f"{name_of(w)}: all callers have the load balancer's address"
    if env.get("KEEPER_HTTP__TRUSTED_PREFIX") != "false":
        yield f"{name_of(w)}: a client chooses the prefix of addresses"


CHECKS = (parse, effective_ports, callers)
