"""Security groups of EC2."""


def extend():
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
