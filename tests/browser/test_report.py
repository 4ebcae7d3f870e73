"""The report of an evaluation as people see it: in light and dark, on a telephone, on paper."""

import io
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handler import answers
from handler.report import Context, evaluation_log
from infra.lab.course import Course
from mlcore import read_labelled
from mlcore.evaluation import evaluate

REAL = Path(__file__).parents[3] / "shared" / "data" / "labelled-365x1904.csv"
WIDTHS = (1280, 390)
LOOKS = {
    "light": {"scheme": "light"},
    "dark": {"scheme": "dark"},
    "print": {"media": "print"},
}


def report(folder, data, n_iterations=3):
    """Evaluate, unpack the log as Moodle does, and return the report's address."""
    dataset = read_labelled(data)
    evaluation = evaluate(dataset, n_iterations)
    answer = answers.of_evaluation(evaluation, 0.7, 0.05)
    return unpack(folder, answer, evaluation, dataset)


def unpack(folder, answer, evaluation, dataset):
    context = Context(datetime.now(UTC), dataset.target, dataset.time_splitting)
    log = evaluation_log(answer, evaluation, context)
    zipfile.ZipFile(io.BytesIO(log)).extractall(folder)
    return (folder / "report.html").as_uri()


def course(folder):
    return report(folder, Course(noise=0.3, seed=3).labelled(400))


def many_classes(folder):
    made_up = Course(n_features=12, n_classes=12, minority=0.9, unused=0.2, noise=0.2, seed=3)
    return report(folder, made_up.labelled(300), 2)


def real(folder):
    if not REAL.exists():
        pytest.skip(f"the data set {REAL.name} is not at hand")
    return report(folder, REAL.read_bytes(), 10)


def not_evaluated(folder):
    answer = answers.without_evaluation(
        answers.NOT_ENOUGH_DATA, "There are too few samples.", 0.7, 0.05
    )
    return unpack(folder, answer, None, read_labelled(Course(n_features=5).labelled(9)))


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    """The reports that were asked for, made once."""
    made = {}

    def address(make):
        if make not in made:
            made[make] = make(tmp_path_factory.mktemp(make.__name__))
        return made[make]

    return address


REPORTS = pytest.mark.parametrize(
    "make", [course, many_classes, real, not_evaluated], ids=lambda make: make.__name__
)


@REPORTS
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_read_it(open_page, violations, screenshot, addresses, make, width, look):
    """No finding of axe-core, nothing to scroll sideways, nothing from a network."""
    page = open_page(addresses(make), width, **LOOKS[look])
    screenshot(page, f"report-{make.__name__}-{width}-{look}")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [url for url in page.asked if not url.startswith("data:")] == []


@REPORTS
def test_every_chart_has_a_text_alternative(open_page, addresses, make):
    page = open_page(addresses(make))
    charts = page.get_by_role("img").all()
    assert len(charts) == page.locator("svg").count()
    assert (len(charts) >= 7) == (make is not not_evaluated)
    for chart in charts:
        assert len(chart.get_attribute("aria-label")) > 40


def test_works_without_scripts(open_page, addresses):
    page = open_page(addresses(course), java_script_enabled=False)
    assert page.get_by_role("heading", name="Yes: this model may be used").is_visible()


def test_a_keyboard_opens_the_figures_of_every_chart(open_page, addresses):
    page = open_page(addresses(course))
    n_charts = page.locator("svg").count()
    opened = page.locator("details[open]")
    for _ in range(3 * n_charts):  # an open one has a table to scroll, which is reached, too
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            page.keyboard.press("Enter")
        if opened.count() == n_charts:
            break
    assert opened.count() == n_charts == page.locator("details").count()
    assert page.locator("details table").first.is_visible()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("look", ["light", "dark"])
def test_open_figures_can_be_read_by_everybody(
    open_page, violations, screenshot, addresses, width, look
):
    page = open_page(addresses(course), width, **LOOKS[look])
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    screenshot(page, f"report-figures-{width}-{look}")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_no_text_of_a_chart_is_cut_off_or_too_small(open_page, addresses):
    """On a telephone at least 10 pixels, and within the drawing."""
    page = open_page(addresses(course), 390)
    texts = page.evaluate(
        """[...document.querySelectorAll("svg text")].map(text => {
            const box = text.getBoundingClientRect()
            const svg = text.ownerSVGElement.getBoundingClientRect()
            const inside = box.left >= svg.left - 1 && box.right <= svg.right + 1
                && box.top >= svg.top - 1 && box.bottom <= svg.bottom + 1
            const scale = svg.width / text.ownerSVGElement.viewBox.baseVal.width
            return [text.textContent, inside, scale * parseFloat(text.style.fontSize)]
        })"""
    )
    assert len(texts) > 60
    for text, inside, size in texts:
        assert inside, text
        assert size >= 9.5, text


def test_is_printed_on_a4_without_cutting_a_chart(open_page, addresses):
    """No chart begins on one page and ends on another, as far as a page's height tells."""
    page = open_page(addresses(course))
    sizes = re.findall(
        rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", page.pdf(prefer_css_page_size=True)
    )
    assert {(round(float(width)), round(float(height))) for width, height in sizes} == {(595, 842)}
    page.emulate_media(media="print")
    breaks = "[...document.querySelectorAll('figure')].map(e => getComputedStyle(e).breakInside)"
    assert set(page.evaluate(breaks)) == {"avoid"}
    page.set_viewport_size({"width": 680, "height": 1000})  # A4 less its margins
    heights = "[...document.querySelectorAll('figure')].map(e => e.offsetHeight)"
    assert max(page.evaluate(heights)) < 1000
