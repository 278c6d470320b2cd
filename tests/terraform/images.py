"""The registry of all environments, and who may do what with the images in it."""

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
