"""The base images of the Dockerfile: the real ones, or stand-ins made of Debian packages where no registry can be reached."""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

CACHE = Path(os.environ["KEEPER_TEST_CACHE"]) / "images"
ROOT = Path(os.environ["KEEPER_ROOT"])
SUITE = "bookworm"
# How the binaries in the images are made, on stand-ins: KEEPER_IMAGES_COMPILE is
#   no       (default) by this machine's cargo before, the builder takes them: the Dockerfile is run, the compiler is not
#   fast     in the builder, without optimisation
#   release  in the builder, as a release is
COMPILE = os.environ.get("KEEPER_IMAGES_COMPILE", "no")
FAST = {"CARGO_PROFILE_RELEASE_LTO": "off", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16", "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0"}
# What stands in for cargo where the compiler is not run; it refuses anything but the two calls of the Dockerfile.
SHIM = """#!/bin/sh
set -eu
[ "$*" = "build --locked --release -p gateway -p inventory -p billing -p standalone -p load" ] || { echo "stand-in: cargo $*" >&2; exit 1; }
for crate in bins/gateway bins/inventory bins/billing bins/standalone tests/load; do
  [ -f "$crate/src/main.rs" ] || { echo "stand-in: there is no $crate" >&2; exit 1; }
done
mkdir -p target/release
cp /opt/units/* target/release/
"""


def defaults():
    """The images that the Dockerfile names."""
    return dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)", (ROOT / "Dockerfile").read_text(), re.M))


def choose(engine):
    """Build arguments for the bases, and what could not be tried with them."""
    reached = all(pull(engine, image) for image in defaults().values())
    if reached:
        return [], []
    if not shutil.which("debootstrap") or not shutil.which("cargo"):
        raise RuntimeError("no registry can be reached, and for stand-ins debootstrap and cargo are missing")
    rust, runtime = units_image(engine) if COMPILE == "no" else rust_image(engine), runtime_image(engine)
    untried = [f"the real base images ({', '.join(defaults().values())}): no registry can be reached from here"]
    if COMPILE == "no":
        untried.append("compiling inside the builder: KEEPER_IMAGES_COMPILE=fast does, in some minutes")
    return ["--build-arg", f"RUST_IMAGE={rust}", "--build-arg", f"RUNTIME_IMAGE={runtime}"], untried


def pull(engine, image):
    if engine.docker("image", "inspect", image, check=False).returncode == 0:
        return True
    try:
        return engine.docker("pull", "--quiet", image, check=False, timeout=120).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def present(engine, tag):
    return engine.docker("image", "inspect", tag, check=False).returncode == 0


def debian_image(engine):
    """Debian with a C compiler, as the official Rust image is."""
    tag = f"keeper-test/debian:{digest(SUITE, 'gcc')}"
    if not present(engine, tag):
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            rootfs = Path(folder) / "rootfs"
            debootstrap(rootfs, "gcc,libc6-dev,ca-certificates")
            make(engine, rootfs, tag, [])
    return tag


def units_image(engine):
    """A builder whose cargo answers with the binaries that this machine built."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        units = Path(folder) / "units"
        units.mkdir()
        for unit in ("gateway", "inventory", "billing", "standalone", "load"):
            shutil.copy2(Path(os.environ["KEEPER_BIN_DIR"]) / unit, units)
            subprocess.run(["strip", units / unit], check=False)
        (Path(folder) / "cargo").write_text(SHIM)
        (Path(folder) / "cargo").chmod(0o755)
        lines = [f"FROM {debian_image(engine)}", "COPY cargo /usr/local/bin/cargo", "COPY units /opt/units"]
        return from_lines(engine, folder, "keeper-test/units:latest", lines)


def rust_image(engine):
    """A builder with this machine's Rust and the crates of Cargo.lock."""
    key = digest(COMPILE, output("rustc", "--version"), (ROOT / "Cargo.lock").read_text())
    tag = f"keeper-test/rust:{key}"
    if present(engine, tag):
        return tag
    subprocess.run(["cargo", "fetch", "--locked", "--quiet"], cwd=ROOT, check=True)
    sysroot = Path(output("rustc", "--print", "sysroot"))
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        shutil.copytree(sysroot, Path(folder) / "rust", symlinks=True, ignore=shutil.ignore_patterns("share", "src"))
        copy_crates(Path(folder) / "cargo")
        env = {"PATH": "/opt/rust/bin:/usr/bin:/bin", "CARGO_HOME": "/opt/cargo", "CARGO_NET_OFFLINE": "true"}
        env.update(FAST if COMPILE == "fast" else {})
        lines = [f"FROM {debian_image(engine)}", "COPY rust /opt/rust", "COPY cargo /opt/cargo"]
        return from_lines(engine, folder, tag, lines + [f"ENV {k}={v}" for k, v in env.items()])


