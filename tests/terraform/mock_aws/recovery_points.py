"""What is in the vaults of AWS Backup: a selection is backed up as soon as it is made, and copied where its plan says so."""

import json
import uuid
from urllib.parse import unquote, urlparse

from .refused import Refused
from .wire import ACCOUNT

# What deleting a recovery point asks of EC2 and RDS, with the rights of whoever deletes it.
DELETES = {"ec2": "DeleteSnapshot", "rds": "DeleteDBSnapshot"}


def extend(calls, policies):
    """`policies` are those of the vaults, by region and name."""
    import moto.backup.urls as urls
    from moto.backup.responses import BackupResponse
    from moto.iam.models import iam_backends

    # ARN to document, by region and vault.
    points = {}

    def place(self):
        region_and_vault = self.region, urlparse(self.uri).path.split("/")[2]
        return region_and_vault, unquote(self.raw_path.partition("/recovery-points/")[2])

    def back_up(rules, selection, region):
        """One point of a database or of a volume in the vault of each rule, and one in each vault that it is copied to."""
        for rule in rules:
            copies = [copy["DestinationBackupVaultArn"].split(":") for copy in rule.get("CopyActions", [])]
            ours = [(arn[3], arn[6]) for arn in copies if arn[4] == ACCOUNT]
            for where, vault in [(region, rule["TargetBackupVaultName"]), *ours]:
                of_rds = ":rds:" in json.dumps(selection["Resources"])
                name = f"rds:{where}:{ACCOUNT}:snapshot:awsbackup:job-{uuid.uuid4()}" if of_rds else f"ec2:{where}::snapshot/snap-{uuid.uuid4().hex[:17]}"
                points.setdefault((where, vault), {})[f"arn:aws:{name}"] = {
                    "RecoveryPointArn": f"arn:aws:{name}", "BackupVaultName": vault, "Status": "COMPLETED", "IamRoleArn": selection["IamRoleArn"],
                    "ResourceType": "RDS" if of_rds else "EBS",
                }

    def able(arn):
        """Whether the role that made a point can still do something."""
        role = next((r for r in iam_backends[ACCOUNT]["aws"].roles.values() if r.arn == arn), None)
        return bool(role and role.managed_policies)

    def list_points(self):
        return json.dumps({"RecoveryPoints": list(points.get(place(self)[0], {}).values())})

    def found(self):
        vault, arn = place(self)
        if arn not in points.get(vault, {}):
            raise Refused(404, "ResourceNotFoundException", "no such recovery point")
        return points[vault][arn]

    def delete(self):
        vault, arn = place(self)
        point = found(self)
        if "backup:DeleteRecoveryPoint" in policies.get(vault, ""):
            raise Refused(403, "AccessDeniedException", "explicit deny in the vault's policy")
        calls.note(self.headers, arn.split(":")[2], DELETES[arn.split(":")[2]])
        # Without the rights the answer is the same, and the point stays.
        if able(point["IamRoleArn"]):
            del points[vault][arn]
        else:
            point["Status"] = "EXPIRED"
        return "{}"

    remove = BackupResponse.delete_backup_vault

    def delete_vault(self):
        vault = place(self)[0]
        # A policy that denies it to all holds for its owner too.
        if "backup:DeleteBackupVault" in policies.get(vault, ""):
            raise Refused(403, "AccessDeniedException", "explicit deny in the vault's policy")
        if points.get(vault):
            raise Refused(400, "InvalidRequestException", f"Backup vault cannot be deleted because it contains {len(points[vault])} recovery points")
        return remove(self)

    BackupResponse.delete_backup_vault = delete_vault
    BackupResponse.list_recovery_points_by_backup_vault = list_points
    BackupResponse.describe_recovery_point = lambda self: json.dumps(found(self))
    BackupResponse.delete_recovery_point = delete
    urls.url_paths["{0}/backup-vaults/(?P<name>[^/]+)/recovery-points/$"] = BackupResponse.dispatch
    urls.url_paths["{0}/backup-vaults/(?P<name>[^/]+)/recovery-points/(?P<arn>.+)$"] = BackupResponse.dispatch
    return back_up
