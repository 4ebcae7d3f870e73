"""The pages for the admin: what they show, to whom, and what they change after asking."""

import html
import io
import json
import re
import time
import zipfile
from types import SimpleNamespace
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer

from handler import answers, errors
from handler.app import create_app
from handler.auth import sessions
from handler.models.activity import Request
from handler.models.evaluations import KeptEvaluation
from handler.models.manifest import Manifest, Run, Training
from handler.models.model_id import ModelId
from handler.pages import filters
from handler.report import Verdict
from handler.store import DirectoryStore
from handler.version import SOFTWARE

MODEL = ModelId("default", "4d3fce33e708", "execution")
TARGET = r"\core_course\analytics\target\course_dropout"
QUARTERS = r"\core\analytics\time_splitting\quarters"
VERDICT = Verdict("good", "Yes: this model may be used", "Its score is 0.84.")
DAY = 86400


@pytest.fixture
def models(tmp_path):
    """What the server stores its models in."""
    return DirectoryStore(tmp_path / "models")


@pytest.fixture
def browser(moodle):
    """Ask as a person's browser does, signed in."""
    return Browser(moodle)


class Browser:
    """Reads pages, follows links and presses buttons."""

    def __init__(self, moodle):
        self._moodle = moodle
        self.at = "/"

    def open(self, link, status=200, **headers):
        self.at = urljoin(self.at, link)
        return self._shown(self._moodle.send("GET", self.at, headers=headers), status)

    def press(self, page, button, status=303, headers=None, **changes):
        """Send the form that has a button, and return where that leads."""
        (form,) = [form for form in re.findall(r"<form.*?</form>", page, re.S) if button in form]
        action = html.unescape(re.search(r'action="([^"]*)"', form)[1])
        values = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form)) | changes
        body = "&".join(f"{name}={value}" for name, value in values.items()).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._moodle.send("POST", urljoin(self.at, action), body, kind | (headers or {}))
        if status == 303:
            assert answer.status == 303
            self.at = urljoin(urljoin(self.at, action), answer.headers["Location"])
            return self.open(self.at)
        return self._shown(answer, status)

    def _shown(self, answer, status):
        assert answer.status == status, answer.body
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        return answer.body.decode()


