"""The registry of all environments, and who may do what with the images in it."""

import fnmatch
import json

from boundaries import policies_of
from expect import listed, same, true


def images(aws, outputs, _state):
    """Images are built by one role and read by the others; a tag never changes, and there is a key to sign with."""
    repositories = aws("ecr").describe_repositories()["repositories"]
    same("repositories", {r["repositoryUri"] for r in repositories}, set(outputs["repositories"].values()))
    same("tags", {r["imageTagMutability"] for r in repositories}, {"IMMUTABLE"})
    key = aws("kms").describe_key(KeyId=outputs["signing_key"].removeprefix("awskms:///"))["KeyMetadata"]
    same("the key", (key["KeyUsage"], key["KeySpec"]), ("SIGN_VERIFY", "ECC_NIST_P256"))
    may = {
        role["RoleName"]: {a for p in policies_of(aws("iam"), role["RoleName"]) for s in p["Statement"] for a in listed(s["Action"])}
        for role in aws("iam").list_roles()["Roles"]
    }
    builders = {name for name, actions in may.items() if actions & {"ecr:PutImage", "kms:Sign"}}
    same("who pushes or signs", builders, {"code-keeper-build"})
    true("a deployment reads", all({"ecr:BatchGetImage", "kms:GetPublicKey"} <= may[f"code-keeper-{e}-deploy"] for e in ("dev", "staging", "production")))
    policy = json.loads(aws("ecr").get_lifecycle_policy(repositoryName=repositories[0]["repositoryName"])["lifecyclePolicyText"])
    kept_as_promoted(policy["rules"])


def kept_as_promoted(rules):
    """What runs in staging and production stays with its signature, and what nobody promoted goes."""
    builds = []
    for number in range(400):
        tags = {f"1.{number}.0"} | ({"production-1.3.0", "staging-1.3.0"} if number == 3 else set()) | ({"staging-1.5.0"} if number == 5 else set())
        # The newest first, each with its signature.
        builds[:0] = [(f"signature {number}", {f"sha256-{number:064x}.sig"}, number), (f"image {number}", tags, number)]
    left = {name for name, _, _ in builds} - expired(rules, builds, 400)
    same("what was promoted", {"image 3", "image 5", "signature 3", "signature 5"} - left, set())
    true("what one can roll back to", {f"image {number}" for number in range(375, 400)} <= left)
    true("what nobody promoted goes", len([name for name in left if name.startswith("image")]) < 40)
    same("an image without a tag", expired(rules, [("old", set(), 0), ("new", set(), 398)], 400), {"old"})


def expired(rules, images, today):
    """What ECR removes: each image by the first rule alone that its tags meet. Images, the newest first, are name, tags and day; rules count
    whatever they meet, what another rule keeps or removes included."""
    gone, decided = set(), set()
    for rule in sorted(rules, key=lambda rule: rule["rulePriority"]):
        selection = rule["selection"]
        met = [(name, day) for name, tags, day in images if meets(tags, selection)]
        many = selection["countType"] == "imageCountMoreThan"
        late = {name for at, (name, day) in enumerate(met) if (at >= selection["countNumber"] if many else today - day > selection["countNumber"])}
        gone |= late - decided
        decided |= {name for name, _ in met}
    return gone


def meets(tags, selection):
    """Of several patterns each has to be met."""
    patterns = selection.get("tagPatternList", [])
    tagged = bool(patterns) and all(any(fnmatch.fnmatchcase(tag, pattern) for tag in tags) for pattern in patterns)
    return {"untagged": not tags, "tagged": tagged, "any": True}[selection["tagStatus"]]
