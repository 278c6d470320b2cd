"""Writes what watches the objectives of slo.yaml: rules for Prometheus, windows for CloudWatch. Without --write: what is stale."""

import json
import sys
from pathlib import Path

import yaml

SOURCE = "kustomize/components/monitoring/slo.yaml"
NOTE = f"# Generated from {SOURCE} by `./tests/run kustomize -- --write`. Do not edit.\n"
PERIOD_DAYS = 30

# The budget of 30 days burns this many times too fast, in a long window and, so that the alert ends soon after its cause, in a
# short one: the table of Google's SRE workbook, with sloth's fourth row.
WINDOWS = (
    {"severity": "page", "factor": 14.4, "long": "1h", "short": "5m"},
    {"severity": "page", "factor": 6, "long": "6h", "short": "30m"},
    {"severity": "ticket", "factor": 3, "long": "1d", "short": "2h"},
    {"severity": "ticket", "factor": 1, "long": "3d", "short": "6h"},
)
SECONDS = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21600, "1d": 86400, "3d": 259200}


class Blocks(yaml.SafeDumper):
    """Long texts as blocks, as people write them."""


Blocks.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None))


def load(root):
    return yaml.safe_load((root / SOURCE).read_text())


def budget(slo):
    """The share of events that may be bad."""
    return round((100 - slo["objective"]) / 100, 6)


def number(value):
    return f"{value:.6f}".rstrip("0").rstrip(".")


def labels(service, slo, **more):
    return {"sloth_id": f"{service}-{slo['name']}", "sloth_service": service, "sloth_slo": slo["name"], **more}


def at(query, window):
    return query.replace("{{.window}}", window)


def recordings(service, slo):
    """Sloth's series by sloth's names, so that dashboards made for it show them. A time without events has no ratio."""
    events = slo["sli"]["events"]
    for window in SECONDS:
        yield {
            "record": f"slo:sli_error:ratio_rate{window}",
            "expr": f"({at(events['error_query'], window)})\n/\n(({at(events['total_query'], window)}) > 0)",
            "labels": labels(service, slo, sloth_window=window),
        }
    selector = f'{{sloth_id="{service}-{slo["name"]}"}}'
    # Bad and total apart: a month is worked out of them, in which each event counts the same.
    for kind in ("error", "total"):
        yield {"record": f"slo:sli_{kind}:rate5m", "expr": at(events[f"{kind}_query"], "5m"), "labels": labels(service, slo)}
    yield {
        "record": f"slo:sli_error:ratio_rate{PERIOD_DAYS}d",
        "expr": f"sum_over_time(slo:sli_error:rate5m{selector}[{PERIOD_DAYS}d])\n/\n(sum_over_time(slo:sli_total:rate5m{selector}[{PERIOD_DAYS}d]) > 0)",
        "labels": labels(service, slo, sloth_window=f"{PERIOD_DAYS}d"),
    }
    yield {"record": "slo:objective:ratio", "expr": f"vector({number(1 - budget(slo))})", "labels": labels(service, slo)}
    yield {"record": "slo:error_budget:ratio", "expr": f"vector({number(budget(slo))})", "labels": labels(service, slo)}
    yield {
        "record": "slo:period_error_budget_remaining:ratio",
        "expr": f"1 - sum without (sloth_window) (slo:sli_error:ratio_rate{PERIOD_DAYS}d{selector}) / {number(budget(slo))}",
        "labels": labels(service, slo),
    }


def condition(service, slo, window):
    """Both windows burn, and the long one has bad events enough to mean something."""
    selector = f'{{sloth_id="{service}-{slo["name"]}"}}'
    limit = f"({number(window['factor'])} * {number(budget(slo))})"
    long, short = window["long"], window["short"]
    bad = at(slo["sli"]["events"]["error_query"], long)
    return (
        f"(\n  max without (sloth_window) (slo:sli_error:ratio_rate{long}{selector} > {limit})\n"
        f"  and\n  max without (sloth_window) (slo:sli_error:ratio_rate{short}{selector} > {limit})\n"
        f"  and on ()\n  ({bad}) * {SECONDS[long]} >= {slo['least_bad_events']}\n)"
    )


def alerts(service, slo):
    alerting = slo["alerting"]
    for severity, says in (("page", "within days"), ("ticket", "before the 30 days are over")):
        expression = "\nor\n".join(condition(service, slo, w) for w in WINDOWS if w["severity"] == severity)
        yield {
            "alert": alerting["name"],
            "expr": expression,
            "labels": {"sloth_severity": severity, **alerting[f"{severity}_alert"]["labels"]},
            "annotations": {
                "summary": alerting["annotations"]["summary"],
                "description": f"{{{{ $value | humanizePercentage }}}} are bad. {slo['description'].rstrip('.')}: {slo['objective']} % is the objective, "
                f"and its budget will be spent {says}.",
                "runbook_url": f"https://example.com/code-keeper/kustomize/runbooks/{slo['name']}.md",
                "dashboard_url": f"/d/code-keeper?viewPanel={slo['panel']}",
            },
        }


def groups(source):
    """Recording rules and alerts, a group for each objective: within a group a rule sees what the ones before it recorded."""
    recorded = [
        {"name": f"code-keeper-slo-{slo['name']}", "interval": "30s", "rules": list(recordings(source["service"], slo))} for slo in source["slos"]
    ]
    return recorded, [{"name": "code-keeper-objectives", "rules": [a for slo in source["slos"] for a in alerts(source["service"], slo)]}]


def rule_object(name, rule_groups):
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "code-keeper"}},
        "spec": {"groups": rule_groups},
    }


def cloudwatch(source):
    """What terraform/modules/observability/objectives.tf makes alarms of."""
    windows = [{**w, "long_seconds": SECONDS[w["long"]], "short_seconds": SECONDS[w["short"]]} for w in WINDOWS]
    slos = {
        slo["name"]: {
            "text": slo["alerting"]["annotations"]["summary"],
            "description": slo["description"],
            "objective": slo["objective"],
            "budget": budget(slo),
            "least_bad_events": slo["least_bad_events"],
            **slo["cloudwatch"],
        }
        for slo in source["slos"]
    }
    return {"generated_from": SOURCE, "windows": windows, "slos": slos}


def dump(*documents):
    return NOTE + "---\n".join(yaml.dump(d, Dumper=Blocks, sort_keys=False, width=10_000, allow_unicode=True) for d in documents)


def outputs(root):
    """(path, text) of every file that is generated."""
    source = load(root)
    recorded, alerting = groups(source)
    monitoring = "kustomize/components/monitoring"
    yield f"{monitoring}/objectives.yaml", dump(rule_object("code-keeper-slo", recorded), rule_object("code-keeper-objectives", alerting))
    causes = yaml.safe_load((root / monitoring / "alerts.yaml").read_text())["spec"]["groups"]
    yield "kustomize/compose/rules.yaml", dump({"groups": recorded + alerting + causes})
    yield "terraform/modules/observability/objectives.json", json.dumps(cloudwatch(source), indent=2) + "\n"


def stale(root):
    """The committed files are what the generator writes."""
    for path, text in outputs(root):
        if not (root / path).exists() or (root / path).read_text() != text:
            yield f"{path} is not what {SOURCE} gives: ./tests/run kustomize -- --write"


def main():
    root = Path(__file__).resolve().parents[2]
    if "--write" in sys.argv[1:]:
        for path, text in outputs(root):
            (root / path).write_text(text)
    problems = list(stale(root))
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
