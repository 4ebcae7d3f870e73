"""Placeholder until the branch with the names is merged."""


def readable(name: str) -> str:
    """Return a name as people say it."""
    return name.rpartition("\\")[2].replace("_", " ")
