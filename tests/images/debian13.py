"""Programs of Debian 13 where this machine has older ones: unpacked into the cache, not installed."""

import os
import subprocess
import tempfile
from pathlib import Path

CACHE = Path(os.environ["KEEPER_TEST_CACHE"]) / "images"
SUITE = "trixie"


def programs(*packages):
    """A folder with the files of the packages, without what they depend on."""
    folder = CACHE / "debian-13" / "+".join(packages)
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            unpacked = Path(scratch) / "unpacked"
            for archive in download(Path(scratch), packages):
                subprocess.run(["dpkg", "-x", archive, unpacked], check=True)
            folder.parent.mkdir(exist_ok=True)
            unpacked.rename(folder)
    return folder


def download(scratch, packages):
    """The archives, from the same place as those of the other tests."""
    script = Path(os.environ["KEEPER_ROOT"]) / "tests/debian-packages"
    done = subprocess.run([script, SUITE, scratch, "alone", *packages], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-400:])
    return sorted(scratch.glob("*.deb"))
