"""How fast the budgets of the objectives burn, and who is called: the generated rules under `promtool test rules`."""

import re

import objectives
import yaml
from prometheus import promtool

HOURS = 60
DAYS = 24 * HOURS

# The windows as sloth's documentation lists them (default SLO period of 30 days): severity, factor, long, short. Written down
# once more, so that the generator's own table cannot be wrong on both sides.
DOCUMENTED = {("page", 14.4, "1h", "5m"), ("page", 6, "6h", "30m"), ("ticket", 3, "1d", "2h"), ("ticket", 1, "3d", "6h")}

# name: the rules are evaluated every so many minutes, phases of (minutes, how many times too fast), then (minutes after the last
# phase began, who is called by then). None for a factor: there is no traffic.
BURNS = {
    "within the objective": (30, [(3 * DAYS, 0), (3 * DAYS, 0.9)], [(70 * HOURS, ())]),
    "1 time": (30, [(3 * DAYS, 0), (3 * DAYS, 1.1)], [(60 * HOURS, ()), (67 * HOURS, ("ticket",))]),
    "3 times": (30, [(3 * DAYS, 0), (1 * DAYS, 3.2)], [(20 * HOURS, ()), (23 * HOURS, ("ticket",))]),
    "6 times": (30, [(3 * DAYS, 0), (7 * HOURS, 6.5)], [(5 * HOURS, ()), (6 * HOURS, ("page",))]),
    "14.4 times": (5, [(1 * DAYS, 0), (2 * HOURS, 15)], [(50, ()), (65, ("page",))]),
    "100 times": (5, [(1 * DAYS, 0), (1 * HOURS, 100)], [(5, ()), (10, ("page",))]),
    "60 times, and over": (5, [(1 * DAYS, 0), (15, 60), (1 * HOURS, 0)], [(0, ("page",)), (10, ())]),
    "traffic ends": (30, [(1 * HOURS, 0), (1 * DAYS, None)], [(0, ()), (30, ()), (23 * HOURS, ())]),
}
PER_MINUTE = 1000

# What counts as good, and what as bad, of each objective: the series, and whether it grows with good, bad or all events.
SERIES = {
    "gateway-availability": (('http_requests_total{job="gateway",status="200"}', "good"), ('http_requests_total{job="gateway",status="503"}', "bad")),
    "read-latency": (
        ('http_request_duration_seconds_count{job="gateway",method="GET",route="/api/movies"}', "all"),
        ('http_request_duration_seconds_bucket{job="gateway",method="GET",route="/api/movies",le="0.1"}', "good"),
        ('http_request_duration_seconds_count{job="gateway",method="GET",route="/api/billing/orders/<order_id>"}', "all"),
        ('http_request_duration_seconds_bucket{job="gateway",method="GET",route="/api/billing/orders/<order_id>",le="0.1"}', "none"),
    ),
    "order-acceptance": (
        ('orders_accepted_total{job="gateway"}', "good"),
        ('orders_refused_total{job="gateway",reason="unavailable"}', "bad"),
        ('orders_refused_total{job="gateway",reason="invalid"}', "all"),
    ),
    # As Prometheus 2 and 3 write whole numbers.
    "order-freshness": tuple(
        (series, what)
        for pod, limit in (("a", "5"), ("b", "5.0"))
        for series, what in (
            (f'order_queue_to_ledger_seconds_count{{job="billing",pod="{pod}"}}', "all"),
            (f'order_queue_to_ledger_seconds_bucket{{job="billing",pod="{pod}",le="{limit}"}}', "good"),
        )
    ),
}


def growth(slo, factor, what):
    """Events per minute of one kind."""
    if factor is None:
        return 0
    bad = PER_MINUTE * objectives.budget(slo) * factor
    return {"all": PER_MINUTE, "good": PER_MINUTE - bad, "bad": bad, "none": 0}[what]


def series(slo, phases, step):
    for name, what in SERIES[slo["name"]]:
        value, parts = 0.0, []
        for minutes, factor in phases:
            by = growth(slo, factor, what)
            parts.append(f"{value:.4f}+{by * step:.4f}x{minutes // step - 1}")
            value += by * minutes
        yield {"series": name, "values": " ".join(parts)}


