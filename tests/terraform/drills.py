"""What the pages tell to do when something is in the way, or lost, done to an environment of the mock AWS."""

import re
import shutil
import textwrap

from expect import same, true


def stands_in_the_way(suite, name, tree, aws, environment, command):
    """Terraform's refusal would come after minutes: a stand-in fails at once, all else is real."""
    take_away = aws.somebody_is_there()
    stand_in = suite.work / name / "fails/terraform"
    stand_in.parent.mkdir()
    stand_in.write_text(f'#!/bin/sh\ncase "$*" in *destroy*) exit 1 ;; esac\nexec {shutil.which("terraform")} "$@"\n')
    stand_in.chmod(0o755)
    said = command([tree / "teardown", "--yes", name], suite.work, {**environment, "PATH": f"{stand_in.parent}:{environment['PATH']}"}, expected=(1,))
    take_away()
    listed = [line.split("\t") for line in said.partition("What stands in the network:")[2].splitlines()]
    groups = {line[1]: line[-1] for line in listed if line[0].startswith("sg-")}
    same(f"whose is a group of another's in {said[-2000:]}", groups.get("of-somebody-else"), "not ours")
    true(f"whose are ours in {said[-2000:]}", groups.get(f"code-keeper-{name}-edge") == "ours")
    true("whose is an endpoint", any(line[0].startswith("vpce-") and line[-1] == "ours" for line in listed))
    true(f"GuardDuty's are gone: {sorted(groups)}", not any("GuardDuty" in group for group in groups))


def loses_its_name(suite, cloud, aws, command):
    """The commands of RESTORE free the domain: another distribution may have it, and no record leads to the old one."""
    page = (suite.root / "terraform/RESTORE.md").read_text()
    commands = textwrap.dedent(re.search(r"\n\n((?:       .*\n)*?       ID=.*\n(?:       .*\n)+)", page)[1])
    cloudfront, records = aws("cloudfront"), aws("route53")
    identity = cloudfront.list_distributions()["DistributionList"]["Items"][0]["Id"]
    config = cloudfront.get_distribution_config(Id=identity)["DistributionConfig"]
    zone = records.list_hosted_zones()["HostedZones"][0]["Id"]
    there = records.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    try:
        cloudfront.create_distribution(DistributionConfig={**config, "CallerReference": "recovery"})
        raise AssertionError("a name is given to two distributions")
    except cloudfront.exceptions.CNAMEAlreadyExists:
        pass
    folder = suite.work / "production/restore"
    folder.mkdir()
    environment = {**cloud.environment, "DOMAIN": "movies.example.com", "ZONE": zone.split("/")[-1]}
    command(["bash", "-euo", "pipefail", "-c", commands], folder, environment)
    now = cloudfront.get_distribution_config(Id=identity)
    same("names of the old distribution", now["DistributionConfig"]["Aliases"].get("Items", []), [])
    same("its origin", now["DistributionConfig"]["Origins"], config["Origins"])
    left = records.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    same("records that are gone", {(r["Name"], r["Type"]) for r in there if r not in left}, {("movies.example.com.", kind) for kind in ("A", "AAAA")})
    other = cloudfront.create_distribution(DistributionConfig={**config, "CallerReference": "recovery"})["Distribution"]["Id"]
    # As it was, for the tests that follow.
    cloudfront.update_distribution(Id=other, IfMatch="any", DistributionConfig={**config, "Enabled": False, "Aliases": {"Quantity": 0}})
    cloudfront.delete_distribution(Id=other, IfMatch=cloudfront.get_distribution_config(Id=other)["ETag"])
    cloudfront.update_distribution(Id=identity, IfMatch=now["ETag"], DistributionConfig=config)
    # The mock takes CREATE for a repetition when any record sorts after this one, such as one with a random name.
    back = [{"Action": "UPSERT", "ResourceRecordSet": r} for r in there if r not in left]
    records.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": back})
