"""The pages, one function each."""

from __future__ import annotations

import io
import platform
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Response, g, render_template, request

from handler import current, errors, fields, moodle_settings, payload
from handler.auth import sessions, signin
from handler.deadline import time_limit
from handler.endpoints import MAX_RUNID
from handler.logs import note
from handler.models.manifest import Run
from handler.models.model_id import ModelId
from handler.models.overview import Overview, together
from handler.pages import filters
from handler.version import SOFTWARE, version_for
from mlcore.memory import MAX_CELLS

_POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
# A report has its style inside, and whatever else may be in it must not act.
_REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_ROW_BYTES = 180  # of Moodle's own model of students who drop out
_FEATURES = 98  # of the default model of Moodle 4.5

_DONE = {
    "deleted": "The model was deleted.",
    "reports-deleted": "The reports were deleted.",
    "rolled-back": "The model is what it was before its last change.",
}


# what there is ------------------------------------------------------------------------------------


def index() -> str:
    """Show whether the server works, who uses it, and all models of the user."""
    kept = current.overviews().of(g.user)
    models = [one for one in kept if one.exists]
    models.sort(key=lambda model: (model.changed, model.uniqueid), reverse=True)
    reports = current.reports().of(g.user)
    return _page(
        "index.html",
        models=models,
        titles=Counter(filters.title_of(model) for model in models),
        activity=together(kept),
        reports=reports,
        steps=_steps(kept, bool(reports)),
        bucket=current.settings().bucket,
        setup=_setup(),
        limits=_limits(),
    )


def model() -> str:
    """Show what is known about a model."""
    found = _model()
    earlier = current.reports().of(g.user).get(found.target, [])
    return _page("model.html", model=found, earlier=earlier)