def expected(slo, alerts, at, severities):
    """Who is called by an objective at a minute; the description says by how much, which is not for a test to repeat."""
    alert = slo["alerting"]["name"]
    labels = [a["labels"] for a in alerts if a["alert"] == alert and a["labels"]["sloth_severity"] in severities]
    return {
        "expr": f'count by (alertname, severity, sloth_severity) (ALERTS{{alertname="{alert}",alertstate="firing"}})',
        "eval_time": f"{at}m",
        "exp_samples": [
            {"labels": f'{{alertname="{alert}",severity="{found["severity"]}",sloth_severity="{found["sloth_severity"]}"}}', "value": 1} for found in labels
        ],
    }


def cases(source, alerts):
    for name, (every, phases, moments) in BURNS.items():
        begin = sum(minutes for minutes, _ in phases[:-1])
        step = 2 if every == 30 else 1
        yield every, {
            "name": name,
            "interval": f"{step}m",
            "input_series": [one for slo in source["slos"] for one in series(slo, phases, step)],
            "promql_expr_test": [expected(slo, alerts, begin + at, who) for slo in source["slos"] for at, who in moments],
        }
    yield 5, night(source, alerts)
    yield 5, {"name": "nothing is measured", "interval": "1m", "promql_expr_test": [expected(slo, alerts, 60, ()) for slo in source["slos"]]}


def night(source, alerts):
    """A request each ten minutes, of which one fails: for an hour and for five minutes this is 16 times too fast, and more."""
    requests = [minute // 10 for minute in range(201)]
    failed = [int(minute >= 60) for minute in range(201)]
    good = [all_ - bad for all_, bad in zip(requests, failed, strict=True)]
    values = {"all": requests, "good": good, "bad": failed, "none": [0] * 201}
    return {
        "name": "one failure at night",
        "interval": "1m",
        "input_series": [
            {"series": name, "values": " ".join(map(str, values[what]))} for slo in source["slos"] for name, what in SERIES[slo["name"]]
        ],
        "promql_expr_test": [expected(slo, alerts, at, ()) for slo in source["slos"] for at in (60, 61, 65, 70, 120)],
    }


def burns(root, scratch):
    """Each factor calls whom it should and when, recovery ends it, and nobody is called for one failure, no traffic or no data."""
    source = objectives.load(root)
    recorded, alerting = objectives.groups(source)
    # One group: promtool evaluates groups in no order, and Prometheus more often than is evaluated here.
    rules = [rule for group in recorded + alerting for rule in group["rules"]]
    (scratch / "objectives.yaml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    for every, case in cases(source, alerting[0]["rules"]):
        test = {"rule_files": [str(scratch / "objectives.yaml")], "evaluation_interval": f"{every}m", "tests": [case]}
        (scratch / "burns.yaml").write_text(yaml.safe_dump(test, width=10**9))
        yield from promtool("test", "rules", scratch / "burns.yaml")


def windows(root):
    """Thresholds and windows are the documented ones, in both worlds."""
    source = objectives.load(root)
    found = {(w["severity"], w["factor"], w["long"], w["short"]) for w in objectives.cloudwatch(source)["windows"]}
    if found != DOCUMENTED:
        yield f"CloudWatch's windows are {sorted(found)}"
    for slo in source["slos"]:
        of_prometheus = set()
        for alert in objectives.alerts(source["service"], slo):
            pattern = r"ratio_rate(\w+)\{[^}]*\} > \(([\d.]+) \* ([\d.]+)\)"
            pairs = re.findall(pattern, alert["expr"])
            for (long, factor, limit), (short, same, _) in zip(pairs[::2], pairs[1::2], strict=True):
                if factor != same or float(limit) != objectives.budget(slo):
                    yield f"{slo['name']}: {factor} and {same} times {limit}"
                of_prometheus.add((alert["labels"]["sloth_severity"], float(factor), long, short))
        if of_prometheus != DOCUMENTED:
            yield f"{slo['name']}: the windows are {sorted(of_prometheus)}"


def buckets(root):
    """A histogram that an objective reads has a bucket on its threshold."""
    known = {
        "http_request_duration_seconds": "adapters/http-server/src/http_metrics.rs",
        "order_queue_to_ledger_seconds": "adapters/telemetry/src/metrics.rs",
    }
    for metric, limit in re.findall(r'(\w+)_bucket\{[^}]*le=~?"([\d.]+)[|"]', (root / objectives.SOURCE).read_text()):
        source = (root / known[metric]).read_text()
        found = re.search(rf'"{metric}".*?buckets\(vec!\[(.*?)\]', source, re.S)
        if float(limit) not in {float(one) for one in re.findall(r"[\d.]+", found[1])}:
            yield f"{metric} has no bucket at {limit}"
