"""Roles of IAM."""


def extend():
    """Moto takes any ARN as the boundary of a role; AWS wants the policy to be there."""
    from moto.iam.exceptions import NotFoundException
    from moto.iam.models import IAMBackend

    create, put = IAMBackend.create_role, IAMBackend.put_role_permissions_boundary

    def known(backend, boundary):
        if boundary and boundary not in backend.managed_policies:
            raise NotFoundException(f"Scope ARN: {boundary} does not exist or is not attachable.")

    def create_role(self, role_name, assume_role_policy_document, path, permissions_boundary, *more, **named):
        known(self, permissions_boundary)
        return create(self, role_name, assume_role_policy_document, path, permissions_boundary, *more, **named)

    def put_role_permissions_boundary(self, role_name, permissions_boundary):
        known(self, permissions_boundary)
        return put(self, role_name, permissions_boundary)

    IAMBackend.create_role, IAMBackend.put_role_permissions_boundary = create_role, put_role_permissions_boundary
