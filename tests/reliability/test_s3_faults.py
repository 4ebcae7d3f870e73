"""Whatever S3 does with any call: it is asked again, or the admin gets a sentence."""

import json
from itertools import count as numbers

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server import werkzeug_app
from moto.s3.models import s3_backends

from handler import errors
from handler.models.manifest import Manifest
from handler.settings import BUCKET
from handler.store import AccessDenied, Conflict, Unavailable, Unreachable, s3
from tests.conftest import serve_forever
from tests.reliability.faults import FaultyHandler, Plan, cut, done_and, error, reset, silence
from tests.reliability.models import MODEL, Place, exported, learn, without_run
from tests.reliability.processes import ask

PASSING = {
    "500": error(500, "InternalError"),
    "503": error(503, "SlowDown"),
    "silence": silence,
    "reset": reset,
    "cut": cut,
    "lost": done_and(reset),
}
MAYBE_DONE = ("cut", "lost")
SENTENCES = {str(Unavailable()), str(Unreachable())}

# What to ask, and whether the process has asked for predictions before.
OPERATIONS = {
    "first training": ("training", "new"),
    "training": ("training", "new"),
    "the same training": ("training", "latest"),
    "import": ("import_", "imported"),
    "going back": ("roll_back",),
    "deletion": ("deletemodel",),
    "cold prediction": ("prediction", "unlabelled"),
    "warm prediction": ("prediction", "unlabelled"),
    "export": ("export",),
    "evaluation": ("evaluation", "evaluated"),
    "the same evaluation": ("evaluation", "evaluated"),
}


@pytest.fixture(scope="module")
def faulty_server():
    """The address of a moto server whose calls can go wrong."""
    app = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
    with serve_forever(app, FaultyHandler) as address:
        yield address


