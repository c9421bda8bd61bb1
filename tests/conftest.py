"""What all tests share: the options, Hypothesis without a stopwatch, a sandbox and a session, and a guard
against threads left behind."""

import os
import threading
import time
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from codat_notebook.sandbox import Sandbox
    from codat_notebook.session import Session

# A shared machine is slow at times: that says nothing about the example at hand. What must be fast is a benchmark.
hypothesis.settings.register_profile(
    "house", deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("house")

#: The engine and its two helpers live as long as the process, by design.
_LASTING = ("codat-engine", "codat-worker", "codat-user-code")
_DEADLINE = 5.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--full`` adds the long tests."""
    parser.addoption("--full", action="store_true", help="also run the tests marked 'full' (long)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out, with a reason, unless they are asked for."""
    if not config.getoption("--full"):
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(pytest.mark.skip(reason="long: runs with --full"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CODAT_REQUIRE_BROWSER=1 a browser test that was skipped, for whatever reason, has failed."""
    report = yield
    required = os.environ.get("CODAT_REQUIRE_BROWSER") == "1" and item.get_closest_marker("browser")
    if required and report.skipped and not item.get_closest_marker("full"):
        report.outcome = "failed"
        report.longrepr = f"Skipped, although CODAT_REQUIRE_BROWSER=1: {report.longrepr}"
    return report


@pytest.fixture
def sandbox(codat_sandbox: "Sandbox") -> "Sandbox":
    """A sandbox of the test's own, as ``@pytest.mark.codat`` says; ``connect()`` and the commands reach it."""
    return codat_sandbox


@pytest.fixture
def session(codat_session: "Session") -> "Session":
    """A session on the test's sandbox."""
    return codat_session


@pytest.fixture
def toft(session: "Session") -> str:
    """The id of the company with three platforms, one of them deauthorized."""
    return str(session.companies(search="Toft").id[0])


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    """A test ends the threads that it started: sandboxes, servers, executors whose names start with "codat-"."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + _DEADLINE
    while (left := _ours(set(threading.enumerate()) - before)) and time.monotonic() < deadline:
        left[0].join(0.05)
    assert not left, f"threads left behind: {[thread.name for thread in left]}"


def _ours(threads: set[threading.Thread]) -> list[threading.Thread]:
    return [t for t in threads if t.name.startswith("codat-") and not t.name.startswith(_LASTING)]
