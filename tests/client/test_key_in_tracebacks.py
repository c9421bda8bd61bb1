"""Mistakes with a key: told in words, and no traceback with variables shows the key, however deep it looks."""

import os
from typing import Any

import pytest

from codat_notebook import CodatLending, connect
from codat_notebook.models import errors
from codat_notebook.models.errors import hides_arguments
from codat_notebook.models.secret import Secret
from codat_notebook.models.shared import Security
from codat_notebook.session import Session
from tests import mistakes
from tests.keys import ENCODED, KEY, frames, held, leaks, shown_by


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CODAT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("A_KEY_FOR_MISTAKES", KEY)
    monkeypatch.setenv("A_KEY_FOR_MISTAKES_ENCODED", ENCODED)
    monkeypatch.setenv("CODAT_API_KEY", KEY)


NAMES: dict[str, Any] = {
    "CodatLending": CodatLending, "Secret": Secret, "Security": Security, "Session": Session, "connect": connect,
    "key": mistakes.key, "encoded": mistakes.encoded,
}  # fmt: skip


@pytest.mark.parametrize("name", mistakes.MISTAKES)
def test_no_frame_holds_the_key(name: str) -> None:
    """Python's and rich's tracebacks with variables, and whatever can be reached from our frames' variables."""
    with pytest.raises((errors.ConfigurationError, TypeError, AttributeError)) as caught:
        eval(mistakes.MISTAKES[name], dict(NAMES))
    if "unknown keyword" not in name and "clock" not in name:  # these are Python's own
        assert isinstance(caught.value, errors.ConfigurationError)
    for text in shown_by(caught.value):
        assert not leaks(text), text
    for frame in frames(caught.value.__traceback__):
        for text in held(*frame.f_locals.values()):
            assert not leaks(text), (frame.f_code.co_qualname, text[:200])


@pytest.mark.parametrize(
    "part", ["https://{}", "https://user:{}@host", "https://api.codat.io/{}", "https://x?k={}", "{}"]
)
@pytest.mark.parametrize("text", [KEY, ENCODED, f"Basic {ENCODED}"])
def test_an_address_with_the_key_is_refused_for_one_call_too(part: str, text: str) -> None:
    """Nothing is sent, and the message does not show it."""
    with CodatLending(KEY) as client, pytest.raises(errors.ConfigurationError) as caught:
        client.companies.list(server_url=part.format(text))
    assert not leaks(caught.value)


def test_a_header_is_told_by_its_name_only() -> None:
    """Where the name itself cannot be one, it may be a line with a key: it is not told."""
    with CodatLending("another-key") as client:
        with pytest.raises(errors.InvalidRequestError) as caught:
            client.companies.list(http_headers={f"Authorization: Basic {ENCODED[:20]}": ""})
        assert ENCODED[:8] not in str(caught.value)
        with pytest.raises(errors.InvalidRequestError, match="'X-A' cannot be sent"):
            client.companies.list(http_headers={"X-A": f"{KEY}\n"})


def test_other_errors_keep_their_frames() -> None:
    """A bug can be found: only what was given is gone from the frame that hides it."""

    @hides_arguments
    def broken(key: str) -> None:
        del key
        raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError) as caught:
        broken(KEY)
    names = []
    trace = caught.value.__traceback__
    while trace is not None:
        names.append(trace.tb_frame.f_code.co_name)
        assert trace.tb_frame.f_code.co_name != "call" or not {"args", "kwargs"} & set(trace.tb_frame.f_locals)
        trace = trace.tb_next
    assert names[-2:] == ["call", "broken"]
