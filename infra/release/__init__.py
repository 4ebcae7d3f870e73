"""What a release consists of: zips for Lambda, plugin, wheel, template, checksums, notes."""


class ReleaseError(Exception):
    """A release that cannot be made, and what to do."""
