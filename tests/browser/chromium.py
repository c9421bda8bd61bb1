"""Finding a Chromium, starting it, and watching what its pages do.

Nothing may leave the loopback: each request that would is refused and written down, and so is each error that a page
reports. `Watch` holds both; the fixtures in `conftest.py` look at it when a test ends.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Playwright,
    Route,
    WebSocketRoute,
    sync_playwright,
)

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
HOW_TO_GET_ONE = (
    "No Chromium found (neither CODAT_TEST_CHROMIUM nor chromium, chromium-browser, google-chrome, chrome in PATH). "
    "Get one with: apt-get install chromium (Debian), brew install --cask chromium (macOS), "
    "or python -m playwright install chromium (anywhere)"
)
NO_DRIVER = (
    "Playwright's driver does not start. On a bare Debian it lacks a library: apt-get install libatomic1. "
    "python -m playwright --version shows what is wrong"
)
#: Where Playwright puts the browsers that it downloads, by platform.
_DOWNLOADS = {"darwin": "Library/Caches", "win32": "AppData/Local"}
#: The resolver's rule refuses names even where a request escapes the routes (a worker, a prefetch).
ARGUMENTS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)  # fmt: skip
OUTSIDE = re.compile(r"^(?:https?|wss?)://(?!(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?(?:[/?#]|$))")
#: Errors that the front ends report on their own, with nothing of ours on the page.
KNOWN_ERRORS = (
    r"^Cannot read properties of undefined \(reading 'schema'\)\n",  # Notebook 7, at every start
    r"getter for the shared module is not a function",  # Voila, where it shares modules with JupyterLab
)


def find() -> str | None:
    """The path of a Chromium that the environment names, or of one in PATH."""
    named = os.environ.get("CODAT_TEST_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


def is_there() -> bool:
    """Whether there is one, or Playwright has downloaded its own. Its driver is not asked, which may not start."""
    usual = Path.home() / _DOWNLOADS.get(sys.platform, ".cache") / "ms-playwright"
    return find() is not None or any(Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or usual).glob("chromium-*"))


@contextmanager
def running() -> Iterator[Browser]:
    """A Chromium, started; where it or what drives it is missing, the test is skipped and says how to get it."""
    if not is_there():
        pytest.skip(HOW_TO_GET_ONE)
    try:
        driver = sync_playwright().start()
    except Exception:  # noqa: BLE001 - the end of the driver's process comes as a bare Exception
        pytest.skip(NO_DRIVER)
    try:
        browser = start(driver, find() or driver.chromium.executable_path)
        yield browser
        browser.close()
    finally:
        driver.stop()


def start(playwright: Playwright, path: str) -> Browser:
    """A headless Chromium with a new profile."""
    return playwright.chromium.launch(executable_path=path, headless=True, args=list(ARGUMENTS))


@dataclass
class Watch:
    """What a context's pages tried and reported: requests to elsewhere, and errors of scripts."""

    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    #: Patterns of requests and errors that a test expects; a test may add to them.
    expected: list[str] = field(default_factory=lambda: list(KNOWN_ERRORS))

    def attach(self, context: BrowserContext) -> None:
        """Refuse and record what leaves the loopback, and record errors, on all pages of a context."""
        context.route(OUTSIDE, self._refuse)
        context.route_web_socket(OUTSIDE, self._refuse_socket)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.errors.append(f"{error.error}\n{error.error.stack}"))

    def unexpected(self) -> dict[str, list[str]]:
        """What nobody expected, by kind; empty where all is well."""
        found = {"requests that left the loopback": self.outside, "errors on the page": self.errors}
        rest = {kind: [text for text in texts if not self._is_expected(text)] for kind, texts in found.items()}
        return {kind: texts for kind, texts in rest.items() if texts}

    def _is_expected(self, text: str) -> bool:
        return any(re.search(pattern, text) for pattern in self.expected)

    def _refuse(self, route: Route) -> None:
        self.outside.append(route.request.url)
        route.abort()

    def _refuse_socket(self, socket: WebSocketRoute) -> None:
        self.outside.append(socket.url)
        socket.close()

    def _console(self, message: ConsoleMessage) -> None:
        url = message.location.get("url", "")
        if message.type == "error" and not OUTSIDE.match(url):  # a refused request is recorded already
            self.errors.append(f"{message.text} ({url})")
