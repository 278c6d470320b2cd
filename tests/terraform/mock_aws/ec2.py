"""Security groups of EC2, and networks that something stands in."""


def extend():
    descriptions()
    dependencies()


def dependencies():
    """Moto deletes networks and subnets with endpoints and groups in them, and groups that endpoints use; AWS does not."""
    from moto.ec2.exceptions import DependencyViolationError
    from moto.ec2.models import EC2Backend

    delete_vpc, delete_subnet, delete_group = EC2Backend.delete_vpc, EC2Backend.delete_subnet, EC2Backend.delete_security_group

    def endpoints(backend):
        return [endpoint for endpoint in backend.vpc_end_points.values() if endpoint.state != "deleted"]

    def refuse(kind, identity, users):
        if users:
            raise DependencyViolationError(f"The {kind} '{identity}' has dependencies and cannot be deleted.")

    def delete_unused_vpc(self, vpc_id):
        groups = [group for group in self.groups.get(vpc_id, {}).values() if group.name != "default"]
        refuse("vpc", vpc_id, groups + [endpoint for endpoint in endpoints(self) if endpoint.vpc_id == vpc_id])
        return delete_vpc(self, vpc_id)

    def delete_unused_subnet(self, subnet_id):
        refuse("subnet", subnet_id, [endpoint for endpoint in endpoints(self) if subnet_id in (endpoint.subnet_ids or [])])
        return delete_subnet(self, subnet_id)

    def delete_unused_group(self, name=None, group_id=None):
        refuse("resource", group_id, [endpoint for endpoint in endpoints(self) if group_id in (endpoint.security_group_ids or [])])
        return delete_group(self, name, group_id)

    EC2Backend.delete_vpc, EC2Backend.delete_subnet, EC2Backend.delete_security_group = delete_unused_vpc, delete_unused_subnet, delete_unused_group


def descriptions():
    """Moto forgets the description of a rule that names another group or a prefix list."""
    from moto.ec2.models.security_groups import SecurityGroupRule

    init = SecurityGroupRule.__init__

    def init_with_description(self, *args, prefix_list_id=None, **kwargs):
        # Moto hands the prefix list over by position.
        init(self, *args, **({"prefix_list_id": prefix_list_id} if prefix_list_id else {}), **kwargs)
        lists = [each for each in (*args, prefix_list_id) if isinstance(each, dict) and "PrefixListId" in each]
        parts = [self.ip_range, self.source_group, *lists]
        self.remembered = next((part["Description"] for part in parts if part and "Description" in part), None)

    SecurityGroupRule.__init__ = init_with_description
    SecurityGroupRule.description = property(lambda rule: rule.remembered)
