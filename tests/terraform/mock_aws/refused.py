"""A refusal of AWS's services that speak JSON."""

from moto.core.exceptions import JsonRESTError


class Refused(JsonRESTError):
    """Status, name of the error, and what is said of it."""

    def __init__(self, code, kind, message):
        self.code = code
        super().__init__(kind, message)
