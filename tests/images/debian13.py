"""Programs of Debian 13 where this machine has older ones: unpacked into the cache, not installed."""

import os
import subprocess
import tempfile
from pathlib import Path

CACHE = Path(os.environ["KEEPER_TEST_CACHE"]) / "images"
SUITE = "trixie"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


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
    """The archives; apt is given lists of its own, so that the machine's are not touched."""
    sources = scratch / "sources.list"
    sources.write_text(f"deb [signed-by={KEYS}] http://deb.debian.org/debian {SUITE} main\n")
    for folder in ("lists/partial", "cache/archives/partial"):
        (scratch / folder).mkdir(parents=True)
    options = [f"Dir::Etc::sourcelist={sources}", "Dir::Etc::sourceparts=-", f"Dir::State::lists={scratch}/lists", f"Dir::Cache={scratch}/cache"]
    # The folder is ours alone: root need not become another user to write into it.
    apt = ["apt-get", "-qq", *[a for o in [*options, "APT::Sandbox::User=root"] for a in ("-o", o)]]
    for arguments in (["update"], ["download", *packages]):
        done = subprocess.run([*apt, *arguments], cwd=scratch, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"apt-get {arguments[0]} of Debian 13: {done.stderr.strip()[-400:]}")
    return sorted(scratch.glob("*.deb"))
