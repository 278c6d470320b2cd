"""What every image must be, and that its container starts, is healthy, and stops."""

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from loopback import free_port

ROOT = Path(os.environ["KEEPER_ROOT"])
TARGETS = ("gateway", "inventory", "billing", "standalone", "load")
# A client, which serves nothing.
CLIENTS = ("load",)
# As in Kubernetes: nothing writable, no capability, no privilege to gain.
CONFINED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true")


def tag(target):
    return f"keeper-test/{target}:images"


def build(engine, target, arguments):
    engine.docker(
        "build", "--target", target, "--tag", tag(target), "--build-arg", "VERSION=9.8.7", "--build-arg", "REVISION=test", *arguments, ROOT,
        timeout=1800,
    )
    return []


def layers(engine, arguments, cache):
    """The dependencies are a layer of their own: a changed source file leaves it as it is, a changed manifest does not."""
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        context = Path(folder)
        for name in ("Cargo.toml", "Cargo.lock", "Dockerfile", ".dockerignore", "tests/Cargo.toml"):
            (context / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, context / name)
        for name in ("core", "ports", "adapters", "bins", "tests/load"):
            shutil.copytree(ROOT / name, context / name)

        def built():
            return engine.docker("build", "--quiet", "--target", "dependencies", *arguments, context, timeout=1800).stdout.strip()

        def change(path, text):
            (context / path).write_text((context / path).read_text() + text)
            return built()

        before = built()
        if change("core/domain/src/lib.rs", "// changed\n") != before:
            yield "a changed source file builds the dependencies again"
        if change("Cargo.toml", "# changed\n") == before:
            yield "a changed manifest does not build the dependencies again"


def configuration(engine, target):
    """What the image says of itself."""
    image = json.loads(engine.docker("image", "inspect", tag(target)).stdout)[0]
    config = image["Config"]
    if not config["User"].split(":")[0].isdigit() or config["User"].split(":")[0] == "0":
        yield f"its user is {config['User']!r}"
    serves = target not in CLIENTS
    if config["Entrypoint"] != [f"/usr/local/bin/{target}"] or config.get("Cmd") != (["serve"] if serves else None):
        yield f"it runs {config['Entrypoint']} {config.get('Cmd')}"
    if serves and config["Healthcheck"]["Test"] != ["CMD", f"/usr/local/bin/{target}", "healthcheck"]:
        yield f"its health is {config['Healthcheck']}"
    if len(config.get("ExposedPorts") or []) != (2 if serves else 0):
        yield f"it exposes {list(config.get('ExposedPorts') or [])}"
    for name in ("title", "description", "version", "revision", "licenses", "vendor"):
        if not config["Labels"].get(f"org.opencontainers.image.{name}"):
            yield f"no label {name}"
    if config["Labels"].get("org.opencontainers.image.version") != "9.8.7":
        yield "the label version is not the one that was built"
    if any("PASSWORD" in e or "SECRET" in e for e in config["Env"]):
        yield "its environment holds a secret"


def no_shell(engine, target):
    for shell in ("/bin/sh", "/bin/bash", "/busybox/sh"):
        done = engine.docker("run", "--rm", "--entrypoint", shell, tag(target), "-c", "true", check=False)
        if done.returncode != 127:
            yield f"there is {shell}"


def commands(engine, target):
    """Without a network and without a file: the version, and settings that are wrong."""
    version = engine.docker("run", "--rm", *CONFINED, "--network", "none", tag(target), "--version").stdout
    if not version.startswith(target):
        yield f"--version says {version!r}"
    if target in CLIENTS:
        return
    wrong = engine.docker("run", "--rm", *CONFINED, "--env", "KEEPER_HTTP__PROT=1", tag(target), "config", check=False)
    if wrong.returncode != 2 or "prot" not in wrong.stderr:
        yield f"a wrong setting ends with {wrong.returncode}: {wrong.stderr!r}"