def text(page):
    """What a person reads of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page.partition("<body>")[2])).split())


def link(page, label):
    """The address behind a link."""
    links = re.findall(r'<a[^>]*href="([^"]+)"[^>]*>(.*?)</a>', page, re.S)
    (found,) = {
        html.unescape(address) for address, shown in links if label in text(f"<body>{shown}")
    }
    return found


def run(age, samples=100, **facts):
    """A run that was trained some days ago."""
    at = time.time() - age * DAY
    trainings = (Training("digest", samples, at),)
    name = f"{int(at):012}-{age}"
    return Run(**{"name": name, "trainings": trainings, "n_samples": samples, **facts})


def put(models, current, previous=None, model=MODEL):
    models.put(model.manifest, Manifest("born", current, previous).to_bytes())


def ask(models, endpoint, ago=0, model=MODEL, **facts):
    """Note a request as the server does."""
    facts = {"site": "https://site.example/moodle", "version": "4.5"} | facts
    request = Request(endpoint, time.time() - ago, **facts)
    name = f"{int(request.at * 1000):013}-{'refused' if request.refused else 'prediction'}-0a.json"
    models.put(f"{model.requests}/{name}", request.to_bytes())


def keep(models, model=MODEL, target=TARGET, time_splitting=QUARTERS, log=b"", verdict=VERDICT):
    """Store an evaluation as it is kept, and return its runid."""
    kept = KeptEvaluation(int(time.time() * 1000), {"status": 0}, verdict, target, time_splitting)
    models.put(f"{model.evaluations}/{kept.runid}.zip", log)
    models.put(f"{model.evaluations}/{kept.runid}-ab12.json", kept.to_bytes())
    return kept.runid


# the list -----------------------------------------------------------------------------------------


def test_without_a_model_the_next_steps_are_shown(browser):
    page = browser.open("/")
    assert "Everything works" in text(page)
    assert "What to do next" in text(page)
    assert "1 model" not in text(page)
    assert done_steps(page) == []
    for step in STEPS:
        assert step in text(page)


STEPS = [
    *("Switch analytics on", "Tell Moodle about this server", "Evaluate a model"),
    *("Enable it", "Let Moodle train it", "Let Moodle predict"),
]


def done_steps(page):
    """The steps that have a tick."""
    steps = re.findall(r"<h3>([^<]+) <span class=\"badge good\">Done", page)
    assert set(steps) <= set(STEPS)
    return steps


def test_a_step_is_done_once_a_request_proves_it(browser, moodle, course):
    moodle.training(b"refused, but Moodle has signed in")
    assert done_steps(browser.open("/")) == STEPS[:2]
    moodle.evaluation(course.labelled(60))
    assert done_steps(browser.open("/")) == STEPS[:3]
    moodle.train(course.labelled(12))
    assert done_steps(browser.open("/")) == STEPS[:5]
    assert "Connecting Moodle" not in text(browser.open("/"))
    moodle.prediction(course.unlabelled(2))
    shown = text(browser.open("/"))
    assert "What to do next" not in shown
    assert "Connecting Moodle" in shown


def test_the_steps_name_what_moodle_shows(browser):
    """Seen in Moodle 4.5.6 and 5.1.3."""
    shown = text(browser.open("/"))
    for words in (
        "Site administration › Advanced features , tick Analytics",
        "Analytics processes execution via command line only",
        "Site administration › Analytics › Analytics settings",
        "Site administration › Analytics › Analytics models and choose Actions › Evaluate",
        "Actions › Edit beside the model, choose the Analysis interval",
        "Actions › Execute scheduled analysis",
        "Site administration › Plugins › Machine learning backend settings › Python machine",
        'php -r \'define("CLI_SCRIPT", 1); require "config.php";',
    ):
        assert words in shown


def test_a_model_is_told_in_words(browser, models):
    put(models, run(3, 1204, target=TARGET, time_splitting=QUARTERS))
    keep(models)
    ask(models, "prediction", ago=7200, samples=1020, unsure=34)
    shown = text(browser.open("/"))
    assert "Students at risk of dropping out" in shown
    assert "after each quarter of the course" in shown
    assert "Trained 3 days ago, on 1,204 rows" in shown
    assert "Last evaluation Yes: this model may be used just now" in shown
    assert (
        "Last prediction 2 hours ago, for 1,020 rows, 34 of them too unsure for Moodle to show"
        in shown
    )
    assert "The last request of a Moodle site that is noted here came 2 hours ago" in shown
    assert "https://site.example/moodle Moodle 4.5, last seen 2 hours ago" in shown
    assert "from this server’s own disk" in shown


def test_the_times_are_told_exactly_too(browser, models):
    put(models, run(3))
    page = browser.open("/model?uniqueid=4d3fce33e708")
    iso, exact = re.search(r'<time datetime="([^"]+)">3 days ago <[^>]+>\(([^)]+)\)', page).groups()
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", iso)
    assert re.fullmatch(r"[1-3]?\d [A-Z][a-z]{2} 20\d\d, \d\d:\d\d UTC", exact)


def test_a_first_training_that_failed_leaves_no_model_but_what_was_wrong(browser, moodle):
    assert moodle.training(b"no dataset").status == 400
    page = browser.open("/")
    assert "What to do next" in text(page)
    assert "<h3><a" not in page
    refused = text(page).partition("Refused requests ")[2]
    assert refused.startswith("Moodle does not send again by itself")
    assert "another analysis interval, and then the old one again. Training , just now" in refused
    assert "This file does not begin so." in refused
    assert "The last request of a Moodle site that is noted here came just now" in text(page)
    browser.open(f"model?uniqueid={moodle.uniqueid}", 404)


def test_refused_requests_are_told_without_what_stood_in_the_dataset(browser, moodle, course):
    moodle.train(course.labelled(12))
    data = course.unlabelled(2)
    for _ in range(12):
        moodle.prediction(data[: data.rindex(b",")] + b",Karl Marx\n")
    shown = text(browser.open(f"/model?uniqueid={moodle.uniqueid}"))
    refused = shown.partition("Refused requests ")[2]
    assert len(re.findall(r"Prediction , just now \([^)]+\)", refused)) == 10
    assert "holds …, which is not a number." in refused
    assert "Marx" not in shown
    assert "Refused requests" in text(browser.open("/"))


def test_a_prediction_before_any_training_is_told(browser, moodle, course):
    moodle.prediction(course.unlabelled(2))
    assert answers.UNTRAINED in text(browser.open("/")).partition("Refused requests ")[2]


def test_a_model_that_was_only_evaluated_is_not_trained_yet(browser, models):
    keep(models)
    shown = text(browser.open("/"))
    assert "Trained Not yet." in shown
    assert "Last prediction Not asked for yet" in shown
    page = text(browser.open("model?uniqueid=4d3fce33e708"))
    assert "Not trained yet." in page
    assert "Moodle has not asked for any yet." in page
    assert "Undo" not in page


def test_an_imported_model_says_so(browser, models):
    put(models, run(2, 0, imported=True, trainings=()))
    assert "Trained Imported 2 days ago" in text(browser.open("/"))
    shown = text(browser.open("model?uniqueid=4d3fce33e708"))
    assert "Imported 2 days ago" in shown
    assert "Learned from Rows of another site" in shown
    put(models, run(1, 50, imported=True, sampled=True))
    shown = text(browser.open("model?uniqueid=4d3fce33e708"))
    assert "50 rows, of which a fair sample is kept, and a model that was imported" in shown


def test_an_imported_models_interval_is_known_from_its_evaluation(browser, models):
    put(models, run(2, 0, imported=True, trainings=()))
    assert "Its analysis interval is not known" in text(browser.open("/"))
    keep(models)
    assert "Last quarter (" in text(browser.open("/"))
    assert "Analysis interval Last quarter (" in text(browser.open("model?uniqueid=4d3fce33e708"))


def test_the_model_changed_last_is_listed_first_and_names_are_told_apart(browser, models):
    for i, age in enumerate((9, 2, 5)):
        put(models, run(age, target=TARGET), model=ModelId("default", f"{i}abcdefgh", "e"))
    keep(models, ModelId("default", "unnamed", "e"), target="", time_splitting="")
    shown = re.findall(r"<h3><a.*?</h3>", browser.open("/"), re.S)
    assert [text(f"<body>{title}")[-8:].strip("() ") for title in shown] == [
        *("unnamed", "1abcdef", "2abcdef", "0abcdef")
    ]


@pytest.mark.parametrize("n_samples", [4, 60])
def test_an_evaluation_has_the_verdict_of_its_report(browser, moodle, course, n_samples):
    """The data of the smaller one are too few, which the report says, too."""
    runid = moodle.evaluation(course.labelled(n_samples)).json["runid"]
    with zipfile.ZipFile(io.BytesIO(moodle.evaluationlog(runid).body)) as log:
        report = text(log.read("report.html").decode())
    page = browser.open(f"/model?uniqueid={moodle.uniqueid}")
    level, headline, why = re.search(
        r'class="badge (\w+)">(.*?)</span> (.*?)</p>', page, re.DOTALL
    ).groups()
    assert level in ("good", "care", "bad")
    assert text(f"<body>{headline} {why}").strip() in report


def test_a_part_that_was_evaluated_only_needs_no_training(browser, moodle, course):
    """Through Moodle's own endpoints."""
    moodle.evaluation(course.labelled(60))
    page = browser.open("/")
    page = browser.open(link(page, "dropping out"))
    assert "Not trained yet." in text(page)


