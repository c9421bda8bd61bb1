"""A session on a gateway that sends the key back in whatever it answers: no sink of the whole package holds it.

The sinks are found by walking: objects through what they hold, widgets through all that there are, files through the
folder. A sink that comes later is walked, too.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import pytest

from codat_notebook.models import errors
from codat_notebook.models.secret import MASK
from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.utils import BackoffStrategy, RetryConfig
from codat_notebook.widgets.console import Console
from tests.echoing import Gateway
from tests.keys import KEY, held, leaks, shown_by
from tests.widgets.test_console import ConsoleBench

DEADLINE = 90.0
QUICK = RetryConfig("backoff", BackoffStrategy(1, 5, 1.1, 2000), True)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """A gateway before a sandbox of its own, ten minutes a second."""
    with Sandbox(speed=600, key=KEY) as sandbox, Gateway(sandbox.url) as gateway:
        yield gateway


@pytest.fixture
def session(gateway: Gateway) -> Iterator[Session]:
    """A session on the gateway, which tries little."""
    with Session(Security(auth_header=KEY), server_url=gateway.url, retry_config=QUICK) as session:
        yield session


def texts_of(thing: Any) -> Iterator[str | bytes]:
    """What a thing shows of itself in a notebook, and all that it holds."""
    yield repr(thing)
    if hasattr(thing, "_repr_html_"):
        yield str(thing._repr_html_())
    yield from held(thing)


def clean(*things: Any) -> None:
    """Look everywhere."""
    for thing in things:
        for text in texts_of(thing):
            assert not leaks(text), text[:300]


def refuse(gateway: Gateway, status: int | None, what: Callable[[str, str], bool] = lambda method, path: True) -> None:
    """From now on the gateway answers with a status, where ``what`` says so."""
    gateway.spoil = lambda method, path: status if what(method, path) else None


def files(folder: Path) -> Iterator[bytes]:
    """The bytes of everything in a folder."""
    yield from (path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_session_keeps_no_key(
    gateway: Gateway, session: Session, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Frames, HTML, reports, journals, runs with failures, errors, pickles of them, logs: all are free of it."""
    caplog.set_level(logging.DEBUG)
    toft = str(session.companies(search="Toft").id[0])
    frames = [session.companies(), session.connections(toft), session.status(toft), session.history(toft)]
    session.report(toft, tmp_path / "report.html")
    assert MASK in (tmp_path / "report.html").read_text("utf-8")
    journal = tmp_path / "run.sqlite"
    refuse(gateway, 400, lambda method, path: method == "POST" and path.endswith("/bills"))
    run = session.refresh(toft, "invoices", "creditNotes", "bills", journal=journal)
    seen = [*files(tmp_path)]
    assert run.wait(DEADLINE).phase != "running"
    seen += files(tmp_path)
    assert len(run.errors) >= 2  # one was refused, one failed at its platform
    caught: list[errors.CodatLendingError] = []
    for status in (302, 400, 401, 403, 404, 429, 500, 503):
        refuse(gateway, status)
        with pytest.raises(errors.CodatLendingError) as error:
            session.history(toft)
        caught.append(error.value)
        clean(*shown_by(error.value))
    clean(*frames, session.errors, session.requests, run.operations, run.errors, run.remedies, run.summary, run.skipped)
    clean(session, run, *caught)
    for body in (*seen, *files(tmp_path)):
        assert not leaks(body)
    clean(caplog.text, [vars(record) for record in caplog.records])
    assert MASK in run.errors.why.str.cat()
    assert gateway.echoed > 10


def widgets_of(frame: Console) -> Iterator[Any]:
    """The parts of a console, and every other widget that there is."""
    known = [frame]
    while known:
        one = known.pop()
        yield one
        known += getattr(one, "children", ())
    for other in list(ipywidgets.widgets.widget._instances.values()):  # those of other tests may be half closed
        if all(one.comm is not None for one in (other, *getattr(other, "children", ()))):
            yield other


def test_a_console_keeps_no_key(gateway: Gateway, session: Session) -> None:
    """Its parts' states, after a company was chosen, refreshed and refused, and every other widget's."""
    context = ConsoleBench(session)
    company = context.pick("Toft")
    assert MASK in context.until("codat-company", lambda state: state["company"])["company"]["name"]
    refuse(gateway, 400, lambda method, path: method == "POST" and path.endswith("/bills"))
    context.send("codat-bar", type="refresh", company=company, data_types=["creditNotes", "bills"], seq=1)
    context.until("codat-progress", lambda state: state["status"] == "done")
    context.until("codat-errors", lambda state: state["total"] >= 2)
    context.send("codat-tabs", type="tab", name="requests")
    for status in (401, 500, 302):
        refuse(gateway, status)
        before = len(session.error_log)
        context.send("codat-company", type="search", text=f"x{status}", seq=status)
        context.until("codat-notice", lambda state, before=before: len(session.error_log) > before and state["items"])
    for widget in widgets_of(context.frame):
        clean(widget.get_state())
    clean(context.frame, context.parts)
    context.frame.close()


@pytest.mark.parametrize(("status", "json"), [(None, True), (400, False), (401, True), (500, False)])
def test_the_command_line_prints_no_key(gateway: Gateway, tmp_path: Path, status: int | None, json: bool) -> None:
    """What it writes to the terminal and to files, whether all goes well or not."""
    refuse(gateway, status, lambda method, path: method == "POST")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODAT_")}
    environment |= {"CODAT_API_KEY": KEY, "CODAT_BASE_URL": gateway.url}
    code = "from codat_notebook.cli import main; raise SystemExit(main())"
    arguments = ["refresh", _company(gateway), "creditNotes", "bills", "--journal", str(tmp_path / "run.sqlite")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--timeout", "30", *(["--json"] if json else [])],
        capture_output=True, env=environment, cwd=tmp_path, timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert done.returncode in (3, 4, 5, 6), done.stderr.decode()
    for text in (done.stdout, done.stderr, *files(tmp_path)):
        assert not leaks(text), text


@pytest.mark.parametrize("base", ["https://{}", "https://x:{}@api.codat.io", "https://api.codat.io/{}", "{}"])
@pytest.mark.parametrize("key", [KEY, f"'{KEY}'", f"Bearer {KEY}"])
def test_the_command_line_says_what_is_wrong_without_the_key(key: str, base: str) -> None:
    """A key that cannot be one, or an address that holds it: one line on stderr, what to do next, and code 1."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODAT_")}
    environment |= {"CODAT_API_KEY": key, "CODAT_BASE_URL": base.format(KEY)}
    code = "from codat_notebook.cli import main; raise SystemExit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "refresh", "Toft", "bills"], capture_output=True, env=environment, check=False
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert [line.partition(b":")[0] for line in done.stderr.splitlines()] == [b"codat-notebook", b"Next"]
    assert not leaks(done.stderr)


def _company(gateway: Gateway) -> str:
    with Session(Security(auth_header=KEY), server_url=gateway.url) as session:
        return str(session.companies(search="Toft").id[0])
