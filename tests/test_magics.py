"""`%codat` in a real IPython shell: what each verb answers, how it refuses, what Tab offers."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from codat_notebook.magics import VERBS, Names, learn, unfinished
from codat_notebook.models.shared import Security
from codat_notebook.runs import RefreshRun
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

TOFT = "Toft Stores UK"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all tests here."""
    with Sandbox(speed=600) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def one_shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    """A shell with the extension; it keeps no history."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "codat_notebook")
    yield shell
    shell.reset()


@pytest.fixture
def shell(one_shell: InteractiveShell, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """The shell as just started, whose `connect sandbox` joins the sandbox, and that knows no key."""
    monkeypatch.setenv("CODAT_SANDBOX_URL", sandbox.url)
    monkeypatch.setenv("CODAT_SANDBOX_KEY", sandbox.key)
    for name in ("CODAT_API_KEY", "CODAT_AUTH_HEADER"):
        monkeypatch.delenv(name, raising=False)
    yield one_shell
    for value in one_shell.user_ns.values():
        if isinstance(value, Session):
            value.close()
    one_shell.reset()


Do = Callable[[str], Any]


@pytest.fixture
def do(shell: InteractiveShell) -> Do:
    """Run a line as a cell, and return what it assigned to `x`; its error is raised."""

    def run(line: str) -> Any:
        shell.user_ns.pop("x", None)
        shell.run_cell(f"x = %codat {line}", silent=True).raise_error()
        return shell.user_ns["x"]

    return run


@pytest.fixture
def connected(shell: InteractiveShell, do: Do) -> Session:
    """A session that the magic made, whose names have been learned."""
    shell.user_ns["connected"] = do("connect sandbox")
    do("companies")
    session, deadline = shell.user_ns["connected"], time.monotonic() + 60
    while session.requests["call"].tolist().count("companies.list") < 2:  # ours, and that of the background
        assert time.monotonic() < deadline
        session.context.engine.call(asyncio.sleep(0.01))
    return session


def offered(shell: InteractiveShell, text: str) -> list[str]:
    """What Tab makes of a text."""
    with provisionalcompleter():
        return [text[: each.start] + each.text for each in shell.Completer.completions(text, len(text))]


def test_each_verb_answers_with_what_python_would(connected: Session, do: Do) -> None:
    """Sessions, frames and runs, which can be assigned; the console last."""
    assert connected.is_sandbox
    assert do("companies toft").name.tolist() == [TOFT]
    assert len(do("companies")) == 12
    status = do(f'status "{TOFT}"')
    pd.testing.assert_index_equal(status.columns, connected.status(do("companies toft").id[0]).columns)
    assert len(do("history toft stores")) > 100
    run = do("refresh toft invoices customers")
    assert isinstance(run, RefreshRun)
    assert set(run.wait(30).operations.data_type) == {"invoices", "customers"}
    assert run.company_name == TOFT
    pd.testing.assert_frame_equal(do("errors"), connected.errors)
    assert len(do("refresh toft all").wait(60).operations) > 5
    assert "codat-console" in do("console")._dom_classes
    assert all(f"%codat {verb}" in repr(do("help")) for verb in VERBS)
    assert repr(do("")) == repr(do("help"))


def test_a_session_of_the_notebook_is_used_and_a_closed_one_is_not(
    shell: InteractiveShell, do: Do, sandbox: Sandbox
) -> None:
    """Without `%codat connect` the variable `session` counts, while it is open."""
    with pytest.raises(UsageError, match=r"no open session.*connect sandbox"):
        do("companies")
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url) as session:
        shell.user_ns["session"] = session
        assert len(do("companies")) == 12
    with pytest.raises(UsageError, match="no open session"):
        do("companies")


def test_read_only(connected: Session, do: Do) -> None:
    """`connect sandbox read-only` refuses what queues."""
    session = do("connect sandbox read-only")
    with session:
        assert [row.state for row in do("refresh toft invoices").wait(30).rows] == ["refused"]


@pytest.mark.parametrize("line", ["connect live-key-9f2", "connect sandbox live-key-9f2", "connect key=live-key-9f2"])
def test_a_key_in_a_cell_is_refused(do: Do, capsys: pytest.CaptureFixture[str], line: str) -> None:
    """With what to do instead, and without repeating it."""
    with pytest.raises(UsageError, match=r"never a key.*CODAT_API_KEY") as caught:
        do(line)
    assert "9f2" not in str(caught.value)
    assert "9f2" not in "".join(capsys.readouterr())


def test_without_a_key_connect_says_where_it_could_come_from(do: Do) -> None:
    """One line, no traceback: where nobody can be asked."""
    with pytest.raises(UsageError, match=r"CODAT_API_KEY.*sandbox=True"):
        do("connect")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("conect", "Did you mean `connect`"),
        ("nonsense", "See `%codat`."),
        ("errors please", "`%codat errors` takes nothing more."),
        ("status", "Which company"),
        ("status zzz", "No company's name contains “zzz”"),
        ("status techn", 'Technicalium +[-0-9a-f]{36}\n +"Technicalium Group" +[-0-9a-f]{36}$'),
        ("status e", r"… and \d+ more|Type one whole"),
        ("status 00000000-0000-4000-8000-000000000000", r"could not be done\. .*Check the id"),
        ('status "Toft', "opened but not closed"),
        ("refresh toft", r"Which data types of “toft”\? For example `invoices bills`, or `all`"),
        ("STATUS toft", "Did you mean `status`"),
        ("refresh toft Invoice", "Did you mean 'invoices'"),
        ("refresh Toft Stores invoices", "Put a company's name with spaces in quotes"),
        ("refresh", "Which company"),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(connected: Session, do: Do, line: str, told: str) -> None:
    """Wrong words, names that mean nobody or several, ids that lead nowhere."""
    with pytest.raises(UsageError, match=told):
        do(line)


def test_a_custom_data_type_is_a_data_type(connected: Session, sandbox: Sandbox, do: Do) -> None:
    """Of a company with one connection it is queued there."""
    sandbox.faults.custom_data_types = {"my-type": {"qhyg"}}
    run = do('refresh "Bank of Dave" custom/my-type').wait(60)
    assert sandbox.world.accepted[-1].data_type == "custom/my-type"
    assert run.operations.data_type.tolist() == ["custom/my-type"]


def test_a_whole_name_is_not_ambiguous(connected: Session, do: Do) -> None:
    """Though it is also the beginning of another's."""
    assert do("refresh Technicalium invoices").company_id == do("companies Technicalium").id[0]


