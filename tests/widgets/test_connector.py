"""Connecting from the console: messages of the form in, another session acted for, the old one left behind clean."""

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from codat_notebook.models.errors import ConfigurationError
from codat_notebook.models.shared import Security
from codat_notebook.runs.engine import engine, running
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session, connect
from codat_notebook.widgets.connect import WAYS, connect_state
from codat_notebook.widgets.console import Console, console

DEADLINE = 60.0


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox that stands for the real Codat: keys of the environment and typed ones go to it."""
    for name in ("CODAT_AUTH_HEADER", "CODAT_API_KEY", "CODAT_SANDBOX_URL"):
        monkeypatch.delenv(name, raising=False)
    with Sandbox(speed=600) as sandbox:
        sandbox.faults.hidden_headers = {"X-Sandbox"}  # it stands for Codat
        monkeypatch.setenv("CODAT_BASE_URL", sandbox.url)
        yield sandbox


@pytest.fixture
def opened() -> Iterator[Callable[..., Console]]:
    """`opened(session)` makes a console; at the end each is closed, and with it what it has opened."""
    made: list[Console] = []

    def make(session: Session | None = None, **border: Any) -> Console:
        made.append(console(session, **border))
        return made[-1]

    yield make
    for frame in made:
        session = frame.session
        frame.close()
        if session is not None:
            session.close()


def part(frame: Console, name: str) -> Any:
    """A part of the console by its class."""
    return next(each for each in _all(frame) if name in each._dom_classes)


def until(part: Any, shows: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Wait until a part's state satisfies ``shows``, and return that state, whatever came after it."""
    reached = threading.Event()
    found: list[dict[str, Any]] = []

    def look(*_: object) -> None:
        state = part.state
        if shows(state):
            found.append(state)
            reached.set()

    part.observe(look, "state")
    look()
    assert reached.wait(DEADLINE), part.state
    part.unobserve(look, "state")
    return dict(found[0])


def send(frame: Console, **message: Any) -> dict[str, Any]:
    """A message of the form, by the door that a kernel uses; returns the message object itself."""
    content = {"type": "connect", "read_only": False, "seq": 1, **message}
    engine().post(part(frame, "codat-connect")._receive, content)
    return content


def test_without_a_session_the_form_stands_there(sandbox: Sandbox, opened: Callable[..., Console]) -> None:
    """It says where keys go and that the environment has none; the header says that nothing is connected."""
    frame = opened()
    assert frame.session is None
    assert "codat-unconnected" in frame._dom_classes
    form = part(frame, "codat-connect").state
    assert (form["required"], form["variable"]) == (True, None)
    assert form["address"] == sandbox.url.removeprefix("http://")
    assert part(frame, "codat-status").state["mode"] == "none"


def test_a_typed_key_connects_and_is_kept_nowhere(sandbox: Sandbox, opened: Callable[..., Console]) -> None:
    """The message loses it at once; no state of any part has it; the session is live and lists the companies."""
    frame = opened()
    message = send(frame, way="key", key=sandbox.key, read_only=True)
    header = until(part(frame, "codat-status"), lambda s: s["mode"] == "live" and s["quota"])
    assert header["read_only"]
    assert "key" not in message
    form = until(part(frame, "codat-connect"), lambda s: not s["required"])
    assert (form["connection"], form["connecting"], form["problem"]) == (1, None, None)
    session = frame.session
    assert session is not None
    assert session.read_only
    states = [str(each.get_state()) for each in _all(frame) if hasattr(each, "get_state")]
    assert not [state for state in states if sandbox.key in state]


def test_a_console_keeps_no_engine_that_it_does_not_need(sandbox: Sandbox, opened: Callable[..., Console]) -> None:
    """While it waits for a session it holds the engine; with one, the session does; closed, nobody."""
    frame = opened()
    here, connector = engine(), frame._connector
    assert connector in here._holders
    send(frame, way="key", key=sandbox.key)
    until(part(frame, "codat-status"), lambda s: s["mode"] == "live" and s["quota"])
    assert connector not in here._holders
    other = console()
    assert other._connector in here._holders
    other.close()
    here.call(_nothing())
    assert other._connector not in here._holders


def test_a_try_that_fails_leaves_the_engine_to_the_session_that_is_used(
    sandbox: Sandbox, opened: Callable[..., Console]
) -> None:
    """While another session is tried the console holds the engine; it lets go of it where the try fails."""
    with connect(sandbox.key) as session:
        frame = opened(session)
        send(frame, way="key", key="wrong")
        until(part(frame, "codat-connect"), lambda s: s["problem"])
        engine().call(_nothing())
        assert frame.session is session
        assert frame._connector not in engine()._holders


async def _nothing() -> None:
    """For a wait until the engine has done what was posted."""


