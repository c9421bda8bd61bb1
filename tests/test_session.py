"""The session: connecting, what its methods fetch and its properties remember, and that the key is nowhere."""

import os
import pickle
import socket
import subprocess
import sys
import traceback

import pytest

import codat_notebook as cn
from codat_notebook.models import errors
from codat_notebook.models.secret import Secret
from codat_notebook.models.shared import Security
from codat_notebook.runs.context import find_companies, name_query
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.utils import RetryConfig

NO_RETRIES = RetryConfig("none")


def test_companies_are_all_there_and_can_be_searched(session: Session) -> None:
    """Without a search every company; with one, those whose name contains it; never more than the limit."""
    assert len(session.companies()) == 12
    assert session.companies(search="toft").name.tolist() == ["Toft Stores UK"]
    assert len(session.companies(limit=3)) == 3
    assert session.companies(search="no such company").empty


@pytest.mark.parametrize(
    "text", ["{", "}", "&&", "a || b", "Pandle & Sons", "=", "~", "x" * 3000, "<b>", "Ω☃", "%", "\\"]
)
def test_no_text_breaks_the_search(session: Session, text: str) -> None:
    """Signs of the query language are no queries."""
    found = session.companies(search=text)
    assert text != "Pandle & Sons" or found.name.tolist() == ["Pandle & Sons"]


def test_a_search_for_nothing_finds_everything() -> None:
    """Blank text, or signs only, is no condition."""
    assert [name_query(text) for text in (None, "", "  ", "{}", "&&")] == [None] * 5


def test_status_has_a_row_for_each_cell_of_each_connection(session: Session) -> None:
    """Two banks of one company are two rows of the same data type."""
    company_id = str(session.companies(search="Pandle").id[0])
    status = session.status(company_id)
    banks = status[status.data_type == "banking-accounts"]
    assert set(banks.platform) >= {"Plaid", "TrueLayer"}
    assert not status.duplicated(["connection_id", "data_type"]).any()
    assert status.age.dropna().min().total_seconds() >= 0


def test_the_deauthorized_connection_shows(session: Session) -> None:
    """Its state, and the link by which the customer can mend it."""
    company_id = str(session.companies(search="Toft").id[0])
    connections = session.connections(company_id).set_index("platform")
    assert connections.status["Shopify"] == "Deauthorized"
    assert connections.link_url["Shopify"].startswith("http")


def test_history_is_newest_first_and_limited(session: Session) -> None:
    """The newest operations, as many as asked for; all on request, over several pages if need be."""
    company_id = str(session.companies(search="Toft").id[0])
    history = session.history(company_id, limit=25)
    assert len(history) == 25
    assert history.requested.is_monotonic_decreasing
    everything = session.history(company_id, limit=None)
    assert len(everything) > 1000
    assert everything.id.is_unique
    assert everything.id.head(25).tolist() == history.id.tolist()


def test_errors_are_remembered_in_plain_words_and_raised(session: Session) -> None:
    """The typed exception reaches the caller; the session keeps what, why and what to do."""
    with pytest.raises(errors.ErrorMessage) as caught:
        session.status("00000000-0000-4000-8000-000000000000")
    assert caught.value.status_code == 404
    error = session.errors.iloc[-1]
    assert (error.what, error.status) == ("The data status could not be read", "404")
    assert "id" in error.action
    assert error.correlation_id == caught.value.data.correlation_id


def test_requests_are_remembered(session: Session) -> None:
    """One row an attempt, with the path, the answer and the time it took; the quota beside them."""
    session.companies(search="toft")
    request = session.requests.iloc[-1]
    assert (request.method, request.status, request.attempt) == ("GET", 200, 1)
    assert request.path.startswith("/companies")
    assert request.ms > 0
    assert session.quota is not None
    assert session.quota.remaining is not None
    assert f"{session.quota.remaining:,} requests left" in repr(session)


def test_a_wrong_key_is_told_and_not_shown(sandbox: Sandbox) -> None:
    """401 with what to do; the key stands in no message."""
    with Session(Security(auth_header="wrong-key-9f2"), server_url=sandbox.url) as session:
        with pytest.raises(errors.ErrorMessage) as caught:
            session.companies()
        assert caught.value.status_code == 401
        assert "key" in session.errors.action.iloc[-1]
        assert "wrong-key-9f2" not in "".join(traceback.format_exception(caught.value))


def test_no_network_is_told() -> None:
    """A server that nobody runs: a typed exception that names the address, and advice."""
    with Session(Security(auth_header="k" * 10), server_url="http://127.0.0.1:9", retry_config=NO_RETRIES) as session:
        with pytest.raises(errors.NoResponseError, match=r"127\.0\.0\.1"):
            session.companies()
        assert "network" in session.errors.action.iloc[-1]


def test_a_sandbox_that_is_named_by_its_address_is_known_as_one() -> None:
    """By its answers, where they come from this machine; from elsewhere nothing that an answer says is believed."""
    with Sandbox(companies=2) as sandbox, Session(Security(auth_header=sandbox.key), server_url=sandbox.url) as session:
        assert not session.is_sandbox
        session.companies(limit=1)
        assert session.is_sandbox
        session.client.server_url = "https://api.codat.io"
        assert not session.is_sandbox
        sandbox.faults.hidden_headers = {"X-Sandbox"}
        session.client.server_url = sandbox.url
        session.companies(limit=1)
        assert not session.is_sandbox


