"""Fixtures of the browser tests: a guarded Chromium, a stage for single parts, and the three Jupyter front ends.

A test that asks for `page`, `stage`, `open_notebook` or anything built on them is marked `browser` and put into one
xdist group by itself. Without a Chromium, or where Playwright's driver does not start, such tests skip with one line
that says how to get what is missing; with CODAT_REQUIRE_BROWSER=1 they fail. Playwright's event loop lives on the
test's thread, so it is ended with each module: asyncio tests of other modules find the thread as it was.
"""

import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from . import chromium, deadlines, notebooks, servers
from . import stage as stages

Shoot = Callable[[Page | Locator, str], Path]
SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
expect.set_options(timeout=deadlines.EXPECT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a browser, and keep it together on one worker."""
    for item in items:
        if "chrome" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without a Chromium nothing is started for a test that needs one: no driver, no JupyterLab."""
    if item.get_closest_marker("browser") and not chromium.is_there():
        pytest.skip(chromium.HOW_TO_GET_ONE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """One line for all tests that lack the same thing: pytest folds skips that give the same place."""
    report = yield
    missing = (chromium.HOW_TO_GET_ONE, chromium.NO_DRIVER)
    if report.skipped and isinstance(report.longrepr, tuple) and any(text in report.longrepr[2] for text in missing):
        report.longrepr = (str(Path(__file__).parent), None, report.longrepr[2])  # type: ignore[assignment]
    return report


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """A running Chromium, shared by a module's tests."""
    with chromium.running() as browser:
        yield browser


@pytest.fixture
def watch() -> chromium.Watch:
    """What the test's pages tried and reported; add to `watch.expected` what a test provokes on purpose."""
    return chromium.Watch()


@pytest.fixture
def context(chrome: Browser, watch: chromium.Watch) -> Iterator[BrowserContext]:
    """A fresh, guarded browser context. At the end: nothing left the loopback, no page reported an error."""
    context = chrome.new_context(
        viewport={"width": 1280, "height": 900}, service_workers="block", timezone_id="Europe/London", locale="en-GB"
    )
    context.set_default_timeout(deadlines.ACTION)
    watch.attach(context)
    yield context
    context.close()
    assert watch.unexpected() == {}


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty page in a guarded context."""
    return context.new_page()


@pytest.fixture
def shoot() -> Shoot:
    """`shoot(page_or_locator, "name")` saves a picture under tests/screenshots/ and returns its path."""

    def take(what: Page | Locator, name: str) -> Path:
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / (re.sub(r"[^\w.-]+", "-", name) + ".png")
        what.screenshot(path=path, animations="disabled")
        return path

    return take


@pytest.fixture
def stage(page: Page, shoot: Shoot) -> Iterator[stages.Stage]:
    """A bare page for parts, without Jupyter; see `stage.py`."""
    with stages.running(page, shoot) as stage:
        yield stage


def _server(kind: str) -> Callable[[pytest.TempPathFactory], Iterator[servers.Server]]:
    @pytest.fixture(scope="session", name=f"{kind}_server")
    def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
        with servers.running(kind, tmp_path_factory.mktemp(kind)) as server:
            yield server

    return server


lab_server, notebook_server, voila_server = map(_server, servers.KINDS)


@pytest.fixture
def open_notebook(
    context: BrowserContext, shoot: Shoot, request: pytest.FixtureRequest
) -> Iterator[Callable[..., notebooks.Notebook]]:
    """`open_notebook(*cells, front_end="lab", run=True)` opens a notebook made of code cells and runs it.

    `front_end` is "lab", "notebook" or "voila"; its server starts at the first use and serves the whole session.
    """
    opened = []

    def opening(*cells: str, front_end: str = "lab", run: bool = True) -> notebooks.Notebook:
        server = request.getfixturevalue(f"{front_end}_server")
        notebook = notebooks.Notebook(server, context.new_page(), cells, shoot)
        opened.append(notebook)
        notebook.open()
        if run and front_end != "voila":
            notebook.run_all()
        return notebook

    yield opening
    for notebook in opened:
        notebook.end()
