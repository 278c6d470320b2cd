"""Alerts, scrape configuration and dashboard, by promtool and by the names that the binaries export."""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import yaml
from loopback import free_port, get

HERE = Path(__file__).parent
PROMTOOL = os.environ["PROMTOOL"]
FUNCTIONS = set(
    "sum rate max min by le and or absent deriv histogram_quantile count offset job reason status route outcome state "
    "unit version increase time on ignoring group_left group_right unless clamp_max clamp_min irate avg persistentvolumeclaim vector sum_over_time ALERTS".split()
)


def promtool(*arguments):
    done = subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        yield f"promtool {arguments[0]} {arguments[1]}: {(done.stdout + done.stderr).strip()[-1500:]}"


def groups(tree):
    return yaml.safe_load((tree / "components/monitoring/alerts.yaml").read_text())["spec"]


def rules(tree, scratch):
    """The rules load, alert exactly when tests/kustomize/alerts.yaml says, and each is expected to alert there once at least."""
    spec = groups(tree)
    (scratch / "rules.yaml").write_text(yaml.safe_dump(spec))
    yield from promtool("check", "rules", scratch / "rules.yaml")
    tests = yaml.safe_load((HERE / "alerts.yaml").read_text())
    (scratch / "alerts.yaml").write_text(yaml.safe_dump({**tests, "rule_files": [str(scratch / "rules.yaml")]}))
    yield from promtool("test", "rules", scratch / "alerts.yaml")
    fired = {a["alertname"] for t in tests["tests"] for a in t["alert_rule_test"] if a.get("exp_alerts")}
    for rule in [r for g in spec["groups"] for r in g["rules"]]:
        if rule["alert"] not in fired:
            yield f"alert {rule['alert']}: no test would notice that it never fires"


def compose_configuration(tree, scratch):
    """It loads, with its rules beside it."""
    yield from promtool("check", "config", tree / "compose/prometheus.yml")


def panels(tree):
    return json.loads((tree / "components/monitoring/code-keeper.json").read_text())["panels"]


def every_rule(tree):
    """Those of the objectives, generated, and those of the causes."""
    return [r for g in yaml.safe_load((tree / "compose/rules.yaml").read_text())["groups"] for r in g["rules"]]


def links(tree):
    """Each alert links to its runbook and to a panel that is there."""
    there = {panel["id"] for panel in panels(tree)}
    if len(there) < len(panels(tree)):
        yield "two panels have one id"
    for rule in [r for r in every_rule(tree) if "alert" in r]:
        about = rule["annotations"]
        name = re.sub(r"(?<!^)([A-Z])", r"-\1", rule["alert"]).lower()
        if not re.fullmatch(rf"https://\S+/kustomize/runbooks/{name}\.md", about.get("runbook_url", "")):
            yield f"alert {rule['alert']}: its runbook is {about.get('runbook_url')}"
        shown = re.fullmatch(r"/d/code-keeper\?viewPanel=(\d+)", about.get("dashboard_url", ""))
        if not shown or int(shown[1]) not in there:
            yield f"alert {rule['alert']}: its panel is {about.get('dashboard_url')}"


def queries(tree):
    """(where, expression) of every rule and every panel."""
    for rule in every_rule(tree):
        yield f"rule {rule.get('alert') or rule['record']}", rule["expr"]
    for panel in panels(tree):
        for target in panel["targets"]:
            yield f"panel {panel['title']}", target["expr"]


def names(expression):
    """The metric names in an expression, with the labels it asks of each."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\[[^\]]*\]", "", bare)
    for match in re.finditer(r"[a-zA-Z_:][a-zA-Z0-9_:]*\s*(\{[^}]*\})?", bare):
        name, labels = re.match(r"([a-zA-Z0-9_:]+)\s*(\{.*\})?", match.group(0)).groups()
        if name not in FUNCTIONS and not (labels is None and re.fullmatch(r"[smhd]|\d.*", name)):
            yield name, set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", labels or ""))


def exported(sources):
    """Metric names, with their labels, that the Rust code registers."""
    found = {}
    for path in sources:
        text = path.read_text()
        for name in re.findall(r'"([a-z][a-z0-9]*(?:_[a-z0-9]+)+)"', text):
            found.setdefault(name, set())
    return found


# Exported from the release on in which readiness stays, until when its alert is silent; and by the kubelet.
AGREED = {"kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"}


def dashboard_and_alerts(tree, root):
    """Every query names metrics that the binaries export, or that a rule records."""
    recorded = {rule.get("record") for rule in every_rule(tree)}
    sources = [p for folder in ("bins", "adapters", "core") for p in (root / folder).rglob("*.rs")]
    known = exported(sources)
    live = scrape_standalone()
    for where, expression in queries(tree):
        metrics = list(names(expression))
        if not metrics and not expression.startswith("vector("):
            yield f"{where}: no metric in its query"
        for metric, _ in metrics:
            if metric in recorded | AGREED:
                continue
            base = re.sub(r"_(bucket|sum|count)$", "", metric)
            if metric not in known and base not in known and metric not in live:
                yield f"{where}: no binary exports {metric}"


def scrape_standalone():
    """Metric names that a running standalone exports after a few requests."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        env = {
            "KEEPER_STORAGE__DIRECTORY": f"{folder}/data",
            "KEEPER_HTTP__PORT": str(free_port()),
            "KEEPER_MANAGEMENT__PORT": str(port),
        }
        process = subprocess.Popen(
            [Path(os.environ["KEEPER_BIN_DIR"]) / "standalone", "serve"], env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            get(f"http://127.0.0.1:{env['KEEPER_HTTP__PORT']}/api/movies", patience=20)
            text = get(f"http://127.0.0.1:{port}/metrics")
        finally:
            process.terminate()
            process.wait(30)
    return set(re.findall(r"^# TYPE (\S+)", text, re.M))

