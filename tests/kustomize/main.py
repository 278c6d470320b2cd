"""Runs every test of kustomize/, compose.yaml and the monitoring, and says how many passed."""

import os
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import apply
import burns
import cluster
import compose
import mutations
import network
import objectives
import policies
import prometheus
import promote
import publish
import readme
import references
import render
import runbooks
import runbooks_cluster
import schemas
import servers
import settings
import workloads

ROOT = Path(os.environ["KEEPER_ROOT"])


class Report:
    """Counts, and prints what failed."""

    passed = failed = 0

    def test(self, name, problems, limit=20):
        started = time.monotonic()
        try:
            found = list(problems)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test failed and the others go on
            found = [f"{type(error).__name__}: {error}"]
        took = time.monotonic() - started
        if found:
            self.failed += 1
            print(f"FAILED {name} ({took:.1f} s)")
            for problem in found[:limit]:
                print(f"    {problem}")
            if len(found) > limit:
                print(f"    … and {len(found) - limit} more")
        else:
            self.passed += 1
            print(f"ok     {name} ({took:.1f} s)", flush=True)


def over_all(check, renderings):
    """A check over every rendering; the same problem in many of them is told once."""
    told = {}
    for rendered in renderings:
        for problem in check(rendered):
            told.setdefault(problem, []).append(rendered.name)
    for problem, where in told.items():
        yield f"{problem} [{where[0]}{f' and {len(where) - 1} more' if len(where) > 1 else ''}]"


def with_servers(report, tree):
    try:
        with servers.Stack(tree).running() as stack:
            for check in servers.CHECKS:
                report.test(f"servers: {check.__name__}", check(stack))
    except Exception as error:  # noqa: BLE001 - whatever it is, the test failed and the others go on
        report.test("servers: PostgreSQL and RabbitMQ start", [f"{type(error).__name__}: {error} {getattr(error, 'stderr', '') or ''}"])


def outcome(future):
    """The problems that it found; its error, if it has one, belongs to the test that asks."""
    yield from future.result()


def main():
    # Ended from outside, the servers that this started still have to be stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report()
    with tempfile.TemporaryDirectory(dir=os.environ["KEEPER_TEST_CACHE"]) as scratch, ThreadPoolExecutor(1) as background:
        scratch = Path(scratch)
        tree = render.copy_tree(ROOT / "kustomize", scratch / "kustomize")
        started = time.monotonic()
        try:
            renderings = render.all_rendered(tree)
        except RuntimeError as error:
            print(f"FAILED builds\n    {error}\nkustomize: 0 passed, 1 failed")
            return 1
        overlays = renderings[: len(render.OVERLAYS)]
        # A process of its own that takes its time; the checks below go on beside it.
        scanned = background.submit(lambda: list(policies.scan(scratch / "rendered", overlays)))
        report.passed += 1
        print(f"ok     {len(overlays)} overlays and {len(renderings) - len(overlays)} combinations build ({time.monotonic() - started:.1f} s)")

        every = [o for r in renderings for o in r.objects]
        report.test(f"schemas of Kubernetes {schemas.OLDEST} and {schemas.newest()}, strictly", schemas.validate(every))
        for module in (workloads, references, network, settings):
            for check in module.CHECKS:
                report.test(f"{module.__name__}: {check.__name__}", over_all(check, renderings))
        report.test(f"{mutations.count()} mutations are noticed", mutations.problems(renderings))
        report.test("cluster: what an administrator gives it once", cluster.cluster(tree, ROOT, overlays))

        report.test("apply: a second one changes nothing", apply.unchanged(overlays))

        report.test("README: what its commands name is there", readme.readme(tree, overlays))

        report.test("publish: once, scanned and signed", publish.publish(tree, scratch))
        report.test("promote: by digest, and signed", promote.promote(tree, scratch))

        local = overlays[0]
        report.test("compose: versions", compose.versions(ROOT, local))
        for check in (compose.safety, compose.wiring, compose.parse):
            report.test(f"compose: {check.__name__}", check(ROOT))
        for check in (prometheus.rules, prometheus.compose_configuration):
            report.test(f"prometheus: {check.__name__}", check(tree, scratch))
        report.test("prometheus: each alert links to its runbook and its panel", prometheus.links(tree))
        report.test("objectives: what is generated is up to date", objectives.stale(ROOT))
        report.test("objectives: thresholds and windows are the documented ones", burns.windows(ROOT))
        report.test("objectives: a bucket lies on each threshold", burns.buckets(ROOT))
        report.test("objectives: budgets that burn call whom they should", burns.burns(ROOT, scratch))
        report.test("runbooks: one for each alert, and an alert for each", runbooks.one_for_each(tree, ROOT))
        report.test("runbooks: their commands are commands", runbooks.real_commands(tree))
        report.test("runbooks: what their commands name is there", runbooks.objects(tree, overlays))
        report.test("runbooks: a cluster takes what they ask and change", runbooks_cluster.accepted(tree, overlays))
        report.test("prometheus: dashboard and alerts name metrics that are exported", prometheus.dashboard_and_alerts(tree, ROOT))
        report.test("servers: there are PostgreSQL and RabbitMQ to try with", servers.missing())
        with_servers(report, tree)
        report.test("checkov", outcome(scanned))

    print(f"kustomize: {report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
