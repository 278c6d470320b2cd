"""Every alert has its runbook, and what the commands of the runbooks name is there: programs, subcommands, flags, objects."""

import functools
import json
import os
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

import botocore.session
from botocore import xform_name
from prometheus import every_rule
from readme import NAMED, there

HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Over when"]
NO_ALERTS = {"README.md", "first-five-minutes.md"}
# Only looked up, not asked: what every system has.
ORDINARY = {"grep", "curl", "df", "psql"}


def of_cloudwatch(root):
    """The runbook's name of every alarm: the one that the alarm names, or its own."""
    module = root / "terraform/modules/observability"
    text = "".join((module / name).read_text() for name in ("alarms.tf", "data_alarms.tf"))
    for found in re.finditer(r'^(?:      ([a-z][a-z-]+) += |    \{ ([a-z-]+) += |.*?: "(?:\$\{\w+\}-)?([a-z-]+)(?:\$\{[^=]*)?" => )\{\n((?:.*\n){3})', text, re.M):
        own = found[1] or found[2] or found[3]
        named = re.search(r'runbook += "([a-z-]+)"', found[4])
        if own not in ("metrics", "pod"):
            yield named[1] if named else own
    yield from json.loads((module / "objectives.json").read_text())["slos"]


def pages(tree):
    return {page.stem: page.read_text() for page in sorted((tree / "runbooks").glob("*.md")) if page.name not in NO_ALERTS}


def one_for_each(tree, root):
    """Every alert has a page with the headings, every page an alert, and the list of pages is whole."""
    wanted = {re.sub(r".*/|\.md$", "", r["annotations"]["runbook_url"]) for r in every_rule(tree) if "alert" in r}
    alarms = set(of_cloudwatch(root))
    if len(alarms) < 25:
        yield f"only {sorted(alarms)} were found among CloudWatch's alarms"
    found = pages(tree)
    for name in sorted((wanted | alarms) - set(found)):
        yield f"there is no kustomize/runbooks/{name}.md"
    for name in sorted(set(found) - wanted - alarms):
        yield f"kustomize/runbooks/{name}.md is about no alert"
    listed = (tree / "runbooks/README.md").read_text()
    for name, text in found.items():
        if re.findall(r"^## (.+)$", text, re.M) != HEADINGS:
            yield f"{name}.md has not the headings {HEADINGS}"
        if f"]({name}.md)" not in listed:
            yield f"README.md does not list {name}.md"


def commands(tree):
    """(page, words) of each command in a block of shell."""
    for page in sorted((tree / "runbooks").glob("*.md")):
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.M | re.S):
            for line in block.splitlines():
                lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
                lexer.whitespace_split = True
                words = []
                for word in [*lexer, "|"]:
                    if word.strip("|&;"):
                        words.append(word)
                    elif words:
                        yield page.name, words
                        words = []


@functools.cache
def said(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def flags(words):
    for word in words:
        if re.match(r"--?[a-z]", word):
            yield word.partition("=")[0]


def offered(flag, text):
    return re.search(rf"(?:^|[\s,\[|<]){re.escape(flag)}(?=[\s,=|>\]])", text)


def kubectl(words):
    if "--" in words:
        at = words.index("--")
        words, inner = words[:at], words[at + 1 :]
        yield from problems(inner)
    if words[:1] == ["-n"]:
        words = words[2:]
    path = [words[0]]
    if f"kubectl {words[0]}" not in said("kubectl", words[0], "--help"):
        yield f"kubectl has no {words[0]}"
        return
    text = said("kubectl", *path, "--help")
    if "Available Commands:" in text:
        path.append(words[1])
        if not re.search(rf"^  {words[1]} ", text, re.M):
            yield f"kubectl {words[0]} has no {words[1]}"
        text = said("kubectl", *path, "--help")
    for flag in flags(words[len(path) :]):
        if not offered(flag, text + said("kubectl", "options")):
            yield f"kubectl {' '.join(path)} has no {flag}"


def aws(words):
    session = botocore.session.get_session()
    if words[0] not in session.get_available_services():
        yield f"aws has no {words[0]}"
        return
    model = session.get_service_model(words[0])
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if words[1] not in operations:
        yield f"aws {words[0]} has no {words[1]}"
        return
    shape = model.operation_model(operations[words[1]]).input_shape
    members = {f"--{xform_name(name, '-')}": name for name in (shape.members if shape else {})}
    given = set(flags(words[2:]))
    for flag in given - set(members) - {"--query", "--max-items"}:
        yield f"aws {words[0]} {words[1]} has no {flag}"
    for required in shape.required_members if shape else ():
        if f"--{xform_name(required, '-')}" not in given:
            yield f"aws {words[0]} {words[1]} needs {required}"


def ours(words):
    program = str(Path(os.environ["KEEPER_BIN_DIR"]) / words[0])
    path = [word for word in words[1:] if re.fullmatch(r"[a-z-]+", word) and not word.startswith("-")]
    text = said(program, *path, "--help")
    if f"Usage: {' '.join([words[0], *path])}" not in text:
        yield f"{' '.join(words)} is no command"
    for flag in flags(words):
        if not offered(flag, text):
            yield f"{' '.join(words[:3])} has no {flag}"


def rabbitmq(words):
    # Debian's command in the path is for root only; and it writes a cookie into its home.
    with tempfile.TemporaryDirectory() as home:
        text = said("env", f"HOME={home}", f"/usr/lib/rabbitmq/bin/{words[0]}", "help")
    if not re.search(rf"^\s+{words[1]}\s", text, re.M):
        yield f"{words[0]} has no {words[1]}"


CHECKED = {"kubectl": kubectl, "aws": aws}


def problems(words):
    program, rest = words[0], words[1:]
    if program in CHECKED:
        yield from CHECKED[program](rest)
    elif program in ("gateway", "inventory", "billing"):
        yield from ours(words)
    elif program.startswith("rabbitmq"):
        yield from rabbitmq(words)
    elif program.startswith("terraform/"):
        if not (Path(os.environ["KEEPER_ROOT"]) / program).exists():
            yield f"there is no {program}"
    elif program not in ORDINARY:
        yield f"nobody knows {program}"


def real_commands(tree):
    """Each command is one: its program has the subcommand and the flags."""
    found = list(commands(tree))
    if len(found) < 60:
        yield f"only {len(found)} commands were found"
    for page, words in found:
        for problem in problems(words):
            yield f"{page}: {problem}"


def objects(tree, overlays):
    """What the commands name in the cluster is made by an overlay."""
    known = set(there(overlays))
    for page in sorted((tree / "runbooks").glob("*.md")):
        for kind, name in {(kind or "pod", name) for pattern in NAMED for kind, name in pattern.findall(page.read_text())}:
            if (kind, name) not in known and name != "cloudwatch-agent-prometheus":
                yield f"{page.name}: there is no {kind}/{name}"
