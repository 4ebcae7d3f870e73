"""The pages for Moodle's admin: is it working, who uses it, and what became of each model.

Plain HTML without scripts. Addresses are one name each, with a query where needed, so that they are
found below any path, like Moodle's endpoints.
"""

from __future__ import annotations

from flask import Flask
from jinja2 import StrictUndefined

from handler.pages.views import pages


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.jinja_options = {
        "undefined": StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
    }
    app.register_blueprint(pages)