# the page of a model ------------------------------------------------------------------------------


def test_a_models_page_has_its_history_and_its_use(browser, models):
    past = tuple(Training(str(i), 100 + i, time.time() - (5 - i) * DAY) for i in range(3))
    put(models, run(3, 303, trainings=past))
    ask(models, "prediction", ago=60, samples=30, unsure=8)
    ask(models, "prediction", ago=7200, samples=1)
    shown = text(browser.open("/model?uniqueid=4d3fce33e708"))
    rows = re.findall(r"(\d) days ago \([^)]+\) (\d+)", shown.partition("Rows sent")[2])
    assert rows == [("3", "102"), ("4", "101"), ("5", "100")]
    assert "Moodle last asked for predictions 1 minute ago" in shown
    assert "Of the last 31 predictions, 8 reached nobody" in shown
    assert "Moodle calls this model 4d3fce33e708" in shown


def test_an_earlier_version_of_a_model_is_shown_below(browser, models):
    put(models, run(1, 20))
    put(models, run(7, 10), model=ModelId("default", MODEL.uniqueid, "older"))
    shown = text(browser.open("/model?uniqueid=4d3fce33e708"))
    assert shown.index("20 rows") < shown.index("An earlier version") < shown.index("10 rows")


def test_the_report_opens_from_there(browser, moodle, course):
    moodle.evaluation(course.labelled(60))
    page = browser.open(f"/model?uniqueid={moodle.uniqueid}")
    answer = moodle.send("GET", urljoin("/model", link(page, "Open the report")))
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert policy == [
        *("sandbox", "default-src 'none'", "style-src 'unsafe-inline'", "img-src data:")
    ]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"Evaluation report" in answer.body


@pytest.mark.parametrize("log", [b"", b"no zip"])
def test_an_evaluation_without_a_report_says_so(browser, models, log):
    runid = keep(models, log=log)
    for number in (runid, runid + 1):
        query = f"uniqueid=4d3fce33e708&dirhash=execution&runid={number}"
        page = browser.open(f"/report?{query}", 404)
        assert errors.NoSuchReport.sentence in text(page)


def test_a_log_of_an_early_version_has_no_report(browser, models, zipped):
    runid = keep(models, log=zipped({"info.log": "x"}))
    query = f"uniqueid=4d3fce33e708&dirhash=execution&runid={runid}"
    assert errors.NoSuchReport.sentence in text(browser.open(f"/report?{query}", 404))


@pytest.fixture
def zipped():

    def zipped(files):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return out.getvalue()

    return zipped


