#!/usr/bin/env python3
"""What the documents name is there: links, tests, files, settings, commands. Prints what is wrong; exit status 1 then."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNITS = ("gateway", "inventory", "billing", "standalone")
README_LINES = 150
FENCE = re.compile(r"^\s*```.*?^\s*```", re.M | re.S)


def tracked(*patterns):
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def prose(page):
    return FENCE.sub("", (ROOT / page).read_text())


def anchors(page):
    """The anchors that GitHub makes of the headings."""
    for heading in re.findall(r"^#+ +(.+?) *$", prose(page), re.M):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        yield re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def links():
    for page in tracked("*.md"):
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            to = (ROOT / page.parent / path).resolve() if path else ROOT / page
            if not to.exists():
                yield f"{page}: the link {target} leads nowhere"
            elif anchor and anchor not in anchors(to.relative_to(ROOT)):
                yield f"{page}: {target} is no heading"


def names():
    """Long names that are written as code are in the code. By which test a promise is held, ARCHITECTURE.md says in its
    tables, the others in parentheses: that one is a function."""
    code = "\n".join((ROOT / file).read_text() for file in tracked("*.rs", "*.tf", "*.toml", "*.yaml", "*.sql", "*.py", "*.sh"))
    functions, words = set(re.findall(r"\bfn (\w+)", code)), set(re.findall(r"[a-z_]{8,}", code))
    for page in tracked("*.md"):
        text = (ROOT / page).read_text()
        named = {name for name in re.findall(r"`([a-z_]+)`", text) if name.count("_") > 2}
        tests = {name for held in re.findall(r"\(Tests? ([^)]*)\)", text) for name in re.findall(r"`(?:\w+::)*(\w+)`", held)}
        if page.name == "ARCHITECTURE.md":
            tests |= named
            if len(tests) < 30:
                yield f"{page} names no more tests than {sorted(tests)}"
        for name in sorted(tests - functions):
            yield f"{page} names the test {name}, which is not there"
        for name in sorted(named - tests - words):
            yield f"{page} names {name}, which is nowhere in the code"


def paths():
    """Files and folders that are written as code. What stands for a name of the reader's is passed over."""
    top = "adapters|bins|core|kustomize|ports|terraform|tests"
    for page in tracked("*.md"):
        for named in re.findall(rf"`((?:{top})(?:/[\w.{{}},-]+)*/?)`", (ROOT / page).read_text()):
            for path in expand(named):
                if "NNNN" not in path and not (ROOT / path).exists():
                    yield f"{page}: there is no {path}"


def expand(path):
    found = re.search(r"\{([^}]*)\}", path)
    if not found:
        return [path]
    return [one for part in found[1].split(",") for one in expand(path.replace(found[0], part, 1))]


def keys_of(table, path=""):
    """The keys of the sections of a table, and of the sections within them."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from keys_of(value, f"{path}{key}.")
        else:
            yield path + key


def settings():
    """The table of bins/README.md has the keys of each unit's defaults, no more and no fewer."""
    documented = {unit: set() for unit in UNITS}
    page = (ROOT / "bins/README.md").read_text()
    rows = re.search(r"\| section \| keys \| units \|\n\|[-|]+\n((?:\|.*\n)+)", page)[1]
    for row in rows.splitlines():
        sections, keys, units = (cell.strip() for cell in row.strip("|").split("|"))
        keys = re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", keys))
        for unit in UNITS if units == "all" else units.split(", "):
            documented[unit] |= {f"{section}.{key}" for section in re.findall(r"`([\w.]+)`", sections) for key in keys}
    for unit in UNITS:
        defaults = tomllib.loads((ROOT / f"bins/{unit}/default.toml").read_text())
        there = set(keys_of(defaults))
        for key in sorted(there - documented[unit]):
            yield f"bins/README.md: {unit} has the setting {key}, which is not documented"
        for key in sorted(documented[unit] - there):
            yield f"bins/README.md: {unit} has no setting {key}"


def parts():
    """CONTRIBUTING.md has a row for each part of the tests."""
    rows = set(re.findall(r"^\| `([a-z0-9]+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.M))
    there = {part.name for part in (ROOT / "tests/parts").iterdir()}
    for part in sorted(rows ^ there):
        yield f"CONTRIBUTING.md, tests/parts: {part} is in one of them only"


def front_page():
    page = (ROOT / "README.md").read_text()
    lines = page.count("\n")
    if lines > README_LINES:
        yield f"README.md has {lines} lines, more than {README_LINES}"
    for command in ("cargo run --bin standalone", "./tests/run"):
        if f"```sh\n{command}\n```" not in page:
            yield f"README.md does not say: {command}"
    for document in ("ARCHITECTURE", "CONTRIBUTING", "CHANGELOG", "SECURITY", "bins/README", "kustomize/README", "terraform/README"):
        if f"({document}.md)" not in page:
            yield f"README.md does not link to {document}.md"


def glossary():
    page = (ROOT / "ARCHITECTURE.md").read_text().split("\n## Glossary\n")[1]
    terms = re.findall(r"^\| \*\*([^*]+)\*\* \|", page, re.M)
    if terms != sorted(terms):
        yield "the glossary of ARCHITECTURE.md is not in the alphabet's order"
    if len(terms) < 30:
        yield f"the glossary of ARCHITECTURE.md has only {len(terms)} terms"


def shell():
    """The commands of the runbooks are shell, by shellcheck, which the part `lint` brings."""
    for page in tracked("kustomize/runbooks/*.md") if shutil.which("shellcheck") else ():
        script = "\n".join(re.findall(r"^```sh\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S))
        done = subprocess.run(["shellcheck", "--shell=bash", "-"], input=script, capture_output=True, text=True)
        if done.returncode:
            yield f"{page}: {done.stdout.strip()}"


CHECKS = (links, names, paths, settings, parts, front_page, glossary, shell)

if __name__ == "__main__":
    wrong = [complaint for check in CHECKS for complaint in check()]
    print("\n".join(wrong) or "the documents name what is there")
    sys.exit(1 if wrong else 0)
