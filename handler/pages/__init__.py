"""The pages for Moodle's admin: is it working, who uses it, and what became of each model.

Plain HTML without scripts. Addresses are one name each, with a query where needed, so that they are
found below any path, like Moodle's endpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from flask import Blueprint, Flask, Response
from jinja2 import StrictUndefined

from handler.auth.signin import PAGES
from handler.pages import filters

# method, address, function in handler.pages.views
_VIEWS = (
    ("GET", "/", "index"),
    ("GET", "/model", "model"),
    ("GET", "/report", "report"),
    ("GET", "/style.css", "style"),
    ("GET", "/delete", "ask_delete"),
    ("POST", "/delete", "delete"),
    ("GET", "/delete-reports", "ask_delete_reports"),
    ("POST", "/delete-reports", "delete_reports"),
    ("GET", "/rollback", "ask_roll_back"),
    ("POST", "/rollback", "roll_back"),
    ("POST", "/sign-in", "sign_in"),
    ("GET", "/sign-in", "signed_in"),
    ("POST", "/sign-out", "sign_out"),
)


def init_app(app: Flask) -> None:
    """Register the pages."""
    app.jinja_options = {
        "undefined": StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
    }
    pages = Blueprint(PAGES, __name__, template_folder="templates")
    for words in filters.ALL:
        pages.add_app_template_filter(words)
    for method, address, name in _VIEWS:
        pages.add_url_rule(address, name, _when_asked(name), methods=[method])
    pages.after_request(_when_asked("finish"))
    app.register_blueprint(pages)


def _when_asked(name: str) -> Callable[..., Any]:
    """Return a function of the views; these are imported when somebody asks for a page.

    Most processes on Lambda start for a prediction, and never show one.
    """

    def view(*answer: Response) -> Any:
        return getattr(import_module("handler.pages.views"), name)(*answer)

    return view
