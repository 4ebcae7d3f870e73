"""What the application that answers the current request works with; `handler.app` makes it."""

from __future__ import annotations

from typing import cast

from flask import current_app, g, request

from handler.auth.known_users import KnownUsers
from handler.models.activity import Activities
from handler.models.evaluations import Evaluations
from handler.models.models import Models
from handler.models.overview import Overviews
from handler.models.reports import Reports
from handler.settings import Settings


def settings() -> Settings:
    """Return what the environment says."""
    return cast(Settings, current_app.config["SETTINGS"])


def users() -> KnownUsers:
    """Return who may use the server."""
    return cast(KnownUsers, current_app.config["USERS"])


def models() -> Models:
    """Return all models."""
    return cast(Models, current_app.config["MODELS"])


def evaluations() -> Evaluations:
    """Return what is kept of evaluations."""
    return cast(Evaluations, current_app.config["EVALUATIONS"])


def reports() -> Reports:
    """Return the reports of models that were deleted."""
    return cast(Reports, current_app.config["REPORTS"])


def activities() -> Activities:
    """Return what is known about the use of models."""
    return cast(Activities, current_app.config["ACTIVITIES"])


def note_request(**facts: int | str) -> None:
    """Note for the admin's page that the request about a model was answered so."""
    agent = request.headers.get("User-Agent", "")
    activities().note(g.model, str(request.endpoint), agent, **facts)


def overviews() -> Overviews:
    """Return what the pages show of models."""
    return cast(Overviews, current_app.config["OVERVIEWS"])
