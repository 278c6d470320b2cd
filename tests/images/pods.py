"""The servers' pods as the dev overlay has them, run by the Docker Engine as the kubelet would: user, group and read-only root,
new volumes that belong to root and the pod's group, mounted settings and secrets, init containers, probes, hooks and limits."""

import os
import re
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import bases
import render
import stand_ins
from objects import Rendered, pod_template
from references import keys, sources

ROOT = Path(os.environ["KEEPER_ROOT"])
SETS = ("billing-db", "rabbitmq")
# Only 4.1 makes a cluster without asking the API of Kubernetes.
SINCE_4_1 = "cluster_formation.peer_discovery_backend = k8s\n"


def rendered(folder):
    tree = render.copy_tree(ROOT / "kustomize", folder / "kustomize")
    return Rendered("dev", render.build(tree / "overlays/dev"), render.made_secrets(tree))


class Pod:
    """The first pod of a StatefulSet."""

    def __init__(self, engine, objects, name, folder, stand_in):
        self.engine, self.objects, self.folder, self.stand_in = engine, objects, folder, stand_in
        self.set = objects.unit(name)
        self.spec = pod_template(self.set)["spec"]
        self.group = self.spec["securityContext"]["fsGroup"]
        self.name = f"{name}-0"
        self.volumes = {v["name"]: v for v in self.spec["volumes"]}
        self.volumes |= {t["metadata"]["name"]: {} for t in self.set["spec"]["volumeClaimTemplates"]}

    def image(self, container):
        return self.stand_in or container["image"]

    @contextmanager
    def prepared(self):
        """Its volumes: files for what is mounted from objects, and one of the Engine's for each claim and empty folder."""
        self.source, made = {}, []
        try:
            for name, volume in self.volumes.items():
                if list(sources(volume)):
                    self.source[name] = self.files(name, volume)
                    continue
                self.source[name] = f"keeper-test-{self.name}-{name}"
                self.engine.docker("volume", "create", self.source[name])
                made.append(self.source[name])
                self.as_root(name, f"chgrp {self.group} /volume && chmod 2775 /volume && find /volume -mindepth 1 -delete")
            yield
        finally:
            for name in made:
                self.engine.docker("volume", "rm", "--force", name)

    def as_root(self, name, script):
        image = self.image(self.spec["containers"][0])
        self.engine.docker("run", "--rm", "--user", "0", "--entrypoint", "bash", "--volume", f"{self.source[name]}:/volume", image, "-c", script)

    def files(self, name, volume):
        mode = (volume.get("projected") or volume.get("secret") or volume.get("configMap")).get("defaultMode", 0o644)
        target = self.folder / self.name / name
        target.mkdir(parents=True)
        for kind, source, items in sources(volume):
            held = keys(self.objects.get(kind, source))
            for key, path in [(i["key"], i["path"]) for i in items or []] or [(k, k) for k in held]:
                (target / path).write_text(held[key].replace(SINCE_4_1, "") if self.stand_in else held[key])
                os.chown(target / path, 0, self.group)
                (target / path).chmod(mode)
        return target

    def environment(self, container):
        fields = {"metadata.name": self.name, "metadata.namespace": self.set["metadata"]["namespace"]}
        env = {}
        for e in container.get("env", []):
            value = e["value"] if "value" in e else fields[e["valueFrom"]["fieldRef"]["fieldPath"]]
            env[e["name"]] = re.sub(r"\$\((\w+)\)", lambda m: env[m[1]], value)
        return [a for k, v in env.items() for a in ("--env", f"{k}={v}")]

    def run(self, container, *options):
        domain = f"{self.name}.{self.set['spec']['serviceName']}.{self.set['metadata']['namespace']}.svc.cluster.local"
        security = self.spec["securityContext"]
        mounts = [f"{self.source[m['name']]}:{m['mountPath']}{':ro' if m.get('readOnly') else ''}" for m in container["volumeMounts"]]
        entry, words = container.get("command", [])[:1], container.get("command", [])[1:] + container.get("args", [])
        return self.engine.docker(
            "run", *options, "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true",
            "--user", f"{security['runAsUser']}:{security['runAsGroup']}", "--group-add", self.group,
            "--memory", container["resources"]["limits"]["memory"].lower().rstrip("i"),
            "--hostname", self.name, "--network", "none", "--add-host", f"{domain}:127.0.0.1",
            *[a for m in mounts for a in ("--volume", m)], *self.environment(container),
            *[a for e in entry for a in ("--entrypoint", e)], self.image(container), *(words or self.words(container)),
        ).stdout.strip()

    def words(self, container):
        """The image's own command: a stand-in is one image for several servers, and has none."""
        return {"rabbitmq": ["rabbitmq-server"], "postgres": ["postgres"]}[container["name"]] if self.stand_in else []

    @contextmanager
    def running(self):
        for container in self.spec.get("initContainers", []):
            self.run(container, "--rm")
        main = dict(self.spec["containers"][0])
        if self.stand_in and main.get("args"):
            main["args"] = [*self.words(main), *main["args"]]
        id_ = self.run(main, "--detach")
        try:
            yield id_
        finally:
            self.engine.docker("rm", "--force", "--volumes", id_)

    def logs(self, id_):
        done = self.engine.docker("logs", id_)
        return (done.stdout + done.stderr)[-1500:]


def works(engine, pod):
    """Ready on new volumes, alive, stopped when told to, and ready again on the same ones."""
    for start in (1, 2):
        with pod.running() as id_:
            if not ready(engine, pod, id_):
                yield f"{pod.name}, start {start}: not ready: {pod.logs(id_)}"
                return
            yield from answers(engine, pod, id_)
            engine.docker("stop", "--time", pod.spec["terminationGracePeriodSeconds"], id_)
            code = engine.docker("inspect", "--format", "{{.State.ExitCode}}", id_).stdout.strip()
            if code != "0":
                yield f"{pod.name}, start {start}: ends with {code}: {pod.logs(id_)}"


def ready(engine, pod, id_):
    probe = ["exec", id_, *pod.spec["containers"][0]["readinessProbe"]["exec"]["command"]]
    end = time.monotonic() + 120
    while engine.docker(*probe, check=False).returncode:
        if time.monotonic() > end or engine.docker("inspect", "--format", "{{.State.Running}}", id_).stdout.strip() != "true":
            return False
        time.sleep(1)
    return True


def answers(engine, pod, id_):
    """Somebody listens at every port, and the commands of the other probe and of the hook succeed."""
    main = pod.spec["containers"][0]
    commands = {p["name"]: ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{p['containerPort']}"] for p in main["ports"]}
    for name, hook in {"livenessProbe": main["livenessProbe"], **main.get("lifecycle", {})}.items():
        if "exec" in hook:
            commands[name] = hook["exec"]["command"]
    for name, command in commands.items():
        done = engine.docker("exec", id_, *command, check=False)
        if done.returncode:
            yield f"{pod.name}: {name} ends with {done.returncode}: {(done.stderr or done.stdout)[-300:]}"


def servers(engine, untried):
    with tempfile.TemporaryDirectory(dir=bases.CACHE) as folder:
        folder = Path(folder)
        # Its files are mounted by path, and their readers are not root.
        folder.chmod(0o755)
        objects = rendered(folder)
        for name in SETS:
            image = objects.unit(name)["spec"]["template"]["spec"]["containers"][0]["image"]
            stand_in = None if bases.pull(engine, image) else stand_ins.servers(engine)
            if stand_in:
                untried.append(f"{image} itself")
            pod = Pod(engine, objects, name, folder, stand_in)
            with pod.prepared():
                yield from works(engine, pod)