@pytest.mark.parametrize("query", ["", "?uniqueid=", "?uniqueid=unknown", "?uniqueid=%ff%00"])
def test_a_model_that_is_not_there_is_404(browser, query):
    for page in ("model", "delete", "rollback"):
        shown = text(browser.open(f"/{page}{query}", 404))
        assert errors.NoSuchModel.sentence in shown


# names, damage, and other people's models ---------------------------------------------------------


NAMES = ["a b/c.d?e=f&g#h%41", "<script>alert(1)</script>", "ünïcødé ☃", "\"'>", "..", "x" * 200]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_has_pages_and_is_escaped(browser, models, name):
    model = ModelId("default", name, name)
    put(models, run(2), run(5), model=model)
    keep(models, model, target=name, time_splitting=name)
    ask(models, "prediction", model=model, site=f"https://{name}", version=name)
    ask(models, name, model=model, refused=name)
    for page in (browser.open("/"), browser.open("/")):
        assert "<script" not in page
    page = browser.open(re.search(r"<h3><a href=\"([^\"]+)", page)[1].replace("&amp;", "&"))
    assert f"Moodle calls this model {' '.join(name.split())}" in text(page)
    assert "<script" not in page
    browser.open(link(page, "Undo the last change"))
    page = browser.open("model?" + urlsplit(browser.at).query)
    page = browser.open(link(page, "Delete…"))
    browser.press(page, "Yes, delete it")
    assert models.keys("models") == []


FACTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "at", "samples", "trainings", "site", "refused", "status"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
SOUND = {
    "model.json": json.loads(Manifest("born", run(2), run(5)).to_bytes()),
    "requests/0000000000001-prediction-ab.json": json.loads(
        Request("prediction", 1e9, 9, 2, "", "https://a.example", "4.5").to_bytes()
    ),
    "evaluations/5-ab12.json": {
        "runid": 5,
        "answer": {"status": 0},
        "verdict": vars(VERDICT),
        "target": TARGET,
        "time_splitting": QUARTERS,
        "n_samples": 300,
    },
}


def changed(facts, path, value):
    """Put a value somewhere into facts."""
    if not path or not isinstance(facts, dict | list) or not facts:
        return value
    if isinstance(facts, list):
        return [changed(facts[0], path[1:], value), *facts[1:]]
    key = sorted(facts)[path[0] % len(facts)]
    return facts | {key: changed(facts[key], path[1:], value)}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(sorted(SOUND)), st.lists(st.integers(0, 9), max_size=4), FACTS)
def test_whatever_is_stored_breaks_no_page(browser, models, name, path, value):
    """Also where it is not what this server stores: somebody may have changed it."""
    put(models, run(1), model=ModelId("default", "sound", "e"))
    facts = SOUND | {name: changed(SOUND[name], path, value)}
    for file, content in facts.items():
        models.put(f"{MODEL.folder}/{file}", json.dumps(content).encode())
    assert "sound" in browser.open("/")
    page = browser.open("/model?uniqueid=4d3fce33e708")
    browser.open(link(page, "Delete…"))


def test_a_damaged_model_says_so_and_can_be_deleted(browser, models):
    models.put(MODEL.manifest, b'{"format": 99}')
    shown = text(browser.open("/"))
    assert "It works, but 1 model needs attention" in shown
    assert errors.NewerModel.sentence in shown
    page = browser.open("/model?uniqueid=4d3fce33e708")
    assert errors.NewerModel.sentence in text(page)
    page = browser.press(browser.open(link(page, "Delete…")), "Yes, delete it")
    assert "The model was deleted." in text(page)
    assert models.keys("models") == []


def test_several_damaged_models_are_counted(browser, models):
    for name in "ab":
        models.put(ModelId("default", name, "e").manifest, b"{")
    assert "It works, but 2 models need attention" in text(browser.open("/"))


@pytest.mark.parametrize("page", ["model", "delete", "rollback", "report"])
def test_another_users_models_are_as_unknown_as_any(moodle, models, page):
    put(models, run(2), run(5))
    runid = keep(models)
    other = Browser(moodle.but(user="other", password="secret"))
    assert "What to do next" in text(other.open("/"))
    query = f"dirhash=execution&runid={runid}&uniqueid="
    theirs = other.open(f"/{page}?{query}{MODEL.uniqueid}", 404)
    assert theirs == other.open(f"/{page}?{query}unknown", 404)


# changes ------------------------------------------------------------------------------------------


def test_deleting_asks_first_and_leads_back_to_the_list(browser, models):
    put(models, run(2, 50))
    keep(models)
    page = browser.open("/delete?uniqueid=4d3fce33e708")
    assert "from 50 rows" in text(page)
    assert "1 evaluation and its report are removed" in text(page)
    assert models.keys("models")
    page = browser.press(page, "Yes, delete it")
    assert models.keys("models") == []
    assert "The model was deleted." in text(page)
    assert "What to do next" in text(page)