@pytest.fixture
def faulty(aws, fast_clients, aws_variables, faulty_server, make_bucket, monkeypatch):
    """A bucket whose calls go wrong as `FaultyHandler.plan` says."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", faulty_server)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(FaultyHandler, "plan", None)
    environ = {"MOODLE_MLBACKEND_PYTHON_USERS": "default:sshhhh", BUCKET: make_bucket()}
    return Bucket(Place(environ))


class Bucket:
    """A bucket, looked at and changed without asking S3."""

    def __init__(self, place):
        self.place = place
        self._bucket = place.environ[BUCKET]
        self._backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]

    @property
    def content(self):
        bucket = self._backend.head_bucket(self._bucket)
        keys, *_ = self._backend.list_objects(bucket, None, None, None, None)
        return {key.name: key.value for key in keys}

    @content.setter
    def content(self, content):
        for key in self.content:
            self._backend.delete_object(self._bucket, key)
        for key, value in content.items():
            self._backend.put_object(self._bucket, key, value)

    @property
    def model(self):
        """The file of the current classifier; its absence would be half a model."""
        content = self.content
        if MODEL.manifest not in content:
            return None
        run = Manifest.from_bytes(content[MODEL.manifest]).current
        if run is None:
            return None
        if run.examples:
            assert f"{MODEL.runs}/{run.name}/examples.npz" in content
        return content[f"{MODEL.runs}/{run.name}/classifier.npz"]


class Case:
    """An operation, what it is asked of, and what it should come to without a fault."""

    def __init__(self, operation, bucket, files):
        self._bucket, self.operation = bucket, operation
        store = bucket.place.store
        known = {"new": files.labelled(10), "latest": files.labelled(10)}
        known |= {"unlabelled": files.unlabelled(), "evaluated": files.labelled(12)}
        if operation != "first training":
            learn(store, files.labelled())
            known["imported"] = exported(store)
            learn(store, known["latest"])
        endpoint, *names = OPERATIONS[operation]
        self.call = (endpoint, *(known[name] for name in names))
        self._warm = operation == "warm prediction"
        if operation == "the same evaluation":
            assert ask(bucket.place.app(), *self.call)[0] == 200
        self._before = bucket.content
        self.old = bucket.model
        self._answer = self.ask()
        assert self._answer[0] == 200
        self.new = bucket.model

    def ask(self, plan=None):
        """Ask once, from the state before, and return status and body of the answer."""
        self._bucket.content = self._before
        app = self._bucket.place.app()
        if self._warm:
            app.config["MODELS"].classifier(MODEL)
        FaultyHandler.plan = plan
        try:
            return ask(app, *self.call)
        finally:
            FaultyHandler.plan = None

    def ask_again(self):
        """Ask again, of another process, after the fault is over."""
        return ask(self._bucket.place.app(), *self.call)

    def require_success(self, answer):
        """Require the answer that comes without a fault, and what it stores."""
        assert _essence(answer) == _essence(self._answer)
        assert self._bucket.model == self.new

    def require_sentence(self, answer, sentences, status, maybe_done=False):
        """Require a sentence, and a model as before; and success after the fault is over."""
        assert answer[0] == status
        assert answer[1].decode() in sentences
        left = [self.old]
        if maybe_done or self.operation == "deletion":
            left.append(self.new)
        found = self._bucket.model
        assert found in left
        again = self.ask_again()
        if self.operation == "going back" and found == self.new != self.old:
            assert again == (409, str(errors.ModelChanged()).encode())
        else:
            self.require_success(again)


def _essence(answer):
    """What does not differ from one time to another."""
    status, body = answer
    if body.startswith(b"{"):
        body = without_run(json.loads(body))
    return status, body


@pytest.fixture(params=OPERATIONS)
def case(request, faulty, files):
    return Case(request.param, faulty, files)


def passing(case, moment, long):
    """All faults that pass, or where time is short one, another at each moment."""
    names = list(PASSING)
    first = list(OPERATIONS).index(case.operation)
    return names if long else [names[(first + moment) % len(names)]]


@pytest.fixture
def _impatient(monkeypatch):
    """Let boto3 wait a moment only for an answer that does not come."""
    monkeypatch.setitem(s3._CONFIG, "read_timeout", 1)


@pytest.mark.usefixtures("_impatient")
def test_a_passing_fault_of_any_call_is_got_over(case, count, long):
    for moment in numbers():
        for name in passing(case, moment, long):
            plan = Plan(PASSING[name], moment, forever=False)
            case.require_success(case.ask(plan))
            count("faults of S3", min(plan.hits, 1))
        if not plan.hits:
            break
    assert moment > 0


@pytest.mark.usefixtures("_impatient")
def test_a_fault_that_stays_is_told_and_the_model_is_as_before(case, count, long, monkeypatch):
    monkeypatch.setattr(s3, "_PAUSES", (0,))
    for moment in numbers():
        for name in passing(case, moment, long):
            plan = Plan(PASSING[name], moment, forever=True)
            answer = case.ask(plan)
            if answer[0] == 200:  # only what a request may succeed without went wrong
                case.require_success(answer)
            else:
                case.require_sentence(answer, SENTENCES, 503, name in MAYBE_DONE)
            count("faults of S3", min(plan.hits, 1))
        if not plan.hits:
            break
    assert moment > 0


def test_a_refusal_is_never_taken_for_no_model(case, faulty, count):
    denied = {str(AccessDenied(faulty.place.environ[BUCKET]))}
    for moment in numbers():
        plan = Plan(error(403, "AccessDenied"), moment, forever=True)
        answer = case.ask(plan)
        if answer[0] == 200:
            case.require_success(answer)
        else:
            case.require_sentence(answer, denied, 500)
        if not plan.hits:
            break
        count("faults of S3")
    assert moment > 0


def is_conditional_write(method, path, headers):
    return method == "PUT" and ("If-Match" in headers or "If-None-Match" in headers)


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize(
    ("status", "code"), [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")]
)
def test_a_conditional_write_that_is_said_to_have_failed(
    case, count, status, code, written, monkeypatch
):
    fault = error(status, code)
    if written:
        fault = done_and(fault)
    monkeypatch.setattr("handler.models.models._ATTEMPTS", 3)
    for moment in numbers():
        plan = Plan(fault, moment, False, is_conditional_write)
        answer = case.ask(plan)
        if not plan.hits:
            break
        count("faults of S3")
        if case.call[0] == "roll_back" and not written and status == 412:
            assert answer == (409, str(errors.ModelChanged()).encode())
        else:
            case.require_success(answer)

        answer = case.ask(Plan(fault, moment, True, is_conditional_write))
        if answer[0] == 200:
            case.require_success(answer)
        elif answer[0] == 409:
            assert case.call[0] == "roll_back"
        else:
            case.require_sentence(answer, {str(Conflict()), str(Unavailable())}, 503, written)
        count("faults of S3")


def is_a_part(method, path, headers):
    return method == "GET" and path.partition("?")[0].endswith((".npz", ".zip"))


def test_what_is_gone_between_two_calls_is_looked_for_again(case, count, monkeypatch):
    for moment in numbers():
        plan = Plan(error(404, "NoSuchKey"), moment, False, is_a_part)
        answer = case.ask(plan)
        if not plan.hits:
            break
        count("faults of S3")
        case.require_success(answer)

        answer = case.ask(Plan(error(404, "NoSuchKey"), moment, True, is_a_part))
        if answer[0] == 200:
            case.require_success(answer)
        else:
            case.require_sentence(answer, {str(errors.ModelIncomplete())}, 503)
        count("faults of S3")
