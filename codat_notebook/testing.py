"""A pretend Codat in your own tests: two fixtures and a marker, which pytest finds where codat-notebook is installed.

``codat_sandbox`` is a :class:`~codat_notebook.sandbox.Sandbox` for one test, ten minutes a second; ``codat_session`` a
session on it. While the test runs, whatever connects by its environment (``cn.connect()``, ``codat-notebook refresh``)
reaches this sandbox, and never Codat. ``@pytest.mark.codat`` says what differs in a test, a class or a module:
any argument of ``Sandbox`` (``companies``, ``seed``, ``speed``, ``scenario``, ``key``; ``start`` also as a text) and
``faults``, the switches of ``Sandbox.faults`` by name. ``docs/how-to/testing.md`` shows time travel, a withdrawn
authorization, a failure and an outage.

>>> @pytest.mark.codat(companies=3, start="2026-01-31T08:00Z", faults={"history_lag": 5})
... def test_month_end(codat_session): ...

Where no test uses them, nothing of the package but this module is loaded.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from codat_notebook.sandbox import Sandbox
    from codat_notebook.session import Session


def pytest_configure(config: pytest.Config) -> None:
    """Announce the marker."""
    config.addinivalue_line("markers", "codat(**how): a pretend Codat, by arguments of Sandbox, and its faults={...}")


@pytest.fixture
def codat_sandbox(request: pytest.FixtureRequest) -> "Iterator[Sandbox]":
    """A pretend Codat for this test, as ``@pytest.mark.codat`` says; ``connect()`` reaches it."""
    from codat_notebook.models.instants import instant
    from codat_notebook.sandbox import Sandbox

    how: dict[str, Any] = {"speed": 600}
    faults: dict[str, Any] = {}
    for marker in reversed([*request.node.iter_markers("codat")]):  # what stands nearer to the test counts
        if marker.args:
            raise pytest.UsageError("@pytest.mark.codat takes named arguments: codat(companies=3)")
        how |= marker.kwargs
        faults |= how.pop("faults", {})
    if isinstance(how.get("start"), str) and (start := instant(how["start"])) is not None:
        how["start"] = start
    with Sandbox(**how) as sandbox, pytest.MonkeyPatch.context() as patch:
        sandbox.faults.switch(faults)
        patch.delenv("CODAT_AUTH_HEADER", raising=False)
        for name, value in (("BASE_URL", sandbox.url), ("API_KEY", sandbox.key)):
            patch.setenv(f"CODAT_{name}", value)
        for name, value in (("URL", sandbox.url), ("KEY", sandbox.key)):
            patch.setenv(f"CODAT_SANDBOX_{name}", value)
        yield sandbox


@pytest.fixture
def codat_session(codat_sandbox: "Sandbox") -> "Iterator[Session]":
    """A session on the test's ``codat_sandbox``, closed at its end."""
    from codat_notebook.session import connect

    with connect(sandbox=True) as session:
        yield session
