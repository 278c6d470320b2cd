"""checkov's Kubernetes policies over the rendered overlays; what is skipped is in checkov.yaml, with the reason."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).parent


def scan(folder, rendered):
    """Yields every failed check of the overlays."""
    folder.mkdir()
    for r in rendered:
        (folder / f"{r.name}.yaml").write_text(yaml.safe_dump_all(r.objects))
    done = subprocess.run(
        [Path(sys.executable).parent / "checkov", "--config-file", HERE / "checkov.yaml", "--directory", folder, "--output", "json"],
        capture_output=True,
        text=True,
    )
    report = json.loads(done.stdout)
    if report["summary"]["passed"] == 0:
        yield f"checkov looked at nothing: {done.stderr[-400:]}"
    for failed in report["results"]["failed_checks"]:
        yield f"{failed['check_id']} {failed['check_name']}: {failed['resource']} in {failed['file_path']}"
