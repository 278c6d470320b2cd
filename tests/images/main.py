"""Lints the Dockerfile, builds every image, and starts every image; says what could not be tried, and why."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("PROMTOOL", "promtool")

import bases
import composed
import images
import pods
import servers
from engine import NoEngine, engine

ROOT = Path(os.environ["KEEPER_ROOT"])


class Report:
    passed = failed = 0

    def test(self, name, problems):
        """`problems` is called: an iterable of what is wrong."""
        started = time.monotonic()
        try:
            found = list(problems())
        except Exception as error:  # noqa: BLE001 - whatever it is, the test failed and the others go on
            found = [f"{type(error).__name__}: {error}"]
        self.failed += bool(found)
        self.passed += not found
        print(f"{'FAILED' if found else 'ok    '} {name} ({time.monotonic() - started:.1f} s)", flush=True)
        for problem in found:
            print(f"    {problem}")
        return not found


def hadolint():
    tool = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([tool, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True)
    yield from (done.stdout + done.stderr).splitlines() if done.returncode else ()


def with_engine(report, docker):
    untried = []
    arguments = []

    def choose():
        chosen, missing = bases.choose(docker)
        arguments.extend(chosen)
        untried.extend(missing)
        return []

    if not report.test("base images", choose):
        return untried
    # One after the other: the first builds all binaries, the others find them in the cache.
    built = [t for t in images.TARGETS if report.test(f"{t}: builds", lambda t=t: images.build(docker, t, arguments))]
    if bases.COMPILE == "no" and arguments:
        # Where compiling is real it would take minutes more, and show the same.
        report.test("dependencies: a layer of their own", lambda: images.layers(docker, arguments, bases.CACHE))
    for target in built:
        for check in (images.configuration, images.no_shell, images.commands):
            report.test(f"{target}: {check.__name__}", lambda check=check, target=target: check(docker, target))
    if len(built) == len(images.TARGETS):
        report.test("standalone: healthy, twice on one volume", lambda: images.standalone(docker))
        report.test("billing: starts without its dependencies", lambda: images.unready(docker))
        report.test("gateway, inventory, billing: healthy together", lambda: distributed(docker))
        report.test("pods of the servers: ready, stopped, ready again", lambda: pods.servers(docker, untried))
        report.test("compose.yaml: built, up, an order, watched, up again on the same data", lambda: composed.up(docker, arguments, untried))
        kind = "stand-in bases" if arguments else "real bases"
        print(f"       sizes on {kind}: " + ", ".join(f"{t} {s / 1e6:.1f} MB" for t, s in images.sizes(docker).items()))
    untried.append("linux/arm64: this machine runs one platform only")
    return untried


def distributed(docker):
    problems = list(servers.missing())
    if problems:
        return problems
    with servers.Stack(ROOT / "kustomize").running() as stack:
        return list(images.distributed(docker, stack))


def main():
    # Ended from outside, the servers that this started still have to be stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report()
    report.test("hadolint", hadolint)
    try:
        with engine() as docker:
            untried = with_engine(report, docker)
    except NoEngine as error:
        report.test("a Docker Engine", lambda error=error: [str(error)])
        untried = ["building and starting the images"]
    for what in dict.fromkeys(untried):
        print(f"NOT TRIED {what}")
    print(f"images: {report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