class Container:
    """A container of an image, removed with its volumes at the end."""

    def __init__(self, engine, target, *options, settings=None):
        environment = [a for k, v in (settings or {}).items() for a in ("--env", f"{k}={v}")]
        # Fast checks, so that the test is too; the command is the image's own.
        health = ("--health-interval", "1s", "--health-start-period", "1s")
        self.engine = engine
        self.id = engine.docker("run", "--detach", *CONFINED, *health, *options, *environment, tag(target)).stdout.strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.engine.docker("rm", "--force", "--volumes", self.id)

    def state(self):
        return json.loads(self.engine.docker("inspect", self.id).stdout)[0]["State"]

    def logs(self):
        done = self.engine.docker("logs", self.id)
        return (done.stdout + done.stderr)[-1500:]

    def becomes(self, health, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.state()
            if state["Health"]["Status"] == health or not state["Running"]:
                break
            time.sleep(0.5)
        return state["Health"]["Status"] == health

    def stop(self):
        self.engine.docker("stop", "--time", "40", self.id)
        return self.state()["ExitCode"]


def standalone(engine):
    """Healthy alone, on a new volume, and back with the same data on the next start."""
    volume = engine.docker("volume", "create").stdout.strip()
    try:
        for _ in range(2):
            with Container(engine, "standalone", "--network", "none", "--volume", f"{volume}:/data") as container:
                if not container.becomes("healthy"):
                    yield f"standalone is not healthy: {container.logs()}"
                code = container.stop()
                if code != 0:
                    yield f"standalone ends with {code}: {container.logs()}"
    finally:
        engine.docker("volume", "rm", volume)


def distributed(engine, stack):
    """The three units against real servers: healthy, an order from end to end, and a clean end."""
    import servers

    secrets = stack.folder / "secrets"
    for path in (secrets, *secrets.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    mount = ("--network", "host", "--volume", f"{secrets}:/etc/keeper/secrets:ro")
    port = {name: str(free_port()) for name in ("gateway", "inventory", "billing")}

    def settings(name, **more):
        return {"KEEPER_HTTP__PORT": port[name], "KEEPER_MANAGEMENT__PORT": str(free_port()), **more}

    database = {
        "KEEPER_DATABASE__HOST": "127.0.0.1",
        "KEEPER_DATABASE__PORT": str(stack.pg_port),
        "KEEPER_DATABASE__USER": "billing",
        "KEEPER_DATABASE__NAME": "billing",
        "KEEPER_DATABASE__PASSWORD_FILE": "/etc/keeper/secrets/database-password",
    }

    def broker(name):
        return {
            "KEEPER_BROKER__HOST": "127.0.0.1",
            "KEEPER_BROKER__PORT": str(stack.amqp_port),
            "KEEPER_BROKER__USER": name,
            "KEEPER_BROKER__PASSWORD_FILE": f"/etc/keeper/secrets/{name}-password",
        }

    calls = {"KEEPER_INVENTORY__URL": f"http://127.0.0.1:{port['inventory']}", "KEEPER_BILLING__URL": f"http://127.0.0.1:{port['billing']}"}
    # Its own schema in the same server: the database of billing was migrated by billing.
    stack.script('createdb --username postgres --owner billing inventory', stack.env)
    with (
        Container(engine, "inventory", *mount, settings=settings("inventory", **{**database, "KEEPER_DATABASE__NAME": "inventory"})) as inventory,
        Container(engine, "billing", *mount, settings=settings("billing", **database, **broker("billing"))) as billing,
        Container(engine, "gateway", *mount, settings=settings("gateway", **broker("gateway"), **calls)) as gateway,
    ):
        containers = {"inventory": inventory, "billing": billing, "gateway": gateway}
        for name, container in containers.items():
            if not container.becomes("healthy"):
                yield f"{name} is not healthy: {container.logs()}"
        api = f"http://127.0.0.1:{port['gateway']}"
        movie = json.loads(servers.patiently(lambda: servers.post(f"{api}/api/movies", b'{"title": "Tin", "description": "Soldier"}')))
        if movie["title"] != "Tin":
            yield f"the movie is {movie}"
        order = json.loads(servers.patiently(lambda: servers.post(f"{api}/api/billing", b'{"user_id":"3","number_of_items":"5","total_amount":"180"}')))
        servers.patiently(lambda: servers.get(f"{api}/api/billing/orders/{order['order_id']}"))
        for name, container in reversed(containers.items()):
            code = container.stop()
            if code != 0:
                yield f"{name} ends with {code}: {container.logs()}"


def unready(engine):
    """Without its dependencies a unit starts, says that it is not ready, and stops when told to."""
    with Container(engine, "billing", "--network", "none") as container:
        if not container.becomes("unhealthy"):
            yield f"billing without anything is {container.state()['Health']['Status']}: {container.logs()}"
        if not container.state()["Running"]:
            yield f"billing without anything ended: {container.logs()}"


def sizes(engine):
    return {t: json.loads(engine.docker("image", "inspect", tag(t)).stdout)[0]["Size"] for t in TARGETS}
