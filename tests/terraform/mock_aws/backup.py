"""AWS Backup."""

import json
import time
import uuid
from urllib.parse import unquote, urlparse

from . import recovery_points
from .refused import Refused
from .wire import ACCOUNT, missing


def extend(calls):
    """Backup selections, vaults and their policies, and what is in them."""
    import moto.backup.urls as urls
    from moto.backup.responses import BackupResponse

    selections, policies = {}, {}
    back_up = recovery_points.extend(calls, policies)

    def key(self):
        path = [unquote(p) for p in urlparse(self.uri).path.split("/") if p]
        return path[2], path[4] if len(path) > 4 else None

    def create(self):
        plan, identity = key(self)[0], str(uuid.uuid4())
        selections[plan, identity] = json.loads(self.body)["BackupSelection"]
        back_up(self.backup_backend.plans[plan].backup_plan["Rules"], selections[plan, identity], self.region)
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

    def vault(self):
        return self.region, urlparse(self.uri).path.split("/")[2]

    def put_policy(self):
        policies[vault(self)] = json.loads(self.body)["Policy"]
        return "{}"

    def get_policy(self):
        if vault(self) not in policies:
            raise Refused(404, "ResourceNotFoundException", "no policy of the vault")
        return json.dumps({"BackupVaultName": vault(self)[1], "Policy": policies[vault(self)]})

    def delete_policy(self):
        policies.pop(vault(self), None)
        return "{}"

    BackupResponse.put_backup_vault_access_policy = put_policy
    BackupResponse.get_backup_vault_access_policy = get_policy
    BackupResponse.delete_backup_vault_access_policy = delete_policy
    urls.url_paths["{0}/backup-vaults/(?P<name>[^/]+)/access-policy$"] = BackupResponse.dispatch
    BackupResponse.list_tags = list_tags
    BackupResponse.create_backup_selection = create
    BackupResponse.get_backup_selection = get
    BackupResponse.delete_backup_selection = delete
    restore_testing(urls, BackupResponse)


def restore_testing(urls, response):
    """Plans that restore for a test, and what they select."""
    plans = {}

    def names(self):
        path = [unquote(p) for p in urlparse(self.uri).path.split("/") if p]
        return tuple(path[2::2])

    def document(self, word):
        body = json.loads(self.body)[word]
        name = body[f"{word}Name"]
        key = (*names(self)[:1], name) if word.endswith("Selection") else (name,)
        arn = f"arn:aws:backup:{self.region}:{ACCOUNT}:restore-testing-plan:{key[0]}-{uuid.uuid4()}"
        made = {"CreationTime": time.time(), "RestoreTestingPlanArn": arn, "RestoreTestingPlanName": key[0], f"{word}Name": name}
        plans[key] = {**body, **made}
        self.backup_backend.tag_resource(arn, json.loads(self.body).get("Tags") or {})
        return 201, {"Content-Type": "application/json"}, json.dumps(made)

    def found(self, word):
        if names(self) not in plans:
            raise Refused(404, "ResourceNotFoundException", "no such plan")
        return json.dumps({word: plans[names(self)]})

    def gone(self):
        plans.pop(names(self), None)
        return 204, {}, ""

    for word in ("RestoreTestingPlan", "RestoreTestingSelection"):
        action = "restore_testing_" + word.removeprefix("RestoreTesting").lower()
        setattr(response, f"create_{action}", lambda self, word=word: document(self, word))
        setattr(response, f"get_{action}", lambda self, word=word: found(self, word))
        setattr(response, f"delete_{action}", gone)
    response.list_restore_testing_plans = lambda _: json.dumps({"RestoreTestingPlans": [p for key, p in plans.items() if len(key) == 1]})
    for path in ("plans/?$", "plans/(?P<plan>[^/]+)/?$", "plans/(?P<plan>[^/]+)/selections/?$", "plans/(?P<plan>[^/]+)/selections/(?P<name>[^/]+)/?$"):
        urls.url_paths["{0}/restore-testing/" + path] = response.dispatch