def report() -> Response:
    """Show the report of an evaluation, as it was made."""
    if "amp;runid" in request.args:  # copied from Moodle's commands, which print the link's HTML
        asked = {name.removeprefix("amp;"): value for name, value in request.args.items()}
        return _go("report", **asked)
    runid = fields.whole_number("runid", None, 0, MAX_RUNID)
    if "target" in request.args:  # its model was deleted
        log = current.reports().log(g.user, runid, _asked("target"))
    else:
        of = ModelId.of(g.user, _asked("uniqueid"), _asked("dirhash"))
        log = current.evaluations().log(of, runid)
        # Moodle's log still has the link after the model was deleted.
        log = log or current.reports().log(g.user, runid)
    try:
        with zipfile.ZipFile(io.BytesIO(log or b"")) as files:
            html = files.read("report.html")
    except (KeyError, zipfile.BadZipFile) as error:
        raise errors.NoSuchReport from error
    answer = Response(html, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = _REPORT_POLICY
    return answer


def style() -> Response:
    """Send the stylesheet, without sign-in: the page to sign in needs it, too."""
    answer = Response(_style(), mimetype="text/css")
    answer.headers["Cache-Control"] = "max-age=3600"
    return answer


# changes, each of which asks first ----------------------------------------------------------------


def ask_delete() -> str:
    """Ask before a model is deleted."""
    found = _model()
    facts = {"uniqueid": found.uniqueid, "target": found.target, "runs": _runs(found)}
    token = sessions.confirmation("delete", **facts)
    return _page("delete.html", model=found, confirmation=token)


def delete() -> Response:
    """Delete all that is kept of a model, the reports of its target included."""
    facts = sessions.confirmed("delete")
    of = ModelId.of(g.user, facts["uniqueid"], "")
    note(model=of.unique_folder)
    if _runs(current.overviews().one(g.user, of.uniqueid)) != facts["runs"]:
        raise errors.ModelChanged
    current.models().delete(of)
    current.reports().delete(g.user, facts["target"])
    return _go(done="deleted")


def ask_delete_reports() -> str:
    """Ask before the reports of deleted models are deleted."""
    target = _asked("target")
    reports = current.reports().of(g.user).get(target)
    if not reports:
        raise errors.NoSuchReport
    token = sessions.confirmation("delete-reports", target=target)
    return _page("delete_reports.html", target=target, reports=reports, confirmation=token)


def delete_reports() -> Response:
    """Delete the reports of deleted models with a target."""
    current.reports().delete(g.user, sessions.confirmed("delete-reports")["target"])
    return _go(done="reports-deleted")


def ask_roll_back() -> str:
    """Ask before a model goes back to the run before."""
    found = _model()
    of, now, before = _last_change(found, _asked("dirhash"))
    token = sessions.confirmation(
        "rollback", uniqueid=of.uniqueid, dirhash=of.dirhash, run=now.name
    )
    return _page("rollback.html", model=found, now=now, before=before, confirmation=token)


def roll_back() -> Response:
    """Go back to the run before the one that was shown."""
    facts = sessions.confirmed("rollback")
    of = ModelId.of(g.user, facts["uniqueid"], facts["dirhash"])
    note(model=of.folder)
    current.models().roll_back(of, facts["run"])
    return _go("model", uniqueid=of.uniqueid, done="rolled-back")


# signing in and out -------------------------------------------------------------------------------


def sign_in() -> Response:
    """Let a browser stay signed in, for all that asks for no password by itself."""
    request.max_content_length = signin.MAX_FORM_BYTES
    user = request.form.get("username", "")
    signin.check(user, request.form.get("password", ""), errors.WrongSignIn)
    answer = _go_on(request.form.get("next", ""))
    sessions.begin(answer, user)
    return answer


def signed_in() -> Response:
    """Lead to where the form to sign in appears, or is not needed."""
    return _go()


def sign_out() -> Response:
    """Sign a browser out."""
    answer = _go()
    sessions.end(answer)
    return answer


# what all of them have in common ------------------------------------------------------------------


def finish(answer: Response) -> Response:
    """Put sentences of errors on a page, and let nobody else frame, keep or change what is sent."""
    if answer.status_code >= 400:
        sentence = answer.get_data(as_text=True)
        may_sign_in = answer.status_code == 401 and sentence != errors.NoUsers.sentence
        template = "signin.html" if may_sign_in else "error.html"
        answer.set_data(_page(template, sentence=sentence, next=_next()))
        answer.mimetype = "text/html"
    if g.get("session_of") and "Set-Cookie" not in answer.headers:
        sessions.begin(answer, g.session_of)
    answer.headers.setdefault("Content-Security-Policy", _POLICY)
    answer.headers.setdefault("Cache-Control", "no-store")
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["X-Frame-Options"] = "DENY"
    # "no-referrer" would make browsers hide from us, too, where a form was sent from
    answer.headers["Referrer-Policy"] = "same-origin"
    return answer


def _page(template: str, **facts: Any) -> str:
    """Fill a template."""
    return render_template(
        template,
        report_days=current.settings().report_days,
        home=_home(),
        user=g.get("user"),
        by_form="Authorization" not in request.headers,
        done=_DONE.get(request.args.get("done", "")),
        query=lambda **fields: urlencode(fields),
        version=SOFTWARE,
        stands_in_for=current.settings().version or version_for(""),
        python=platform.python_version(),
        **facts,
    )


def _next() -> str:
    """Return the page that was asked for, relative to the home page, with its query."""
    query = request.query_string.decode("ascii", "replace")
    return f"{request.path.rpartition('/')[2]}?{query}" if request.method == "GET" else ""


def _home() -> str:
    """Return what precedes the name of each page in links.

    A stage of API Gateway is known, and its root has no slash at the end everywhere. A path that a
    proxy removed is not known, so links are relative there.
    """
    return f"{request.script_root}/" if request.script_root else "./"


def _go(name: str = "", **query: str) -> Response:
    """Lead on to another page after a change."""
    address = f"{_home()}{name}{'?' if query else ''}{urlencode(query)}"
    return Response(status=303, headers={"Location": address})


def _go_on(address: str) -> Response:
    """Lead on to the page that somebody wanted to see before signing in, if it is one of ours."""
    name, _, query = address.partition("?")
    fields = dict(parse_qsl(query))
    return _go(name, **fields) if name in ("model", "report") else _go()


def _asked(name: str) -> str:
    """Return which model the address is about."""
    value = request.args.get(name)
    if not value:
        raise errors.NoSuchModel
    return value


def _model() -> Overview:
    uniqueid = _asked("uniqueid")
    note(model=ModelId.of(g.user, uniqueid, "").unique_folder)
    return current.overviews().one(g.user, uniqueid)


def _runs(found: Overview) -> str:
    """Return what predicts: a model that was trained meanwhile is not the one that was shown."""
    return ",".join(sorted(part.run.name for part in found.trained if part.run))


def _last_change(found: Overview, dirhash: str) -> tuple[ModelId, Run, Run]:
    """Return the run to go back from and the one to go back to; by now either may be gone."""
    for part in found.trained:
        now, before = part.run, part.previous
        if part.model.dirhash == dirhash and now and before:
            return part.model, now, before
    raise errors.ModelChanged


def _steps(kept: list[Overview], was_evaluated: bool) -> dict[str, bool]:
    """Return which steps to the first predictions are done, as requests prove."""
    activity = together(kept)
    trained = any(one.trained for one in kept)
    predicted = bool(activity.predictions)
    evaluated = was_evaluated or any(one.evaluations for one in kept)
    return {
        "asked": bool(activity.requests) or trained or evaluated,
        "evaluated": evaluated,
        "trained": trained,
        "predicted": predicted,
    }


def _setup() -> dict[str, Any]:
    """Return what to enter into Moodle, under the address by which this page was found."""
    address = moodle_settings.Address(request.url_root)
    entered = address, g.user, "the password that you were given"
    commands = moodle_settings.commands(address, g.user, "PASSWORD")
    is_forwarded = any(name in request.headers for name in ("Forwarded", "X-Forwarded-For"))
    return {
        "is_unsure": is_forwarded and not _on_lambda() and not current.settings().public_url,
        "path": address.path,
        "line": moodle_settings.line(address, g.user, "PASSWORD"),
        "form": moodle_settings.form(*entered),
        "commands": commands,
        "check": moodle_settings.CHECK,
        "place": moodle_settings.FORM.split(" › "),
    }


def _on_lambda() -> bool:
    return "lambda.context" in request.environ


def _limits() -> dict[str, Any]:
    """Return the limits of this deployment."""
    on_lambda = _on_lambda()
    megabytes = min(
        current.settings().max_body_bytes / 1e6, payload.REQUEST_MB if on_lambda else 1e6
    )
    return {
        "on_lambda": on_lambda,
        "megabytes": f"{megabytes:.1f}"
        if on_lambda
        else f"{current.settings().max_body_bytes >> 20}",
        "packed": f"{min(current.settings().max_dataset_bytes / 1e6, payload.PACKED_MB):.0f}",
        "rows": round(megabytes * 1e6 / _ROW_BYTES, -3),
        "seconds": time_limit(request.environ),
        "examples": round(MAX_CELLS / _FEATURES, -4),
    }


@cache
def _style() -> bytes:
    return (Path(__file__).parent / "style.css").read_bytes()
