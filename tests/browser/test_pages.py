"""The pages for the admin as people see and use them, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from handler.app import create_app
from handler.errors import WrongSignIn
from handler.models.model_id import ModelId
from handler.settings import Settings
from handler.store import DirectoryStore
from infra.lab.course import Course
from tests.conftest import serve_forever
from tests.handler.conftest import (
    USERS,
    start_server,  # noqa: F401
)

UNIQUEID = "4d3fce33e708edeb67dc6220a222057ecb64d3dd"
LONG = "https://moodle.a-department-with-a-long-name.university.example/moodle"
PAGES = {
    "list": "./",
    "model": f"model?uniqueid={UNIQUEID}",
    "rollback": f"rollback?uniqueid={UNIQUEID}&dirhash=execution",
    "delete": f"delete?uniqueid={UNIQUEID}",
    "damaged": "model?uniqueid=damaged",
    "error": "model?uniqueid=unknown",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def server(start_server, folder):  # noqa: F811
    """A server with models of all kinds; the user "other" has none."""
    course = Course(noise=0.3, seed=3)
    with start_server(folder) as server:
        moodle = server.moodle.but(uniqueid=UNIQUEID, dirhash="execution")
        for size in (200, 240):
            moodle.train(course.labelled(size))
        moodle.prediction(course.unlabelled(30))
        for min_score in (0.5, 0.99):
            evaluation = moodle.but(dirhash=f"evaluation {min_score}")
            assert evaluation.evaluation(course.labelled(100), min_score, 1).json["runid"]
        hostile = moodle.but(uniqueid="<b>x</b>" * 9, agent=f"MoodleBot/5.0 (+{LONG})")
        hostile.train(course.labelled(60).replace(b"course_dropout", b"unbreakable" * 20))
        damaged = ModelId("default", "damaged", "execution")
        DirectoryStore(folder / "models").put(damaged.manifest, b'{"format": 99}')
        yield server


@pytest.fixture
def open_at(server, open_page):
    """Open a page, signed in as some user."""

    def open_at(link="./", username="default", **options):
        password = dict(entry.split(":") for entry in USERS.split(","))[username]
        credentials = {"username": username, "password": password}
        address = f"http://127.0.0.1:{server.port}/{link.removeprefix('./')}"
        return open_page(address, http_credentials=credentials, **options)

    return open_at


def assert_fits(page):
    """Nothing is wider than the window."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", [*PAGES, "empty"])
def test_a_page_keeps_nobody_out(open_at, violations, screenshot, name, width, scheme):
    user = "other" if name == "empty" else "default"
    page = open_at(PAGES.get(name, "./"), user, width=width, scheme=scheme)
    for details in page.locator("details:not([open]) summary").all():
        details.click()
    assert violations(page) == []
    assert_fits(page)
    screenshot(page, f"page-{name}-{width}-{scheme}")
    assert [re.sub(r".*/", "", address) for address in page.asked] == ["style.css"]


@pytest.fixture(params=["with scripts", "without"])
def reader(open_at, request):
    return open_at(java_script_enabled=request.param == "with scripts")


def require_heading(page, text):
    """A click does not wait for the page that it leads to, so this does."""
    expect(page.get_by_role("heading", level=1)).to_contain_text(text)


def test_from_the_list_to_a_report_and_back(reader):
    reader.get_by_role("link", name="dropping out").click()
    require_heading(reader, "dropping out")
    reader.get_by_role("link", name="Open the report").first.click()
    title = re.compile("^Evaluation report: Students at risk of dropping out")
    expect(reader).to_have_title(title)
    reader.go_back()
    reader.get_by_role("link", name="All models").click()
    require_heading(reader, "It works, but 1 model needs attention")


def test_saying_no_changes_nothing(reader):
    reader.get_by_role("link", name="dropping out").click()
    for change, question in (("Undo", "Undo the last change"), ("Delete…", "Delete this model?")):
        reader.get_by_role("link", name=change).click()
        require_heading(reader, question)
        reader.get_by_role("link", name="No, keep it").click()
    expect(reader.get_by_role("table")).to_contain_text("240")


def test_the_keyboard_suffices(open_at, server):
    """To skip what is above, to sign a decision, and to see where one is."""
    course = Course(noise=0.3, seed=5)
    moodle = server.moodle.but(user="other", password="secret", uniqueid="keys", dirhash="e")
    for size in (20, 30):
        moodle.train(course.labelled(size))
    page = open_at("model?uniqueid=keys", "other")

    def go_to(name):
        """Press Tab until something is reached that can be seen to be."""
        for _ in range(20):
            page.keyboard.press("Tab")
            if name in page.evaluate("document.activeElement.innerText"):
                focused = page.locator(":focus")
                assert (
                    focused.evaluate("element => getComputedStyle(element).outlineWidth") == "3px"
                )
                assert focused.bounding_box()["x"] >= 0
                return
        raise AssertionError(f"{name} cannot be reached")

    def choose(name, then):
        go_to(name)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name=then).wait_for()
        page.wait_for_load_state()  # the stylesheet, too

    go_to("Skip to the content")
    page.keyboard.press("Enter")
    choose("Undo the last change", "Undo the last change of this model?")
    choose("Yes, undo it", "dropping out")
    expect(page.get_by_role("status")).to_contain_text("The model is what it was")
    assert page.get_by_role("link", name="Undo").count() == 0
    choose("Delete…", "Delete this model?")
    choose("Yes, delete it", "What to do next")
    expect(page.get_by_role("status")).to_have_text("The model was deleted.")


@pytest.fixture
def stage(server, folder):
    """The address of the same behind a gateway: it takes a stage off, and renames a header."""
    environ = {
        "MOODLE_MLBACKEND_PYTHON_USERS": USERS,
        "MOODLE_MLBACKEND_PYTHON_DIR": str(folder / "models"),
    }
    app = create_app(Settings.from_environ(environ))

    def gateway(environ, start_response):
        def start(status, headers, *rest):
            headers = [(k, v) for k, v in headers if k != "WWW-Authenticate"]
            return start_response(status, headers, *rest)

        path = environ["PATH_INFO"]
        assert path.startswith("/production")
        environ |= {"SCRIPT_NAME": "/production", "PATH_INFO": path[11:] or "/"}
        return app(environ, start)

    with serve_forever(gateway) as address:
        yield f"{address}/production"


@pytest.mark.parametrize("width", [1280, 390])
def test_where_browsers_do_not_ask_one_signs_in_with_a_form(
    stage, open_page, violations, screenshot, width
):
    page = open_page(stage, width=width)
    require_heading(page, "Sign in")
    assert violations(page) == []
    assert_fits(page)
    screenshot(page, f"page-signin-{width}-light")
    for password, shown in (("wrong", WrongSignIn.sentence), ("sshhhh", "It works, but 1 model")):
        page.get_by_label("Username").fill("default")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text(shown)).to_be_visible()
    page.get_by_role("link", name="dropping out").click()
    page.get_by_role("link", name="Delete…").click()
    require_heading(page, "Delete this model?")
    page.get_by_role("button", name="Sign out").click()
    require_heading(page, "Sign in")
    page.goto(f"{stage}/model?uniqueid={UNIQUEID}")
    require_heading(page, "Sign in")
