"""Strict validation against the published schemas: Kubernetes' own for two versions, and those in schemas/ for the rest."""

import json
from functools import cache, lru_cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import kubernetes_validate.utils
from objects import name_of

# It reads its files anew for every object, which is most of the time that it takes.
for slow in ("schema_contents", "all_versions"):
    setattr(kubernetes_validate.utils, slow, lru_cache(maxsize=None)(getattr(kubernetes_validate.utils, slow)))

OLDEST = "1.32"
OTHERS = Path(__file__).parent / "schemas"


def newest():
    return kubernetes_validate.latest_version().rpartition(".")[0]


@cache
def other(kind):
    """Resource definitions of operators and of EKS: schemas/<Kind>.json, after the projects' own definitions."""
    path = OTHERS / f"{kind}.json"
    return jsonschema.Draft202012Validator(json.loads(path.read_text())) if path.exists() else None


def validate(objects):
    """Yields every violation; the same object in several renderings is validated once."""
    seen = set()
    for obj in objects:
        text = json.dumps(obj, sort_keys=True)
        if text in seen:
            continue
        seen.add(text)
        if other(obj["kind"]) is not None:
            for error in other(obj["kind"]).iter_errors(obj):
                yield f"{name_of(obj)}: {error.json_path}: {error.message}"
            continue
        for version in (OLDEST, newest()):
            try:
                kubernetes_validate.validate(obj, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{name_of(obj)} ({version}): {error.message} at {list(error.path)}"
            except kubernetes_validate.SchemaNotFoundError as error:
                yield f"{name_of(obj)} ({version}): no schema: {error}"
