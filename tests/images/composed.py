"""compose.yaml brought up as a whole, with a stand-in for the images of PostgreSQL and RabbitMQ where they cannot be pulled.

The stand-in is Debian with both servers and an entry point that does what those of the official images do here: it makes the
database at the first start, runs the scripts that are mounted for that, and becomes the server.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

import bases
import servers
import yaml
from images import TARGETS, tag
from loopback import free_port

ROOT = Path(os.environ["KEEPER_ROOT"])
ENTRY_POINT = r"""#!/bin/bash
set -euo pipefail
[[ ${1:-} == postgres ]] || exec "$@"
if [[ ! -s $PGDATA/PG_VERSION ]]; then
  initdb --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl --wait --options="-c listen_addresses=''" start
  for script in /docker-entrypoint-initdb.d/*.sh; do "$script"; done
  pg_ctl --wait --mode=fast stop
fi
exec "$@"
"""


def compose_command():
    """The compose that belongs to the engine, or the separate one of Debian."""
    if shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    if not shutil.which("docker-compose") and os.geteuid() == 0 and shutil.which("apt-get"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "docker-compose"], env=env, stdout=subprocess.DEVNULL)
    return [shutil.which("docker-compose")] if shutil.which("docker-compose") else None


def servers_image(engine):
    tag_ = f"keeper-test/servers:{bases.digest(bases.SUITE, ENTRY_POINT)}"
    if bases.present(engine, tag_):
        return tag_
    with tempfile.TemporaryDirectory(dir=bases.CACHE) as folder:
        rootfs = Path(folder) / "rootfs"
        bases.debootstrap(rootfs, "ca-certificates")
        (rootfs / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (rootfs / "usr/sbin/policy-rc.d").chmod(0o755)

        def inside(*command):
            env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(["chroot", rootfs, *command], check=True, env=env, capture_output=True)

        # The users of the official images; the packages take them as they are.
        for user in ("postgres", "rabbitmq"):
            inside("useradd", "--system", "--non-unique", "--uid", "999", "--home-dir", f"/var/lib/{user}", user)
        inside("apt-get", "install", "--yes", "--no-install-recommends", "postgresql-15", "rabbitmq-server")
        for data in ("var/lib/postgresql/data", "var/lib/rabbitmq"):
            shutil.rmtree(rootfs / data, ignore_errors=True)
            (rootfs / data).mkdir(parents=True)
            os.chown(rootfs / data, 999, 999)
        (rootfs / "usr/local/bin/docker-entrypoint.sh").write_text(ENTRY_POINT)
        (rootfs / "usr/local/bin/docker-entrypoint.sh").chmod(0o755)
        env = {
            "PATH": "/usr/local/bin:/usr/lib/rabbitmq/bin:/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/var/lib/rabbitmq",
            "LANG": "C.UTF-8",
            "RABBITMQ_MNESIA_BASE": "/var/lib/rabbitmq/mnesia",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        }
        changes = [f"ENV {k}={v}" for k, v in env.items()] + ['ENTRYPOINT ["docker-entrypoint.sh"]']
        bases.make(engine, rootfs, tag_, changes)
    return tag_


def override(engine):
    """Names the images that were built here, and the stand-in where the real servers cannot be pulled."""
    stack = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services = {unit: {"image": tag(unit)} for unit in TARGETS if unit in stack["services"]}
    stand_in = None
    for name, service in stack["services"].items():
        if name not in services and "profiles" not in service and not bases.pull(engine, service["image"]):
            stand_in = stand_in or servers_image(engine)
            services[name] = {"image": stand_in}
    return services, stand_in is not None


def up(engine, untried):
    """Up from nothing, an order through the published port, up again on the same data, and all of it removed."""
    command = compose_command()
    if command is None:
        untried.append("compose.yaml as a whole: there is no docker compose")
        return
    services, stand_in = override(engine)
    if stand_in:
        untried.append("compose.yaml with the real images of PostgreSQL 17 and RabbitMQ 4, and its profile observability")
    with tempfile.TemporaryDirectory(dir=bases.CACHE) as folder:
        text = yaml.safe_load((ROOT / "compose.yaml").read_text())
        if "docker-compose" in command[0]:
            # Version 1 knows neither the name of the project in the file nor short build contexts elsewhere.
            text.pop("name")
        for name, change in services.items():
            text["services"][name].pop("build", None)
            text["services"][name].update(change)
        text["services"] = {n: s for n, s in text["services"].items() if "profiles" not in s}
        file = Path(folder) / "compose.yaml"
        file.write_text(yaml.safe_dump(text))
        port = free_port()
        env = {**os.environ, "KEEPER_PUBLISH": f"127.0.0.1:{port}", "COMPOSE_PROJECT_NAME": "keeper-test"}
        # Debian's compose is Python too, and must not find our modules.
        env.pop("PYTHONPATH", None)
        if len(engine.client) > 1:
            env["DOCKER_HOST"] = engine.client[2]

        def compose(*arguments):
            done = subprocess.run([*command, "--project-directory", ROOT, "--file", file, *arguments], env=env, capture_output=True, text=True, timeout=600)
            return done.returncode, (done.stdout + done.stderr)[-3000:]

        try:
            for start in (1, 2):
                code, said = compose("up", "--detach", "--no-build")
                if code:
                    yield f"start {start}: {said}\n{compose('logs', '--tail=15')[1]}"
                    return
                yield from works(f"http://127.0.0.1:{port}", start)
                published = [p for p in re.findall(r"(\d+\.\d+\.\d+\.\d+):(\d+)->", compose("ps")[1])]
                if published != [("127.0.0.1", str(port))]:
                    yield f"published: {published}"
                if start == 1:
                    compose("down")
        finally:
            compose("down", "--volumes", "--remove-orphans")


def works(api, start):
    """A movie and an order; the second time also what the first left."""
    servers.patiently(lambda: servers.post(f"{api}/api/movies", b'{"title": "Tin", "description": "Soldier"}'))
    movies = json.loads(servers.get(f"{api}/api/movies"))
    if len(movies) != start:
        yield f"start {start}: {len(movies)} movies"
    body = b'{"user_id":"3","number_of_items":"5","total_amount":"180"}'
    order = json.loads(servers.patiently(lambda: servers.post(f"{api}/api/billing", body)))
    servers.patiently(lambda: servers.get(f"{api}/api/billing/orders/{order['order_id']}"))
    with urllib.request.urlopen(f"{api}/api/billing/orders?user_id=3") as answer:
        if len(json.load(answer)) != start:
            yield f"start {start}: not {start} orders"
