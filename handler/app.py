"""The application, for any WSGI server: ``from handler.app import create_app``."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask
from flask.ctx import RequestContext

from handler import compression, endpoints, error_handlers, fields, lifecycle, pages
from handler.auth import csrf, signin
from handler.auth.known_users import KnownUsers
from handler.models.activity import Activities
from handler.models.evaluations import Evaluations
from handler.models.models import Models
from handler.models.overview import Overviews
from handler.models.reports import Reports
from handler.settings import Settings
from handler.store import DirectoryStore, ObjectStore, S3Store, best_effort

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


# Links and redirects begin with it, so browsers must not take it for another host's address.
_PREFIX = re.compile(r"/(?!/)[^\\\x00-\x20\x7f]*")


class Application(Flask):
    """Flask with requests that stay in memory, and whose endpoints are found below any path."""

    request_class = fields.InMemoryRequest

    @cached_property
    def _names(self) -> set[str]:
        return {rule.rule.strip("/") for rule in self.url_map.iter_rules()}

    def request_context(self, environ: WSGIEnvironment) -> RequestContext:
        """Take what precedes an endpoint's name for a prefix: a gateway may pass its stage on."""
        prefix, _, name = environ.get("PATH_INFO", "").rpartition("/")
        # the index has no name, and is not what a slash behind another one leads to
        is_known = name in self._names if name else prefix.rpartition("/")[2] not in self._names
        if is_known and _PREFIX.fullmatch(prefix):
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
            environ["PATH_INFO"] = f"/{name}"
        public = urlsplit(self.config["SETTINGS"].public_url)
        if public.netloc:  # what a proxy says of itself anybody could say
            environ["wsgi.url_scheme"], environ["HTTP_HOST"] = public.scheme, public.netloc
            environ["SCRIPT_NAME"] = public.path
        return super().request_context(environ)


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application.

    Parameters
    ----------
    settings : Settings, optional
        Without them the environment is read.

    Raises
    ------
    handler.errors.SettingsError
        When an environment variable has a value that cannot be used.
    """
    settings = settings or Settings.from_environ()
    app = Application(__name__, static_folder=None)
    app.config["SETTINGS"] = settings
    store = open_store(settings)
    app.config["USERS"] = KnownUsers(settings.users, store if settings.bucket else None)
    app.config["MODELS"] = Models(store)
    app.config["EVALUATIONS"] = Evaluations(store)
    app.config["REPORTS"] = reports = Reports(store, settings.report_days)
    if isinstance(store, DirectoryStore):  # of a bucket a rule does so
        best_effort("removing old reports", reports.expire)
    app.config["ACTIVITIES"] = Activities(store)
    app.config["OVERVIEWS"] = Overviews(store)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    app.config["MAX_FORM_PARTS"] = fields.MAX_PARTS
    for part in (lifecycle, compression, csrf, signin, endpoints, pages, error_handlers):
        part.init_app(app)
    return app


def open_store(settings: Settings) -> ObjectStore:
    """Return the store that the settings name."""
    if settings.bucket:
        return S3Store(settings.bucket, settings.prefix)
    return DirectoryStore(settings.directory)
