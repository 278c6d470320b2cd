"""compose.yaml brought up as a whole, with stand-ins for the images of servers where they cannot be pulled."""

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import bases
import debian13
import prometheus
import servers
import stand_ins
import yaml
from images import TARGETS, tag
from loopback import free_port

ROOT = Path(os.environ["KEEPER_ROOT"])


def compose_command(engine):
    """`docker compose`, and the environment it needs: Debian 13's plugin where the engine's command has none."""
    env = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain", "COMPOSE_PROJECT_NAME": "keeper-test"}
    if engine.docker("compose", "version", check=False).returncode:
        # A folder of its own, so that nobody's own settings of docker are lost to others.
        settings = bases.CACHE / "docker-settings"
        plugin = settings / "cli-plugins/docker-compose"
        plugin.parent.mkdir(parents=True, exist_ok=True)
        plugin.unlink(missing_ok=True)
        plugin.symlink_to(debian13.programs("docker-compose") / "usr/libexec/docker/cli-plugins/docker-compose")
        env["DOCKER_CONFIG"] = str(settings)
    return [*engine.client, "compose"], env


def override(engine, stack, arguments, untried):
    """What stands beside compose.yaml: the bases that the images are built on, and stand-ins for what cannot be pulled."""
    args = dict(a.split("=", 1) for a in arguments if "=" in a)
    services = {u: {"image": tag(u), "build": {"args": args}} for u in TARGETS if u in stack["services"]}
    makers = {"postgres": stand_ins.servers, "rabbitmq": stand_ins.servers, "prom/prometheus": stand_ins.prometheus}
    for name, service in stack["services"].items():
        if name in services or bases.pull(engine, service["image"]):
            continue
        maker = makers.get(service["image"].partition(":")[0])
        untried.append(f"{service['image']} itself" if maker else f"compose.yaml's {name}: there is nothing in place of {service['image']}")
        if maker:
            services[name] = {"image": maker(engine)}
    return services


def up(engine, arguments, untried):
    """Built and up from nothing, an order through the published port, up again on the same data, and all of it removed."""
    command, env = compose_command(engine)
    stack = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services = override(engine, stack, arguments, untried)
    # The load is run apart.
    started = [s for s in stack["services"] if s != "load" and (s in services or bases.present(engine, stack["services"][s]["image"]))]
    port = free_port()
    env["KEEPER_PUBLISH"] = f"127.0.0.1:{port}"
    # Its plugin for builds is Go, Debian's older one was Python: neither is to find our modules.
    env.pop("PYTHONPATH", None)
    with tempfile.TemporaryDirectory(dir=bases.CACHE) as folder:
        beside = Path(folder) / "override.yaml"
        beside.write_text(yaml.safe_dump({"services": services}))

        def compose(*words):
            files = ["--file", ROOT / "compose.yaml", "--file", beside]
            done = subprocess.run([*command, "--project-directory", ROOT, *files, *words], env=env, capture_output=True, text=True, timeout=900)
            return done.returncode, (done.stdout + done.stderr)[-3000:]

        try:
            for start in (1, 2):
                code, said = compose("up", "--detach", "--build", *started)
                if code:
                    yield f"start {start}: {said}\n{compose('logs', '--tail=15')[1]}"
                    return
                api = f"http://127.0.0.1:{port}"
                yield from tour(api) if start == 1 else ()
                yield from works(api, start)
                yield from exposed(compose, started, port)
                if start == 1:
                    yield from observed(compose)
                    yield from visited(compose)
                    compose("--profile", "observability", "down")
        finally:
            code, said = compose("--profile", "observability", "down", "--volumes", "--remove-orphans")
            if code:
                yield f"down: {said}"


def exposed(compose, started, port):
    """Nothing is published but what is meant to be, and that on this machine only."""
    published = set(re.findall(r"(\S+):(\d+)->", compose("ps")[1]))
    meant = {("127.0.0.1", str(port))} | ({("127.0.0.1", "3030")} if "grafana" in started else set())
    if published != meant:
        yield f"published: {published}"


def observed(compose):
    """Prometheus scrapes the three units, and answers every query of the dashboard."""

    def ask(expression):
        return compose("exec", "-T", "prometheus", "promtool", "query", "instant", "http://localhost:9090", expression)

    end = time.monotonic() + 90
    while True:
        said = ask("sum by (job) (up)")[1]
        seen = dict(re.findall(r'\{job="(\w+)"\} => (\d+)', said))
        if seen == {"gateway": "1", "inventory": "1", "billing": "1"}:
            break
        if time.monotonic() > end:
            yield f"Prometheus sees {seen or said}"
            return
        time.sleep(1)
    for where, expression in prometheus.queries(ROOT / "kustomize"):
        code, said = ask(expression.replace("$__rate_interval", "1m"))
        if code:
            yield f"{where}: {said}"


def visited(compose):
    """Customers come, and all their orders are found."""
    code, said = compose("run", "--rm", "--no-deps", "load", "--url", "http://gateway:3000", "--seconds", "5")
    if code or "accepted = " not in said:
        yield f"the load ends with {code}: {said}"


def tour(api):
    """The README's tour, word for word but for the port."""
    text = re.search(r"^## A tour\n.*?^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)[1]
    servers.patiently(lambda: servers.get(f"{api}/api/movies"))
    done = subprocess.run(["bash", "-euc", text.replace("localhost:3000", api.partition("//")[2])], capture_output=True, text=True, timeout=120)
    for expected in ('"title":"Solaris (1972)"', "Movie was deleted successfully.", '"total_amount":"250.00","status":"recorded"'):
        if expected not in done.stdout:
            yield f"the tour does not answer {expected}, but {done.stdout[-1500:]}{done.stderr[-300:]}"


def works(api, start):
    """A movie and an order; the second time also what the first left, and the tour's movie both times."""
    servers.patiently(lambda: servers.post(f"{api}/api/movies", b'{"title": "Tin", "description": "Soldier"}'))
    movies = json.loads(servers.get(f"{api}/api/movies"))
    if len(movies) != start + 1:
        yield f"start {start}: {len(movies)} movies"
    body = b'{"user_id":"3","number_of_items":"5","total_amount":"180"}'
    order = json.loads(servers.patiently(lambda: servers.post(f"{api}/api/billing", body)))
    servers.patiently(lambda: servers.get(f"{api}/api/billing/orders/{order['order_id']}"))
    with urllib.request.urlopen(f"{api}/api/billing/orders?user_id=3") as answer:
        if len(json.load(answer)) != start:
            yield f"start {start}: not {start} orders"