def test_a_model_that_was_trained_after_the_question_is_not_deleted(browser, moodle, course):
    moodle.train(course.labelled(12))
    page = browser.open(f"/delete?uniqueid={moodle.uniqueid}")
    moodle.train(course.labelled(15))
    assert errors.ModelChanged.sentence in text(browser.press(page, "Yes, delete it", 409))
    assert moodle.export().status == 200


def test_going_back_asks_first_and_leads_to_the_model(browser, moodle, course):
    moodle.train(course.labelled(12))
    before = moodle.export().body
    moodle.train(course.labelled(15))
    page = browser.open(f"/model?uniqueid={moodle.uniqueid}")
    page = browser.open(link(page, "Undo the last change"))
    assert "Learned from 27 rows Afterwards" in text(page)
    assert moodle.export().body != before
    page = browser.press(page, "Yes, undo it")
    assert moodle.export().body == before
    assert "The model is what it was before its last change." in text(page)
    assert "Undo the last change" not in page


def test_a_model_that_has_changed_since_is_not_changed(browser, models):
    put(models, run(2), run(5))
    page = browser.open("/rollback?uniqueid=4d3fce33e708&dirhash=execution")
    put(models, run(1), run(2))
    assert errors.ModelChanged.sentence in text(browser.press(page, "Yes, undo it", 409))


@pytest.mark.parametrize("dirhash", ["execution", "unknown"])
def test_where_nothing_can_be_undone_nobody_is_asked(browser, models, dirhash):
    put(models, run(2))
    target = f"/rollback?uniqueid=4d3fce33e708&dirhash={dirhash}"
    assert errors.ModelChanged.sentence in text(browser.open(target, 409))


@pytest.fixture
def asked(browser, models):
    """The page that asks before a model is deleted."""
    put(models, run(2), run(5))
    return browser.open("/delete?uniqueid=4d3fce33e708")


def test_a_change_needs_the_token_of_its_question(browser, models, asked):
    other = browser.open("/rollback?uniqueid=4d3fce33e708&dirhash=execution")
    of_other = re.search(r'name="confirmation" value="([^"]+)"', other)[1]
    for token in ("", "x", of_other):
        page = browser.press(asked, "Yes, delete it", 403, confirmation=token)
        assert errors.NotConfirmed.sentence in text(page)
    assert models.keys("models")


def test_a_token_is_its_users_own(moodle, models, asked):
    other = Browser(moodle.but(user="other", password="secret"))
    other.press(asked, "Yes, delete it", 403)
    assert models.keys("models")


def test_a_token_lasts_an_hour(browser, models, asked, monkeypatch):
    now = time.time()
    clock = SimpleNamespace(time=lambda: now + 3590)
    monkeypatch.setattr("itsdangerous.timed.time", clock)
    clock.time = lambda: now + 3700
    browser.press(asked, "Yes, delete it", 403)
    assert models.keys("models")
    clock.time = lambda: now + 3500
    browser.press(asked, "Yes, delete it")
    assert models.keys("models") == []


def test_a_token_is_good_for_all_instances_but_not_for_a_new_password(
    make_moodle, models, asked, browser
):
    renewed = make_moodle(USERS="default:another").but(password="another")
    Browser(renewed).press(asked, "Yes, delete it", 403)
    assert models.keys("models")
    Browser(make_moodle()).press(asked, "Yes, delete it")
    assert models.keys("models") == []


def test_a_cross_origin_request_is_refused_on_a_page(browser, models, asked):
    headers = {"Sec-Fetch-Site": "cross-site"}
    page = browser.press(asked, "Yes, delete it", 403, headers=headers)
    assert errors.CrossOriginRequest.sentence in text(page)
    assert models.keys("models")


def test_messages_are_fixed_ones(browser):
    assert 'role="status"' not in browser.open("/?done=<b>You+won")


def test_the_report_of_a_model_that_moodle_deleted_is_shown_until_somebody_deletes_it(
    browser, moodle, course
):
    moodle.evaluation(course.labelled(120))
    moodle.deletemodel()
    page = browser.open("/")
    assert "What to do next" in text(page)
    assert "Students at risk of dropping out (course dropout): earlier evaluations" in text(page)
    shown = moodle.send("GET", urljoin("/", link(page, "Open the report")))
    assert b"Evaluation report" in shown.body
    assert shown.headers["Content-Security-Policy"].startswith("sandbox;")

    moodle = moodle.but(uniqueid="another")
    moodle.train(course.labelled(12))
    assert ": earlier evaluations" not in text(browser.open("/"))
    page = browser.open("/model?uniqueid=another")
    assert "Earlier evaluations" in text(page)
    page = browser.open(link(page, "Delete these reports…"))
    page = browser.press(page, "Yes, delete them")
    assert "The reports were deleted." in text(page)
    assert "Earlier evaluations" not in text(browser.open("/model?uniqueid=another"))


