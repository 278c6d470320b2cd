"""User pools of Cognito: what moto lacks, and what AWS refuses."""


def extend():
    """Moto deletes no resource server, and forgets tags. It deletes a pool that is protected, or has a domain, and gives a client scopes that
    nobody has; AWS refuses all three."""
    from moto.cognitoidp.exceptions import InvalidParameterException, ResourceNotFoundError
    from moto.cognitoidp.models import CognitoIdpBackend
    from moto.cognitoidp.responses import CognitoIdpResponse
    from moto.core.exceptions import JsonRESTError
    from moto.core.responses import ActionResult, EmptyResult

    update = CognitoIdpBackend.update_user_pool
    delete, make_client = CognitoIdpBackend.delete_user_pool, CognitoIdpBackend.create_user_pool_client

    def delete_user_pool(self, user_pool_id):
        pool = self.describe_user_pool(user_pool_id)
        if pool.extended_config.get("DeletionProtection") == "ACTIVE":
            raise InvalidParameterException("The user pool cannot be deleted because deletion protection is activated.")
        if pool.domain:
            raise InvalidParameterException("User pool cannot be deleted. It has a domain configured that should be deleted first.")
        delete(self, user_pool_id)

    def create_user_pool_client(self, user_pool_id, generate_secret, extended_config):
        servers = self.describe_user_pool(user_pool_id).resource_servers.values()
        known = {f"{server.identifier}/{scope['ScopeName']}" for server in servers for scope in server.scopes}
        if unknown := set(extended_config.get("AllowedOAuthScopes") or []) - known:
            raise JsonRESTError("ScopeDoesNotExistException", f"Custom scope does not exist: {sorted(unknown)}")
        return make_client(self, user_pool_id, generate_secret, extended_config)

    def update_user_pool(self, user_pool_id, extended_config):
        # What has tags keeps them when it is changed without naming any.
        tags = self.describe_user_pool(user_pool_id).extended_config.get("UserPoolTags", {})
        update(self, user_pool_id, {"UserPoolTags": tags, **extended_config})

    def delete_resource_server(self):
        pool = self.backend.describe_user_pool(self._get_param("UserPoolId"))
        if pool.resource_servers.pop(self._get_param("Identifier"), None) is None:
            raise ResourceNotFoundError("no such resource server")
        return EmptyResult()

    def tags(self):
        arn = self._get_param("ResourceArn")
        return self.backend.describe_user_pool(arn.split("/")[-1]).extended_config.setdefault("UserPoolTags", {})

    def tag_resource(self):
        tags(self).update(self._get_param("Tags"))
        return EmptyResult()

    def untag_resource(self):
        for key in self._get_param("TagKeys"):
            tags(self).pop(key, None)
        return EmptyResult()

    CognitoIdpBackend.delete_user_pool, CognitoIdpBackend.update_user_pool = delete_user_pool, update_user_pool
    CognitoIdpBackend.create_user_pool_client = create_user_pool_client
    CognitoIdpResponse.delete_resource_server = delete_resource_server
    CognitoIdpResponse.tag_resource, CognitoIdpResponse.untag_resource = tag_resource, untag_resource
    CognitoIdpResponse.list_tags_for_resource = lambda self: ActionResult({"Tags": tags(self)})