def from_lines(engine, folder, tag, lines):
    """Builds an image of a few lines, with a folder as its context."""
    (Path(folder) / "Dockerfile").write_text("\n".join(lines) + "\n")
    engine.docker("build", "--tag", tag, folder)
    return tag


def copy_crates(home):
    """The index and the archives that Cargo.lock names, so that the build needs no network."""
    source = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    for file in ("config.toml", "config"):
        if (source / file).exists():
            home.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / file, home / file)
    shutil.copytree(source / "registry/index", home / "registry/index")
    locked = re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"\nsource', (ROOT / "Cargo.lock").read_text())
    for registry in (source / "registry/cache").iterdir():
        target = home / "registry/cache" / registry.name
        target.mkdir(parents=True)
        for name, version in locked:
            archive = registry / f"{name}-{version}.crate"
            if archive.exists():
                shutil.copy(archive, target)


def runtime_image(engine):
    """What the distroless image is made of: the C library and certificates, unpacked, with no shell and no package manager."""
    tag = f"keeper-test/runtime:{digest(SUITE)}"
    if present(engine, tag):
        return tag
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        rootfs, packages = Path(folder) / "rootfs", Path(folder) / "packages"
        rootfs.mkdir()
        packages.mkdir()
        packages.chmod(0o777)
        names = ("base-files", "libc6", "libgcc-s1", "ca-certificates", "tzdata", "netbase")
        subprocess.run(["apt-get", "download", "--quiet", *names], cwd=packages, check=True, capture_output=True)
        for package in packages.iterdir():
            subprocess.run(["dpkg", "-x", package, rootfs], check=True)
        certificates = sorted((rootfs / "usr/share/ca-certificates").rglob("*.crt"))
        (rootfs / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
        (rootfs / "etc/ssl/certs/ca-certificates.crt").write_text("".join(c.read_text() for c in certificates))
        (rootfs / "etc/passwd").write_text("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n")
        (rootfs / "etc/group").write_text("root:x:0:\nnonroot:x:65532:\n")
        make(engine, rootfs, tag, ["USER 65532"])
    return tag


def debootstrap(rootfs, include, suite=SUITE):
    mirror = [] if not mirror_of_apt() else [mirror_of_apt()]
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={include}", suite, rootfs, *mirror],
        check=True, stdout=subprocess.DEVNULL,
    )


def mirror_of_apt():
    """Where apt gets this suite from, so that debootstrap can reach it too."""
    listed = output("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(REPO_URI)")
    for line in listed.splitlines():
        _, release, uri = line.rsplit(" ", 2)
        if release in (SUITE, "stable", "oldstable") and "security" not in uri:
            return uri
    return None


def make(engine, rootfs, tag, changes):
    with tempfile.NamedTemporaryFile(dir=CACHE, suffix=".tar") as archive:
        with tarfile.open(archive.name, "w") as tar:
            tar.add(rootfs, arcname=".")
        arguments = [a for c in changes for a in ("--change", c)]
        engine.docker("import", *arguments, archive.name, tag)


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def digest(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
