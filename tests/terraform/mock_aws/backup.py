"""AWS Backup."""

import json
import time
import uuid
from urllib.parse import unquote, urlparse

from .wire import missing


def extend():
    """Backup selections, and vaults that are asked what they hold."""
    import moto.backup.urls as urls
    from moto.backup.responses import BackupResponse

    selections = {}

    def key(self):
        path = [unquote(p) for p in urlparse(self.uri).path.split("/") if p]
        return path[2], path[4] if len(path) > 4 else None

    def create(self):
        plan, identity = key(self)[0], str(uuid.uuid4())
        selections[plan, identity] = json.loads(self.body)["BackupSelection"]
        return json.dumps({"SelectionId": identity, "BackupPlanId": plan, "CreationDate": time.time()})

    def get(self):
        if key(self) not in selections:
            return missing("selection")
        plan, identity = key(self)
        return json.dumps({
            "BackupSelection": selections[plan, identity],
            "SelectionId": identity,
            "BackupPlanId": plan,
            "CreationDate": time.time(),
        })

    def delete(self):
        selections.pop(key(self), None)
        return "{}"

    def list_tags(self):
        # Moto counts on a slash at the end of the path, which the provider does not send.
        arn = unquote(urlparse(self.uri).path.split("/tags/")[1]).rstrip("/")
        return json.dumps({"Tags": self.backup_backend.list_tags(resource_arn=arn)})

    urls.url_paths["{0}/backup-vaults/(?P<name>[^/]+)/recovery-points/?$"] = BackupResponse.dispatch
    BackupResponse.list_recovery_points_by_backup_vault = lambda _: json.dumps({"RecoveryPoints": []})
    BackupResponse.list_tags = list_tags
    BackupResponse.create_backup_selection = create
    BackupResponse.get_backup_selection = get
    BackupResponse.delete_backup_selection = delete