def test_deleting_a_model_on_the_page_takes_its_reports_along(browser, moodle, course, models):
    moodle.evaluation(course.labelled(120))
    moodle.deletemodel()
    moodle.train(course.labelled(12))
    page = browser.open(f"/delete?uniqueid={moodle.uniqueid}")
    browser.press(page, "Yes, delete it")
    assert models.keys() == []


# signing in ---------------------------------------------------------------------------------------


FIELDS = {"username": "default", "password": "sshhhh"}


@pytest.fixture
def form(client):
    """Sign in with the form, from a browser that asks for no password by itself."""

    def form(username="default", password="sshhhh", **options):
        fields = {"username": username, "password": password}
        return client.post("/sign-in", data=fields, **options)

    return form


def test_without_sign_in_the_form_is_shown(client, models):
    put(models, run(2))
    for target in ("/", "/model?uniqueid=4d3fce33e708", "/report", "/delete", "/rollback"):
        answer = client.get(target)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert errors.NotSignedIn.sentence in text(answer.text)
        assert '<input id="password"' in answer.text
        assert "4d3fce33" not in text(answer.text)
        assert SOFTWARE not in answer.text
    assert client.post("/delete").status_code == 401
    assert client.post("/rollback").status_code == 401


def test_the_form_signs_in_until_one_signs_out(client, form):
    answer = form()
    assert answer.status_code == 303
    assert "Signed in as default" in text(client.get("/").text)
    assert client.get("/sign-in").status_code == 303
    assert "Sign out" in client.get("/").text
    assert client.post("/sign-out").status_code == 303
    assert client.get("/").status_code == 401


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        (
            "/report?uniqueid=a+b&dirhash=c%26d&runid=1",
            "./report?uniqueid=a+b&dirhash=c%26d&runid=1",
        ),
        ("/model?uniqueid=%22%3E", "./model?uniqueid=%22%3E"),
        ("/?done=deleted", "./"),
    ],
)
def test_signing_in_leads_on_to_the_page_that_was_asked_for(client, wanted, led):
    shown = client.get(wanted).text
    asked = html.unescape(re.search(r'name="next" value="([^"]*)"', shown)[1])
    fields = {"username": "default", "password": "sshhhh", "next": asked}
    assert client.post("/sign-in", data=fields).headers["Location"] == led


@pytest.mark.parametrize("wanted", ["//elsewhere.example/report", "https://e.example", "delete?a"])
def test_signing_in_leads_nowhere_else(form, client, wanted):
    fields = {"username": "default", "password": "sshhhh", "next": wanted}
    assert client.post("/sign-in", data=fields).headers["Location"] == "./"


def test_a_password_that_the_browser_sends_cannot_be_signed_out(browser):
    assert "Sign out" not in browser.open("/")


@pytest.mark.parametrize("fields", [("default", "wrong"), ("nobody", "sshhhh"), ("", "")])
def test_a_wrong_password_is_told(client, form, fields):
    answer = form(*fields)
    assert answer.status_code == 401
    assert errors.WrongSignIn.sentence in text(answer.text)
    assert client.get("/").status_code == 401


def test_a_wrong_password_of_the_browsers_own_is_told(moodle):
    page = Browser(moodle.but(password="wrong")).open("/", 401)
    assert errors.WrongSignIn.sentence in text(page)


def test_without_users_there_is_no_form(make_moodle):
    page = Browser(make_moodle(USERS="").but(user="", password="")).open("/", 401)
    assert "This server has no users yet" in text(page)
    assert "<form" not in page


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "x",
        "a.b.c",
        "default:",
        "default:a.b.c",
        "default:ImRlZmF1bHQi.x.y",
        "nobody:x",
        ".FF:x",
    ],
)
def test_a_made_up_cookie_signs_nobody_in(client, cookie):
    client.set_cookie("moodle-mlbackend", cookie)
    assert client.get("/").status_code == 401


def test_nobody_is_let_in_by_a_large_form(client):
    large = {"username": "default", "password": "x" * (1 << 20)}
    assert client.post("/sign-in", data=large).status_code == 413


def test_a_cookie_is_kept_from_scripts_and_other_places(form):
    cookie = form(base_url="https://server.example/", environ_overrides={"SCRIPT_NAME": "/stage"})
    parts = set(cookie.headers["Set-Cookie"].split("; ")[1:])
    assert parts == {"Secure", "HttpOnly", "SameSite=Lax", "Path=/stage"}
    assert form().headers["Set-Cookie"].endswith("; HttpOnly; Path=/; SameSite=Lax")


