"""What a test expects, and says when it is not so."""


def same(what, found, expected):
    if found != expected:
        raise AssertionError(f"{what}: {found!r}, expected {expected!r}")


def true(what, condition):
    if not condition:
        raise AssertionError(what)


def listed(value):
    return value if isinstance(value, list) else [value]


def values_of(text):
    """Of KEY=VALUE by line."""
    return dict(line.split("=", 1) for line in text.splitlines())
