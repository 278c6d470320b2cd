"""A Docker Engine: the one that runs, or one of our own in the cache, stopped at the end."""

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(os.environ["KEEPER_TEST_CACHE"]) / "images"
PACKAGES = ("docker.io", "iptables", "debootstrap")


class NoEngine(Exception):
    """There is none, and none can be started; says what to do."""


class Engine:
    def __init__(self, client, host=None):
        self.client = [client] + (["--host", host] if host else [])

    def docker(self, *arguments, check=True, **options):
        env = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
        options = {"capture_output": True, "text": True, **options}
        done = subprocess.run([*self.client, *map(str, arguments)], env=env, **options)
        if check and done.returncode:
            raise RuntimeError(f"docker {' '.join(map(str, arguments[:3]))}: {(done.stderr or done.stdout or '')[-3000:]}")
        return done


def client():
    """A docker command that can drive BuildKit: with the buildx plugin, or of a version that has it built in."""
    for path in filter(None, (shutil.which("docker"), "/usr/bin/docker")):
        if not Path(path).exists():
            continue
        version = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
        major = int(version.split("version ")[1].split(".")[0])
        if major < 23 or subprocess.run([path, "buildx", "version"], capture_output=True).returncode == 0:
            return path
    return None


def install():
    missing = [p for p in PACKAGES if subprocess.run(["dpkg", "-s", p], capture_output=True).returncode]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing], env=env, stdout=subprocess.DEVNULL)


@contextmanager
def engine():
    """Yields an Engine."""
    found = client()
    if found and subprocess.run([found, "info"], capture_output=True).returncode == 0:
        yield Engine(found)
        return
    if os.geteuid() != 0:
        raise NoEngine("no Docker Engine answers; start one, or run this as root")
    if shutil.which("dpkg"):
        install()
    found = client()
    if not found or not shutil.which("dockerd"):
        raise NoEngine("there is no Docker Engine with BuildKit; please install it (Debian: docker.io)")
    with daemon(found) as ours:
        yield ours


@contextmanager
def daemon(path):
    """Our own Engine: its data in the cache, so that layers are there the next time; its socket and state beside it."""
    # A new folder each time, and a short name: a socket's path may have 107 characters.
    run = Path(tempfile.mkdtemp(prefix="keeper-docker-"))
    host = f"unix://{run}/docker.sock"
    log = open(CACHE / "dockerd.log", "w")
    process = subprocess.Popen(
        ["dockerd", "--data-root", CACHE / "docker", "--exec-root", run / "exec", "--pidfile", run / "pid", "--host", host],
        stdout=log, stderr=log,
    )
    try:
        ours = Engine(path, host)
        end = time.monotonic() + 60
        while ours.docker("info", check=False).returncode:
            if process.poll() is not None or time.monotonic() > end:
                text = (CACHE / "dockerd.log").read_text()
                raise NoEngine(f"dockerd does not start here: {text[-600:]}")
            time.sleep(0.5)
        yield ours
    finally:
        process.terminate()
        process.wait(60)
        log.close()
        # An engine that was interrupted leaves network namespaces mounted here.
        for mount in run.glob("exec/netns/*"):
            subprocess.run(["umount", mount], capture_output=True)
        shutil.rmtree(run, ignore_errors=True)
