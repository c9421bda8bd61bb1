"""A session on a sandbox of forty companies whose clock stands still, so that nothing ages while a test looks."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

#: Far from midnight, when the quota starts anew.
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@contextmanager
def still_sandbox(companies: int, speed: float) -> Iterator[Sandbox]:
    """A sandbox whose clock stands still until somebody resumes it."""
    with Sandbox(companies=companies, speed=speed, start=NOON) as sandbox:
        sandbox.clock.pause()
        yield sandbox


def session_on(sandbox: Sandbox) -> Session:
    """A session on a sandbox."""
    return Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own."""
    with still_sandbox(companies=40, speed=600) as sandbox:
        yield sandbox


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[Session]:
    """A session on it."""
    with session_on(sandbox) as session:
        yield session
