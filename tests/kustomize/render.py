"""Builds every overlay and every sensible combination of components with `kubectl kustomize`."""

import itertools
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import yaml
from objects import Rendered

OVERLAYS = ("local", "dev", "staging", "production")
# Where the data is and where the passwords come from: only these pairs make sense.
DATA = {
    "in-cluster+local-secrets": ["in-cluster-postgres", "in-cluster-rabbitmq", "local-secrets"],
    "in-cluster+made-secrets": ["in-cluster-postgres", "in-cluster-rabbitmq"],
    "three-nodes+made-secrets": ["in-cluster-postgres", "in-cluster-rabbitmq", "in-cluster-rabbitmq/three-nodes"],
    "managed+aws-secrets": ["managed-endpoints", "aws-secrets"],
    "managed+made-secrets": ["managed-endpoints"],
}
EDGE = {"no-edge": [], "ingress": ["ingress"], "load-balancer": ["load-balancer", "registry"]}
# Where it is watched, there are customers to watch.
WATCHED = {"unwatched": [], "watched": ["monitoring", "load"]}
GUARDED = {"open": False, "guarded": True}


def copy_tree(source, target):
    """A copy to build in: what a fresh clone has, and nothing of anyone's own. Without git (an archive), all that is there."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=source, capture_output=True, text=True)
    if listed.returncode:
        return shutil.copytree(source, target)
    for name in filter(None, listed.stdout.split("\0")):
        if (source / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)
    return target


def build(folder):
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True)
    if done.returncode or done.stderr.strip():
        raise RuntimeError(f"{folder}: {done.stderr.strip()}")
    return [o for o in yaml.safe_load_all(done.stdout) if o]


def made_secrets(tree):
    """What kustomize/make-secrets would make in a cluster."""
    done = subprocess.run([tree / "make-secrets", "--dry-run"], capture_output=True, text=True, check=True)
    return [o for o in yaml.safe_load_all(done.stdout) if o]


def policies_for(components, folders):
    """The policies of the units, and of each component that has a folder of policies."""
    named = ["units"] + (["node-dns", "cloudwatch"] if "load-balancer" in components else []) + (["issuer"] if "access" in components else [])
    named += ["cloudwatch/traces"] if "traces/cloudwatch" in components else []
    named += [c for c in components if c in folders]
    return [f"network-policies/{p}" for p in named]


def access_for(data):
    """Where a load balancer leads to the gateway, callers are known; but where all passwords are local, nobody is."""
    if "local-secrets" in data:
        return []
    return ["access", "access/secrets-manager"] if "aws-secrets" in data else ["access"]


def combinations(folders):
    """Name and components of every combination, in the order an overlay lists them."""
    for (d, data), (e, edge), (w, watched), (g, guarded) in itertools.product(
        DATA.items(), EDGE.items(), WATCHED.items(), GUARDED.items()
    ):
        if not guarded and (edge or watched):
            # Policies only add objects: one look at each kind of data without them is enough.
            continue
        # Where the load balancer is, there is the CloudWatch agent as well.
        traces = [] if w == "unwatched" else ["traces/cloudwatch" if e == "load-balancer" else "traces"]
        components = ["namespace", *data, *edge, *watched, *traces]
        if e == "load-balancer":
            components[1 + len(data) : 1 + len(data)] = [*access_for(data), "ebs-storage"]
        if guarded:
            components += policies_for(components, folders)
        components += ["load/key"] if {"load", "access"} <= set(components) else []
        last = ["release", *(["release/digests"] if "registry" in edge else [])]
        yield f"{d},{e},{w},{g}", [*components, *last], guarded


def write_combination(tree, number, components):
    folder = tree / "overlays" / f"combination-{number}"
    folder.mkdir()
    for values in ("terraform.env", "release.env"):
        shutil.copy(tree / "overlays/staging" / values, folder / values)
    (folder / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "namespace": "code-keeper",
                "resources": ["../../base"],
                "configMapGenerator": [{"name": n, "envs": [f"{n}.env"]} for n in ("terraform", "release")],
                "components": [f"../../components/{c}" for c in components],
            }
        )
    )
    return folder


def all_rendered(tree):
    """The overlays, then the combinations; raises with kustomize's own words when one does not build."""
    folders = {p.name for p in (tree / "components/network-policies").iterdir()}
    # The key of the customers is made by hand (README).
    beside = [*made_secrets(tree), {"kind": "Secret", "metadata": {"name": "load-key"}, "data": {"key": ""}}]
    jobs = [(name, tree / "overlays" / name, True) for name in OVERLAYS]
    for number, (name, components, guarded) in enumerate(combinations(folders)):
        jobs.append((name, write_combination(tree, number, components), guarded))

    def one(job):
        name, folder, guarded = job
        objects = build(folder)
        # Where Secrets are rendered, those are the ones; nothing else may be counted on.
        own = any(o["kind"] == "Secret" for o in objects)
        return Rendered(name, objects, [] if own else beside, guarded)

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        return list(pool.map(one, jobs))
