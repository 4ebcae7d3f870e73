"""A browser without a window, Chromium, and axe-core, which finds what keeps people out."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser():
    """Chromium; without one the tests are skipped, unless CHROMIUM_REQUIRED is set."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing = "there is no Chromium (Debian and Ubuntu: apt-get install chromium)"
        assert not os.environ.get("CHROMIUM_REQUIRED"), missing
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Open an address in a page of its own, which notes what it asks of any network.

    ``page.asked`` lists all requests but the first.
    """
    contexts = []

    def open_page(address, width=1280, scheme="light", media="screen", **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **options
        )
        context.set_default_timeout(300_000)
        contexts.append(context)
        page = context.new_page()
        page.emulate_media(media=media)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(address)
        page.asked.remove(page.url)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def violations():
    """Ask axe-core what is wrong with a page, as readable lines."""
    from axe_playwright_python.sync_playwright import Axe

    def violations(page):
        found = Axe().run(page).response["violations"]
        return [f"{v['id']}: {node['html']}" for v in found for node in v["nodes"]]

    return violations


@pytest.fixture
def screenshot(request):
    """Keep a picture of a page where ``--screenshots FOLDER`` asks for it."""
    folder = request.config.getoption("--screenshots")

    def screenshot(page, name):
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return screenshot
