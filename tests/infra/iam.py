"""A small reading of IAM: enough for policies without conditions on what is asked for."""

from fnmatch import fnmatchcase


def as_list(value):
    return value if isinstance(value, list) else [value]


def allows(policy, action, resource):
    """Say whether a policy allows an action on a resource, and does not forbid it, too."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        if any(fnmatchcase(action, pattern) for pattern in as_list(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in as_list(statement["Resource"]))
    }
    return effects == {"Allow"}


def actions(policy):
    """All actions that a policy names."""
    return {action for statement in policy["Statement"] for action in as_list(statement["Action"])}