def test_a_cookie_lasts_an_hour_and_is_renewed_by_use(client, form, monkeypatch):
    form()
    now = time.time()
    clock = SimpleNamespace()
    monkeypatch.setattr("itsdangerous.timed.time", clock)
    for minutes, status in [(50, 200), (100, 200), (170, 401)]:
        clock.time = lambda minutes=minutes: now + minutes * 60
        assert client.get("/").status_code == status


def test_behind_a_proxy_the_public_address_counts(make_settings):
    client = create_app(make_settings(PUBLIC_URL="https://a.example/ml")).test_client()
    answer = client.post("/sign-in", data=FIELDS)
    assert "; Secure; " in answer.headers["Set-Cookie"]
    assert "; Path=/ml; " in answer.headers["Set-Cookie"]
    assert answer.headers["Location"] == "/ml/"
    basic = {"Authorization": "Basic ZGVmYXVsdDpzc2hoaGg="}
    page = client.get("/", headers=basic | {"Host": "10.0.0.1:5000"}).text
    assert "a.example" in page
    assert "10.0.0.1" not in page


def test_without_it_no_scheme_is_claimed_behind_a_proxy(client):
    headers = {"Authorization": "Basic ZGVmYXVsdDpzc2hoaGg=", "X-Forwarded-For": "10.0.0.2"}
    page = client.get("/", headers=headers).text
    assert "MOODLE_MLBACKEND_PYTHON_PUBLIC_URL" in page
    assert "HTTPS</dt>" not in page


@pytest.mark.parametrize("path", ["/\t/evil.example/", "//evil.example/", "/\\evil.example/"])
def test_no_link_leads_to_another_host(client, path):
    for name, post in (("sign-in", FIELDS), ("", None), ("a\nb", None)):
        method = "POST" if post else "GET"
        environ = {"PATH_INFO": path + name}
        answer = client.open("/", method=method, data=post, environ_overrides=environ)
        assert answer.status_code == 404
        assert "evil" not in answer.headers.get("Location", "") + answer.text


def test_a_cookie_opens_none_of_moodles_endpoints(client, form):
    """Else pages of other websites could let browsers use them."""
    form()
    assert client.get("/export?uniqueid=u&dirhash=d").status_code == 401
    assert client.post("/deletemodel?uniqueid=u").status_code == 401


def test_a_confirmation_is_no_cookie(app, client):
    with app.test_request_context("/"):
        from flask import g

        g.user = "default"
        token = sessions.confirmation("delete", uniqueid="u")
    client.set_cookie("moodle-mlbackend", f"default:{token}")
    assert client.get("/").status_code == 401


def test_a_cookie_of_one_user_does_not_open_anothers_pages(client, form):
    signed = form().headers["Set-Cookie"].partition(";")[0].partition(":")[2]
    client.set_cookie("moodle-mlbackend", f"default:{signed}")
    assert client.get("/").status_code == 200
    client.set_cookie("moodle-mlbackend", f"other:{signed}")
    assert client.get("/").status_code == 401


def test_nothing_of_a_cookie_is_unpacked_before_it_is_known_to_be_ours(client, monkeypatch):
    """A few kilobytes could become gigabytes."""
    monkeypatch.setattr("itsdangerous.url_safe.zlib.decompress", pytest.fail)
    packed = URLSafeTimedSerializer("another key", salt="sign-in").dumps("x" * 100_000)
    assert packed.startswith(".")  # which says that it is packed
    client.set_cookie("moodle-mlbackend", f"default:{packed}")
    assert client.get("/").status_code == 401


# where it runs ------------------------------------------------------------------------------------


def links(page):
    return [html.unescape(found) for found in re.findall(r'(?:href|action)="([^"#]+)"', page)]


@pytest.mark.parametrize(
    ("environ", "opened"),
    [
        ({}, "/"),
        ({}, "/production/"),
        ({"SCRIPT_NAME": "/production"}, "/"),
    ],
    ids=["at the top", "below a path", "a stage"],
)
def test_all_links_lead_to_where_the_page_was_found(make_moodle, models, environ, opened):
    put(models, run(2), run(5))
    moodle = make_moodle(environ=environ)
    page = Browser(moodle).open(opened)
    stage = "/production" if "production" in f"{environ}{opened}" else ""
    # a browser may have asked for the stage without the slash
    for shown in {f"{stage}/", stage or "/"}:
        found = {urljoin(f"https://server.example{shown}", address) for address in links(page)}
        assert found == {
            f"https://server.example{stage}/{name}"
            for name in ("", "style.css", "model?uniqueid=4d3fce33e708")
        }


