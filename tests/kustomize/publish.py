"""kustomize/publish builds each image once, one manifest of it, and signs what is scanned, once."""

import os
import subprocess

# A registry that takes no tag twice, and that scans what is one image.
AWS = """#!/bin/sh
echo "aws $*" >> "$NOTED"
unit=${*#*/}
unit=${unit%% *}
case "$*" in
*get-login-password*) echo secret ;;
*describe-images*) grep -q "^built $unit " "$NOTED" && echo "sha256:$unit" || exit 254 ;;
*"wait image-scan-complete"*) [ "$UNSCANNED" != "$unit" ] || exit 255 ;;
*describe-image-scan-findings*) [ "$CRITICAL" = "$unit" ] && echo 2 || echo None ;;
*) exit 254 ;;
esac
"""
DOCKER = """#!/bin/sh
case "$*" in
login*) [ "$(cat)" = secret ] ;;
*--target*) unit=${*#*--target }; unit=${unit%% *}; ! grep -q "^built $unit " "$NOTED" || exit 1; echo "built $unit $*" >> "$NOTED" ;;
esac
"""
COSIGN = """#!/bin/sh
for image; do :; done
case "$1" in
verify) grep -q "^signed $image$" "$NOTED" ;;
sign) ! grep -q "^signed $image$" "$NOTED" || { echo TAG_INVALID >&2; exit 1; }; echo "signed $image" >> "$NOTED" ;;
esac
"""
REGISTRY = "1.dkr.ecr.eu-north-1.amazonaws.com/code-keeper-images"
UNITS = ("gateway", "inventory", "billing")


def publish(tree, scratch):
    tools = scratch / "publish"
    tools.mkdir()
    for name, text in (("aws", AWS), ("docker", DOCKER), ("cosign", COSIGN), ("git", "#!/bin/sh\necho 1234567\n")):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    noted = tools / "noted"

    def run(**settings):
        env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "NOTED": str(noted), "UNSCANNED": "", "CRITICAL": "", **settings}
        return subprocess.run([tree / "publish", "1.2.3", REGISTRY], env=env, capture_output=True, text=True).returncode

    def signed():
        return [line for line in noted.read_text().splitlines() if line.startswith("signed ")]

    for settings in ({"CRITICAL": "inventory"}, {"UNSCANNED": "inventory"}):
        noted.write_text("")
        if run(**settings) == 0 or any("/inventory" in line for line in signed()):
            yield f"with {settings} it is signed"
    if run(CRITICAL="inventory", ACCEPT="inventory") != 0:
        yield "what was accepted is not signed"
    if run() != 0:
        yield "a second time it ends in an error"
    if signed() != [f"signed {REGISTRY}/{unit}@sha256:{unit}" for unit in UNITS]:
        yield f"signed were {signed()}"
    builds = [line for line in noted.read_text().splitlines() if line.startswith("built ")]
    if len(builds) != 3 or not all("--provenance=false" in line and "--push" in line and "VERSION=1.2.3" in line for line in builds):
        yield f"built was {builds}"
