"""The package for AWS Lambda: what goes into it, and the checks before it is used."""


class PackageError(Exception):
    """The package cannot be built, or must not be used as it is."""