def test_tab_offers_what_fits(shell: InteractiveShell, connected: Session) -> None:
    """Verbs, names in quotes from their quote on, data types that are not there yet; nothing in other lines."""
    assert offered(shell, "%codat ") == [f"%codat {verb}" for verb in VERBS]
    assert offered(shell, "x = %codat st") == ["x = %codat status"]
    assert offered(shell, 'a = 1\nx = %codat status "toft st') == [f'a = 1\nx = %codat status "{TOFT}"']
    assert offered(shell, "%codat history STORES") == [f'%codat history "{TOFT}"']
    assert offered(shell, f'%codat refresh "{TOFT}" inv') == [f'%codat refresh "{TOFT}" invoices']
    data_types = [text.split()[-1] for text in offered(shell, "%codat refresh toft invoices ")]
    assert "bills" in data_types
    assert "invoices" not in data_types
    assert offered(shell, "%codat connect sandbox ") == ["%codat connect sandbox read-only"]
    assert [text for text in offered(shell, "print(status") if TOFT in text] == []


def test_tab_sends_nothing(shell: InteractiveShell, connected: Session) -> None:
    """Completion reads memory, however much is typed."""
    sent = len(connected.requests)
    for end in range(len(TOFT)):
        offered(shell, f'%codat status "{TOFT[:end]}')
    assert len(connected.requests) == sent


def test_names_are_learned_after_connecting(shell: InteractiveShell, do: Do) -> None:
    """In the background: no verb needs to have listed them."""
    session = shell.user_ns["own"] = do("connect sandbox")
    memory = Names()
    session.context.engine.call(learn(session, memory))
    assert f'"{TOFT}"' in memory.typed()


def test_names_that_cannot_be_learned_are_an_error_of_the_session(sandbox: Sandbox) -> None:
    """With a wrong key the background's failure stands in `session.errors`, once, and nothing is raised."""
    with Session(Security(auth_header="wrong-key"), server_url=sandbox.url) as session:
        session.context.engine.call(learn(session, Names()))
        assert session.errors.what.tolist() == ["The companies could not be listed"]


def test_hostile_names_are_offered_by_id_and_never_evaluated(shell: InteractiveShell, do: Do) -> None:
    """Quotes, line breaks and hidden signs make a name untypeable; braces and dollars stay letters."""
    names = Names()
    evil = ['The "Best"', "two\nlines", "right\u202eleft", "Same", "same", "", "{1/0}", "$HOME", "O'Brien\\"]
    names.add(pd.DataFrame({"id": [f"id-{n}" for n in range(len(evil))], "name": evil}))
    assert names.typed() == [*(f"id-{n}" for n in range(6)), '"{1/0}"', '"$HOME"', '"O\'Brien\\"']
    shell.user_ns["own"] = do("connect sandbox")
    with pytest.raises(UsageError, match=r"contains “1/0 x”|contains “\{1/0\} x”"):
        do('status "{1/0} x"')


def test_loading_again_adds_nothing_twice(shell: InteractiveShell) -> None:
    """`%reload_ext` leaves one completion and one magic."""
    shell.run_line_magic("reload_ext", "codat_notebook")
    assert offered(shell, "%codat conn") == ["%codat connect"]
    assert len([each for each in shell.Completer.custom_matchers if each.__module__.startswith("codat")]) == 1


@pytest.mark.parametrize(
    ("line", "whole", "begun"),
    [
        ("", [], ""),
        ("sta", [], "sta"),
        ("status ", ["status"], ""),
        ('status "Toft S', ["status"], '"Toft S'),
        ('status "Toft"', ["status"], '"Toft"'),
        ('refresh "A B" in', ["refresh", "A B"], "in"),
        ("refresh O'Brien inv", ["refresh", "O'Brien"], "inv"),
    ],
)
def test_a_line_that_is_being_typed(line: str, whole: list[str], begun: str) -> None:
    """Finished words, and the beginning of the next with its quote."""
    assert unfinished(line) == (whole, begun)
