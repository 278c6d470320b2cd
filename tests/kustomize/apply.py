"""What a second `kubectl apply` of an unchanged overlay asks for: nothing. The real kubectl, and an API that keeps and defaults objects.

kubectl takes a list that has no keys of its own as a whole. Where the API has added something inside, file and object
differ for ever: kubectl says `configured`, and a tool that compares both sees drift.
"""

import copy
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import yaml

# For these kubectl sends its patch unasked: their selector has the strategy "replace", which it never compares.
# https://github.com/kubernetes/kubernetes/blob/v1.36.0/staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go
ALWAYS = {"PodDisruptionBudget"}


def plural(kind):
    name = kind.lower()
    if name.endswith("y"):
        return name[:-1] + "ies"
    return name + ("es" if name.endswith("s") else "s")


def defaulted(obj):
    """What the API adds inside lists that kubectl takes as a whole (Kubernetes: pkg/apis/apps/v1/conversion.go, core/v1/defaults.go)."""
    obj = copy.deepcopy(obj)
    if obj["kind"] == "StatefulSet":
        for claim in obj["spec"].get("volumeClaimTemplates", []):
            claim.update(apiVersion="v1", kind="PersistentVolumeClaim", status={"phase": "Pending", **claim.get("status", {})})
            claim["spec"].setdefault("volumeMode", "Filesystem")
    obj["metadata"].setdefault("uid", "1")
    return obj


def discovery(objects):
    """Path to answer: the kinds that there are."""
    versions = {}
    for obj in objects:
        versions.setdefault(obj["apiVersion"], set()).add((obj["kind"], "namespace" in obj["metadata"]))
    groups = []
    answers = {"/api": {"kind": "APIVersions", "versions": ["v1"]}}
    for version, kinds in versions.items():
        path = f"/api/{version}" if version == "v1" else f"/apis/{version}"
        verbs = ["get", "create", "patch"]
        resources = [{"name": plural(k), "kind": k, "namespaced": n, "singularName": "", "verbs": verbs} for k, n in sorted(kinds)]
        answers[path] = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}
        if version != "v1":
            entry = {"groupVersion": version, "version": version.split("/")[1]}
            groups.append({"name": version.split("/")[0], "versions": [entry], "preferredVersion": entry})
    answers["/apis"] = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    return answers


class Api(ThreadingHTTPServer):
    """Keeps what is made; notes what would be changed."""

    def __init__(self, objects):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.kept, self.patches = discovery(objects), {}, []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers["content-length"])))

    def do_GET(self):
        path = urlsplit(self.path).path
        found = self.server.answers.get(path) or self.server.kept.get(path)
        gone = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        self.reply(200 if found else 404, found or gone)

    def do_POST(self):
        made = defaulted(self.body())
        self.server.kept[f"{urlsplit(self.path).path}/{made['metadata']['name']}"] = made
        self.reply(201, made)

    def do_PATCH(self):
        path = urlsplit(self.path).path
        self.server.patches.append((self.server.kept[path]["kind"], path.rpartition("/")[2], self.body()))
        self.reply(200, self.server.kept[path])

    def log_message(self, *_):
        pass


def patched(objects):
    """(kind, name, patch) of what the second of two equal applies asks for."""
    with Api(objects) as api:
        threading.Thread(target=api.serve_forever, daemon=True).start()
        try:
            server = f"http://127.0.0.1:{api.server_port}"
            command = ["kubectl", "--kubeconfig=/dev/null", f"--server={server}", "apply", "--validate=false", "--filename=-"]
            for _ in range(2):
                api.patches.clear()
                done = subprocess.run(command, input=yaml.safe_dump_all(objects), capture_output=True, text=True, timeout=120)
                if done.returncode:
                    raise RuntimeError(done.stderr.strip())
            return list(api.patches)
        finally:
            api.shutdown()


def unchanged(overlays):
    """Of every overlay, each object once; and a claim without what the API adds is noticed."""
    objects = {}
    for rendered in overlays:
        for obj in rendered.of("StatefulSet", "Deployment", "PodDisruptionBudget", "PersistentVolumeClaim", "CronJob", "NetworkPolicy"):
            objects[json.dumps(obj, sort_keys=True)] = obj
    renamed = []
    for number, obj in enumerate(objects.values()):
        obj = copy.deepcopy(obj)
        obj["metadata"]["name"] += f"-{number}"
        renamed.append(obj)
    bare = copy.deepcopy(next(o for o in renamed if o["kind"] == "StatefulSet"))
    bare["metadata"]["name"] = "bare"
    del bare["spec"]["volumeClaimTemplates"][0]["status"]
    found = patched([*renamed, bare])
    if not any(name == "bare" for _, name, _ in found):
        yield "a claim without its status is not noticed"
    for kind, name, patch in found:
        if name == "bare":
            continue
        if kind not in ALWAYS or set(patch) | set(patch.get("spec", {})) != {"spec", "selector"}:
            yield f"{kind}/{name}: a second apply asks for {json.dumps(patch)[:300]}"
