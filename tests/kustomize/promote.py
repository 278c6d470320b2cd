"""kustomize/promote writes the digests of a version, and only of images that are signed."""

import os
import subprocess

# A registry that remembers the tags which it is given, and takes none twice.
AWS = """#!/bin/sh
unit=${*#*/}
unit=${unit%% *}
case "$*" in
*put-image*)
    ! grep -q "^$unit " "$NOTED.tags" || { echo "ImageAlreadyExistsException" >&2; exit 254; }
    case "$*" in *"--image-manifest manifest of $unit"*) ;; *) echo "not its manifest: $*" >&2; exit 254 ;; esac
    echo "$unit ${*#*--image-tag }" >> "$NOTED.tags" ;;
*batch-get-image*) echo "manifest of $unit" ;;
*imageTags*) grep -q "^$unit " "$NOTED.tags" && echo production-1.2.3 ;;
*imageTag=1.2.3*) case "$unit" in gateway) echo sha256:aa ;; inventory) echo sha256:bb ;; billing) echo sha256:cc ;; esac ;;
*) echo "no such image" >&2; exit 254 ;;
esac
:
"""
COSIGN = '#!/bin/sh\necho "$*" >> "$NOTED"\ncase "$*" in *"$UNSIGNED"*) echo "no signatures found" >&2; exit 10 ;; esac\n'
DIGESTS = ["GATEWAY_DIGEST=sha256:aa", "INVENTORY_DIGEST=sha256:bb", "BILLING_DIGEST=sha256:cc"]


def promote(tree, scratch):
    tools = scratch / "promote"
    tools.mkdir()
    for name, text in (("aws", AWS), ("cosign", COSIGN)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    tags = tools / "noted.tags"
    tags.write_text("")
    release = tree / "overlays/production/release.env"
    before = release.read_text()

    def run(version, overlay="production", unsigned="nothing"):
        env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "NOTED": str(tools / "noted"), "UNSIGNED": unsigned}
        return subprocess.run([tree / "promote", version, overlay], env=env, capture_output=True, text=True).returncode

    for what, arguments in {
        "an image that is not signed": ("1.2.3", "production", "/billing@"), "a version that is not there": ("9.9.9",),
        "an overlay that goes by tags": ("1.2.3", "dev"),
    }.items():
        if run(*arguments) == 0 or release.read_text() != before or tags.read_text():
            yield f"{what} is promoted"
    if run("1.2.3") != 0 or [line for line in release.read_text().splitlines() if line[0] != "#"] != ["VERSION=1.2.3", *DIGESTS]:
        yield f"release.env became {release.read_text()}"
    checked = (tools / "noted").read_text().splitlines()[-3:]
    if not all("verify --key awskms:///alias/code-keeper-images-signing " in line and "@sha256:" in line for line in checked):
        yield f"signatures were checked by {checked}"
    given = [line.split(" --image-manifest")[0] for line in tags.read_text().splitlines()]
    if given != [f"{unit} production-1.2.3 --image-digest sha256:{d}" for unit, d in (("gateway", "aa"), ("inventory", "bb"), ("billing", "cc"))]:
        yield f"what runs is kept by the tags {given}"
    if run("1.2.3") != 0:
        yield "a second time it is not promoted"
    release.write_text(before)
