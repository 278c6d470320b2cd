"""What the commands of kustomize/README.md name is there: objects, pods, claims, secrets, folders."""

import json
import re

from objects import containers

KINDS = "deployment|statefulset|cronjob|service|secret|persistentvolumeclaim|pod"
NAMED = (
    re.compile(rf"\b({KINDS})/([a-z][a-z0-9-]*)"),
    re.compile(r"\bpatch (secret) ([a-z-]+)"),
    re.compile(r"\bexec (?:-i )?()([a-z-]+-\d)\b"),
    re.compile(r"\bdebug ()([a-z-]+-\d)\b"),
)


def there(overlays):
    """(kind, name) of what the overlays make, and of what the cluster makes for them."""
    for rendered in overlays:
        for obj in rendered.objects + rendered.beside:
            yield obj["kind"].lower(), obj["metadata"]["name"]
        for s in rendered.of("StatefulSet"):
            pod = f"{s['metadata']['name']}-0"
            yield "pod", pod
            for t in s["spec"].get("volumeClaimTemplates", []):
                yield "persistentvolumeclaim", f"{t['metadata']['name']}-{pod}"


def readme(tree, overlays):
    text = (tree / "README.md").read_text()
    known = set(there(overlays))
    named = {(kind or "pod", name) for pattern in NAMED for kind, name in pattern.findall(text)}
    if len(named) < 10:
        yield f"the README names no more than {sorted(named)}"
    for kind, name in sorted(named - known):
        yield f"there is no {kind}/{name}"
    for path in re.findall(r"kustomize/((?:overlays|components|cluster|base)(?:/[a-z.-]*[a-z])*)", text):
        if not (tree / path).exists():
            yield f"there is no kustomize/{path}"
    for mount in re.findall(r'echo \'\{"volumeMounts": (\[.*\])\}\'', text):
        unit = next(o for o in overlays[0].of("StatefulSet") if o["metadata"]["name"] == "billing")
        for m in json.loads(mount):
            if m not in containers(unit, init=False)[0]["volumeMounts"]:
                yield f"billing does not mount {m}"
