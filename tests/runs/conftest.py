"""A session on a sandbox whose hours pass in seconds, and how long a test waits for it at most."""

from collections.abc import Iterator

import pytest

from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

#: Real seconds within which every run here must have ended.
DEADLINE = 90.0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of its own, ten minutes a second."""
    with Sandbox(speed=600) as sandbox:
        yield sandbox


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[Session]:
    """A session on the test's sandbox."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        yield session


@pytest.fixture
def toft(session: Session) -> str:
    """The id of the company with three platforms, one of them deauthorized."""
    return str(session.companies(search="Toft").id[0])