def test_read_only_refuses_what_queues_and_reads_the_rest(sandbox: Sandbox) -> None:
    """Nothing is sent that queues."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, read_only=True) as session:
        assert repr(session).startswith("<Session LIVE read only http")  # as long as nobody has said otherwise
        company_id = str(session.companies(search="Toft").id[0])
        run = session.refresh(company_id, "invoices").wait(20)
        assert [row.state for row in run.rows] == ["refused"]
        assert set(session.requests.method) == {"GET"}


def test_the_key_is_nowhere(sandbox: Sandbox) -> None:
    """Not in reprs, frames, logs of requests, exceptions (walked and pickled) or the session's attributes."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        header = Secret.of(sandbox.key).reveal()
        with pytest.raises(errors.ErrorMessage) as caught:
            session.status("00000000-0000-4000-8000-000000000000")
        texts = [
            repr(session), repr(session.client), session.requests.to_csv(), session.errors.to_csv(),
            repr(caught.value), repr(vars(caught.value)), repr(pickle.dumps(caught.value)), repr(vars(session)),
        ]  # fmt: skip
        for text in texts:
            assert sandbox.key not in text
            assert header.removeprefix("Basic ") not in text


def test_closing_twice_does_no_harm_and_ends_the_own_sandbox() -> None:
    """connect(sandbox=True) starts one sandbox for all sessions of the process; it ends with the last. None of them
    keeps the engine any longer."""
    first, session = cn.connect(sandbox=True), cn.connect(sandbox=True)
    holders = session.context.engine._holders
    assert {first, session} <= set(holders)
    url = session.client.server_url
    assert first.client.server_url == url
    first.close()
    first.close()
    assert len(session.companies()) == 12
    session.close()
    assert not {first, session} & set(holders)
    with pytest.raises(RuntimeError, match="connect"):
        session.companies()
    with pytest.raises(RuntimeError, match="connect"):
        session.refresh_all("00000000-0000-4000-8000-000000000000")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 1)


def test_closing_gives_up_what_is_on_its_way() -> None:
    """It is sent no second time, on a connection that nobody would close; another session on the engine goes on."""
    with Sandbox() as sandbox, Session(Security(auth_header=sandbox.key), server_url=sandbox.url) as other:
        session = Session(Security(auth_header=sandbox.key), server_url=sandbox.url)
        gate = sandbox.faults.hold("GET /companies*")
        waiting = other.context.engine.submit(find_companies(session.client, None, None))
        assert gate.reached.wait(60)
        session.close()
        with pytest.raises(errors.NoResponseError, match="the client was closed"):
            waiting.result(60)
        gate.open()
        assert session.requests.error.str.contains("the client was closed").tolist() == [False, True]
        assert len(other.companies()) == 12


def python(code: str, **environment: str) -> str:
    """What a fresh Python prints. The environment's Codat and proxy settings are the given ones only."""
    kept = {k: v for k, v in os.environ.items() if "CODAT" not in k and not k.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**kept, **environment}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_loopback_never_goes_through_a_proxy(sandbox: Sandbox) -> None:
    """With proxies set to nowhere the sandbox still answers."""
    code = "import codat_notebook as cn\nwith cn.connect(sandbox=True) as s: print(len(s.companies()))"
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"), "http://127.0.0.1:9")
    assert python(code, **nowhere) == "12"


def test_notebooks_share_the_sandbox_that_the_environment_names(sandbox: Sandbox) -> None:
    """connect(sandbox=True) joins it instead of starting another."""
    code = "import codat_notebook as cn\nwith cn.connect(sandbox=True) as s: print(s.client.server_url)"
    assert python(code, CODAT_SANDBOX_URL=sandbox.url, CODAT_SANDBOX_KEY=sandbox.key) == sandbox.url


def test_the_address_is_enough_to_join_a_sandbox_with_the_usual_key() -> None:
    """Where no key was chosen the address alone names it; with another key the refusal says so."""
    code = """import codat_notebook as cn
with cn.connect(sandbox=True) as session:
    try: print(len(session.companies()), session.client.server_url)
    except Exception as error: print(error)"""
    with Sandbox(companies=4, speed=0) as usual, Sandbox(companies=4, key="chosen", speed=0) as locked:
        assert python(code, CODAT_SANDBOX_URL=usual.url) == f"4 {usual.url}"
        assert "Unauthorized" in python(code, CODAT_SANDBOX_URL=locked.url)


@pytest.mark.parametrize("name", ["CODAT_API_KEY", "CODAT_AUTH_HEADER"])
def test_the_key_comes_from_the_environment(sandbox: Sandbox, name: str) -> None:
    """Raw or as a ready header; CODAT_BASE_URL names the server."""
    value = sandbox.key if name == "CODAT_API_KEY" else Secret.of(sandbox.key).reveal()
    code = "import codat_notebook as cn\nwith cn.connect() as s: print(len(s.companies()), s)"
    printed = python(code, **{name: value, "CODAT_BASE_URL": sandbox.url})
    assert printed.startswith("12 <Session sandbox")
    assert sandbox.key not in printed


def test_without_a_key_and_nobody_to_ask_connect_raises() -> None:
    """No prompt that would hang: an error that says where the key can come from."""
    code = """import codat_notebook as cn
try: cn.connect()
except ValueError as error: print(type(error).__name__, error)"""
    printed = python(code)
    assert printed.startswith("ConfigurationError")
    assert "CODAT_API_KEY" in printed
    assert "sandbox=True" in printed


def test_a_malformed_key_is_refused_without_showing_it() -> None:
    """Neither the message nor a traceback that prints every variable holds it."""
    from IPython.core.ultratb import VerboseTB

    key = "bad key\r\nX-Evil: 1"
    try:
        cn.connect(key, server_url="http://127.0.0.1:9")
    except errors.ConfigurationError:
        kind, error, trace = sys.exc_info()
        assert trace is not None
        shown = VerboseTB().text(kind, error, trace.tb_next)
    assert "X-Evil" not in shown
    assert "bad key" not in shown