def test_a_stage_without_a_slash_leads_to_the_one_with(make_moodle):
    """So it is called by HTTP APIs; of REST APIs the stage is told apart, and the path is "/"."""
    moodle = make_moodle(environ={"SCRIPT_NAME": "/production", "PATH_INFO": ""})
    answer = moodle.send("GET", "")
    assert answer.status == 308
    assert urlsplit(answer.headers["Location"]).path == "/production/"


def test_a_proxy_that_removes_a_path_is_no_obstacle(browser):
    """Nobody tells the server about that path."""
    assert not [address for address in links(browser.open("/")) if address.startswith("/")]


def test_the_settings_for_moodle_are_those_of_the_address_in_use(make_moodle):
    page = Browser(make_moodle(environ={"HTTP_HOST": "ml.school.example:8443"})).open("/")
    shown = text(page)
    assert "Host ml.school.example Port 8443 Use HTTPS no Username default Password the p" in shown
    stage = {
        "HTTP_HOST": "x.execute-api.eu-central-1.amazonaws.com",
        "SCRIPT_NAME": "/production",
        "wsgi.url_scheme": "https",
    }
    shown = text(Browser(make_moodle(environ=stage)).open("/"))
    assert "--name=port --set=443/production" in shown
    assert "--name=secure --set=1" in shown
    assert "Use HTTPS" not in shown


def test_the_limits_are_those_of_this_server(make_moodle):
    shown = text(Browser(make_moodle(MAX_BODY_MB="5")).open("/"))
    assert "5 MB. That is about 29,000 rows" in shown
    assert "Time for a request No limit." in shown
    assert "200,000" in shown


@pytest.mark.parametrize(
    ("domain", "limit"),
    [
        ("x.execute-api.eu-central-1.amazonaws.com", "29 seconds."),
        ("x.lambda-url.eu-central-1.on.aws", "15 minutes."),
    ],
)
def test_the_limits_of_lambda_are_told(make_moodle, domain, limit):
    environ = {
        "lambda.context": SimpleNamespace(get_remaining_time_in_millis=lambda: 899_700),
        "lambda.event": {"requestContext": {"domainName": domain}},
    }
    shown = text(Browser(make_moodle(environ=environ)).open("/"))
    assert (
        "About 4.7 MB, or about 110 MB with the Moodle plugin. The first is AWS Lambda’s own"
        in shown
    )
    assert "own limit, and about 26,000 rows" in shown
    assert f"Time for a request {limit}" in shown


def test_the_bucket_is_named(make_moodle, bucket):
    page = Browser(make_moodle(S3_BUCKET_NAME=bucket)).open("/")
    assert f"from the S3 bucket {bucket} " in text(page)


def test_a_fault_of_the_store_is_told_on_a_page(make_moodle):
    page = Browser(make_moodle(DIR="/dev/null/models")).open("/", 500)
    assert "The directory in which this server keeps its models is missing" in text(page)


def test_the_version_is_that_of_the_project(browser, make_moodle):
    assert f"Version {SOFTWARE}. Moodle is told it is version 3.0.5" in text(browser.open("/"))
    shown = text(Browser(make_moodle(VERSION="3.1.0")).open("/"))
    assert "Moodle is told it is version 3.1.0" in shown


def test_nobody_may_frame_keep_or_add_to_a_page(moodle):
    for target in ("/", "/model"):
        headers = moodle.send("GET", target).headers
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
            "base-uri 'none'"
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] == "no-store"


def test_the_stylesheet_needs_no_sign_in(client):
    answer = client.get("/style.css")
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "prefers-color-scheme: dark" in answer.text


def test_there_is_no_script_and_no_style_but_the_stylesheet(browser, models):
    put(models, run(2), run(5))
    pages = ["/", "model", "delete", "rollback"]
    for page in pages:
        shown = browser.open(f"/{page.strip('/')}?uniqueid=4d3fce33e708&dirhash=execution")
        assert not re.search(
            r"<(script|style|img|iframe|link(?! rel=.stylesheet))|\son\w+=|style=", shown
        )


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        *((0, "just now"), (-5, "just now"), (59, "just now"), (60, "1 minute ago")),
        *((3599, "59 minutes ago"), (7200, "2 hours ago"), (DAY, "1 day ago")),
        *((364 * DAY, "364 days ago"), (800 * DAY, "2 years ago")),
    ],
)
def test_times_are_told_in_words(passed, said, monkeypatch):
    monkeypatch.setattr(filters, "time", SimpleNamespace(time=lambda: 1e9))
    assert filters.moment(1e9 - passed).ago == said


def test_a_query_keeps_what_it_is_about(browser, models):
    put(models, run(2), model=ModelId("default", "a b", "c&d"))
    address = link(browser.open("/"), "A model")
    assert parse_qs(urlsplit(address).query) == {"uniqueid": ["a b"]}