def _all(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _all(child)


@pytest.mark.parametrize(
    ("key", "words"), [("not-the-key", "did not accept the key"), ("a b", "space"), ("", "empty"), (None, "empty")]
)
def test_a_wrong_key_is_said_and_the_form_stays(
    sandbox: Sandbox, opened: Callable[..., Console], key: str | None, words: str
) -> None:
    """With what to do; the key itself is not repeated; the next try can follow."""
    frame = opened()
    send(frame, way="key", key=key)
    form = until(part(frame, "codat-connect"), lambda s: s["problem"])
    assert words in form["problem"]["why"]
    assert (form["problem"]["way"], form["required"], form["seq"]) == ("key", True, 1)
    assert "not-the-key" not in str(form)
    send(frame, way="key", key=sandbox.key, seq=2)
    until(part(frame, "codat-status"), lambda s: s["mode"] == "live")


def test_the_key_of_the_environment_is_offered_by_its_variable(
    sandbox: Sandbox, opened: Callable[..., Console], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name alone, never the value."""
    frame = opened()
    send(frame, way="environment")
    assert "no key" in until(part(frame, "codat-connect"), lambda s: s["problem"])["problem"]["why"]
    monkeypatch.setenv("CODAT_API_KEY", sandbox.key)
    assert os.environ["CODAT_API_KEY"] not in str(opened().children)
    send(frame, way="environment", seq=2)
    until(part(frame, "codat-status"), lambda s: s["mode"] == "live")
    assert part(frame, "codat-connect").state["variable"] == "CODAT_API_KEY"


def test_switching_leaves_the_old_session_clean(sandbox: Sandbox, opened: Callable[..., Console]) -> None:
    """No listener stays behind; a session that was given stays open, one that the console opened is closed."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as given:
        frame = opened(given)
        until(part(frame, "codat-status"), lambda s: s["quota"])
        send(frame, way="key", key=sandbox.key)
        until(part(frame, "codat-status"), lambda s: s["mode"] == "live")
        first = frame.session
        assert first is not None
        assert first is not given
        assert not given.closed
        logs = given.context.events, given.context.closing, given.error_log
        assert [log._observers for log in logs] == [[], [], []]
        closed = threading.Event()
        first.context.closing.observe(lambda _: closed.set())
        send(frame, way="sandbox", seq=2)
        until(part(frame, "codat-status"), lambda s: s["mode"] == "sandbox")
        assert closed.wait(DEADLINE)
        assert frame.session is not None
        assert frame.session.is_sandbox
        assert len(given.companies()) == 12


def test_a_failed_switch_leaves_everything_as_it_was(sandbox: Sandbox, opened: Callable[..., Console]) -> None:
    """The console goes on with its session, and its error log says what did not work."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as given:
        frame = opened(given)
        send(frame, way="key", key="not-the-key")
        form = until(part(frame, "codat-connect"), lambda s: s["problem"])
        assert not form["required"]
        assert frame.session is given
        assert "could not be made" in given.errors.what.iloc[-1]
        until(part(frame, "codat-company"), lambda s: s["search"] and s["search"]["results"])


def test_a_try_can_be_cancelled(sandbox: Sandbox, opened: Callable[..., Console]) -> None:
    """While Codat asks us to wait, the form counts down and offers to stop; then it is free for another try."""
    frame = opened()
    sandbox.faults.rate_limit(1, retry_after=600 * 30)
    send(frame, way="key", key=sandbox.key)
    waiting = until(part(frame, "codat-connect"), lambda s: s["until"])
    assert "asks us to wait" in waiting["connecting"]
    engine().post(part(frame, "codat-connect")._receive, {"type": "cancel", "seq": 2})
    until(part(frame, "codat-connect"), lambda s: s["connecting"] is None)
    send(frame, way="key", key=sandbox.key, seq=3)
    until(part(frame, "codat-status"), lambda s: s["mode"] == "live")


def test_a_session_that_its_owner_closes_brings_the_form_back(sandbox: Sandbox, opened: Callable[..., Console]) -> None:
    """Also where it was the last one, with which the engine ends: the form still connects."""
    frame = opened(Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True))
    until(part(frame, "codat-status"), lambda s: s["quota"])
    assert frame.session is not None
    here = frame.session.context.engine
    frame.session.close()
    assert "closed" in until(part(frame, "codat-connect"), lambda s: s["required"])["problem"]["why"]
    assert part(frame, "codat-status").state["mode"] == "none"
    assert (running() is None) == here.closed  # drawing starts no engine, a message does
    send(frame, way="key", key=sandbox.key, seq=5)
    until(part(frame, "codat-status"), lambda s: s["mode"] == "live")


def handled(frame: Console, **message: Any) -> None:
    """Send a message and return once the engine has dealt with it."""

    async def nothing() -> None:
        """What the engine does after the message."""

    send(frame, **message)
    engine().call(nothing())


@pytest.mark.parametrize("way", ["sandbox", "environment", "key", "elsewhere", None, ["key"]])
@pytest.mark.parametrize("read_only", [True, False])
def test_without_ways_no_message_changes_the_session(
    sandbox: Sandbox,
    opened: Callable[..., Console],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    way: Any,
    read_only: bool,
) -> None:
    """Whatever the browser asks for, nothing is opened and nothing asked; the log says so, without a key."""
    monkeypatch.setenv("CODAT_API_KEY", sandbox.key)
    key = "a-typed-key"
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, read_only=read_only) as given:
        frame = opened(given, ways=())
        until(part(frame, "codat-companies"), lambda s: s["total"] and s["more"] and not s["more"]["busy"])
        asked = sandbox.traffic.requests
        handled(frame, way=way, key=key, read_only=not read_only)
        assert frame._connector._trying is None
        assert frame.session is given
        assert part(frame, "codat-status").state["read_only"] is read_only
        assert sandbox.traffic.requests == asked
    assert "does not offer" in caplog.text or "does not know was dropped" in caplog.text
    assert key not in caplog.text


def test_without_ways_there_is_no_form(sandbox: Sandbox, opened: Callable[..., Console]) -> None:
    """No way is offered and no button leads there, from the first state on; a closed session is said all the same."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url) as given:
        frame = opened(given, ways=())
        assert part(frame, "codat-connect").state["ways"] == []
        assert part(frame, "codat-status").state["can_switch"] is False
        assert until(part(frame, "codat-status"), lambda s: s["quota"])["can_switch"] is False
    form = until(part(frame, "codat-connect"), lambda s: s["required"])
    assert (form["ways"], form["problem"]["why"], form["problem"]["do"]) == ([], "The session was closed.", "")
    handled(frame, way="sandbox")
    assert frame.session is None


def test_only_the_ways_that_are_offered_are_taken(
    sandbox: Sandbox, opened: Callable[..., Console], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are ignored, though the environment has a key; the browser is told which ones there are."""
    monkeypatch.setenv("CODAT_API_KEY", sandbox.key)
    frame = opened(ways=("key",))
    assert part(frame, "codat-connect").state["ways"] == ["key"]
    for way in ("environment", "sandbox"):
        handled(frame, way=way)
        assert (frame.session, frame._connector._trying) == (None, None)
    send(frame, way="key", key=sandbox.key, seq=2)
    until(part(frame, "codat-status"), lambda s: s["mode"] == "live")


@pytest.mark.parametrize(("way", "mode"), [("sandbox", "sandbox"), ("environment", "live"), ("key", "live")])
def test_a_read_only_form_opens_nothing_else(
    sandbox: Sandbox, opened: Callable[..., Console], monkeypatch: pytest.MonkeyPatch, way: str, mode: str
) -> None:
    """Though the message says otherwise: the session refuses, and the header says READ ONLY. It keeps to the limits of
    whoever made the console."""
    monkeypatch.setenv("CODAT_API_KEY", sandbox.key)
    frame = opened(read_only=True, per_minute=300, concurrent=3)
    assert part(frame, "codat-connect").state["read_only"] is True
    send(frame, way=way, key=sandbox.key, read_only=False)
    assert until(part(frame, "codat-status"), lambda s: s["mode"] == mode)["read_only"]
    assert frame.session is not None
    assert frame.session.client.read_only
    pacing = frame.session.context.pacing
    assert pacing is not None
    assert (pacing.per_minute, pacing.per_company) == (300, 3)


def test_a_way_that_there_is_none_is_refused() -> None:
    """Where the console is made, by its name."""
    with pytest.raises(ValueError, match="no way to connect: elsewhere; there are sandbox, environment, key"):
        console(ways=("key", "elsewhere"))


@pytest.mark.parametrize("message", [{"way": "elsewhere"}, {"way": None}, {"type": "cancel"}, {"type": 5}])
def test_no_message_breaks_the_form(sandbox: Sandbox, opened: Callable[..., Console], message: dict[str, Any]) -> None:
    """Whatever a browser sends, the form can still connect."""
    frame = opened()
    send(frame, **message)
    send(frame, way="key", key=sandbox.key, seq=2)
    until(part(frame, "codat-status"), lambda s: s["mode"] == "live")


@pytest.mark.parametrize("base", ["https://{}@api.codat.io", "https://{}", "{}", "https://x.test/{}", "https://[{}"])
def test_an_address_that_holds_the_key_is_not_shown(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form says where keys go by the variable's name then, and connecting says what is wrong."""
    monkeypatch.setenv("CODAT_API_KEY", "a-raw-key-of-somebody")
    monkeypatch.setenv("CODAT_BASE_URL", base.format("a-raw-key-of-somebody"))
    state = connect_state(WAYS, required=True)
    assert state["address"] == "CODAT_BASE_URL"
    assert "a-raw-key-of-somebody" not in str(state)
    with pytest.raises(ConfigurationError) as caught:
        connect()
    assert "a-raw-key-of-somebody" not in str(caught.value)
