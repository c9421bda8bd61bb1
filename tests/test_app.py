"""`codat-notebook app` as a process: a kernel for each visitor, so many and no more; what its environment holds.

What a visitor sees is in `browser/test_app.py`, what other sites can do in `browser/test_page_border.py`.
"""

import asyncio
import re
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from codat_notebook.cli import main
from codat_notebook.cli.child import APP_PORT, asked, asked_company, asked_run, usual_port
from codat_notebook.cli.page_server import Kernels
from codat_notebook.widgets.console_parts import Parts
from codat_notebook.widgets.part import Part

from .commands import Command, ask, fetch, head, refuses, running

pytestmark = [
    pytest.mark.xdist_group("jupyter"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process"),
]
#: What a browser says when its person types an address.
PERSON = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
KEY = "k-9f2-of-the-operator"
ACCOUNT = {"CODAT_API_KEY": KEY, "CODAT_AUTH_HEADER": f"Basic {KEY}", "CODAT_BASE_URL": "http://127.0.0.1:9"}


def address(command: Command) -> str:
    """Where the page is, once it answers."""
    return command.expect(r"^Page (?:\(LIVE\)|       )\s?(http://127\.0\.0\.1:\d+)$")[1]


def test_the_page_wears_no_class_of_a_part() -> None:
    """What a part's styles say of what is in it would hold for the whole page."""
    script = Path(main.__code__.co_filename).parent / "template/voila/templates/codat/static/page.js"
    worn = set(re.findall(r'classList\.add\("([\w-]+)"\)', script.read_text(encoding="utf-8")))
    assert len(worn) >= 2
    parts = vars(Parts(None, (), read_only=False)).values()
    assert not worn & {name for part in parts if isinstance(part, Part) for name in part.classes}


def test_each_visitor_gets_a_kernel_that_ends_when_idle(tmp_path: Path) -> None:
    """It says that there is no login; two visits are two kernels, which end alone; Ctrl-C leaves nothing behind."""
    with running("app", "--no-browser", "--idle", "0.05", cwd=tmp_path) as command:
        base = command.expect(r"^Page        (http://127\.0\.0\.1:\d+)$")[1]
        assert "There is no login" in command.printed
        assert "made up" in command.printed
        pages = [fetch(base, PERSON) for _ in range(2)]
        assert [status for status, _ in pages] == [200, 200]
        kernels = {re.search(rb'"kernelId": "([-0-9a-f]+)"', page)[1].decode() for _, page in pages}  # type: ignore[index] # it is there
        assert len(kernels) == 2
        command.wait_until(lambda: all(fetch(f"{base}/api/kernels/{kernel}")[0] == 404 for kernel in kernels))
        command.wait_until(lambda: command.kernels() == 0)
        command.end(signal.SIGINT)
        assert refuses(base)


def test_a_kernel_is_ready_for_the_next_visitor_however_late_they_come(tmp_path: Path) -> None:
    """It has no address before they come, and idle minutes do not count for it."""
    with running("app", "--no-browser", "--idle", "0.02", cwd=tmp_path) as command:
        base = address(command)
        command.wait_until(command.connections)
        id = Path(command.connections()[0]).stem.removeprefix("kernel-")
        left = datetime.fromisoformat(ask(f"{base}/api/kernels/{id}", {})["last_activity"]) + timedelta(seconds=5)
        command.wait_until(lambda: datetime.now(UTC) > left)
        assert command.kernels() == 0
        assert id.encode() in fetch(base, PERSON)[1]
        assert command.kernels() == 1
        command.end(signal.SIGINT)


def test_a_kernel_is_not_ended_while_its_page_is_made(tmp_path: Path) -> None:
    """However long that takes on a machine that does much else: who waits for the page would wait for ever."""

    async def visit() -> list[bool]:
        kernels, made = Kernels(cull_idle_timeout=1, connection_dir=str(tmp_path)), asyncio.Event()

        async def page() -> None:
            ids.append(await kernels.start_kernel(env={"QUERY_STRING": ""}))
            await made.wait()

        async def left_alone() -> bool:
            kernel = kernels.get_kernel(ids[0])
            kernel.last_activity, kernel.execution_state = datetime.now(UTC) - timedelta(hours=1), "idle"
            await kernels.cull_kernel_if_idle(ids[0])
            return ids[0] in kernels

        ids: list[str] = []
        visitor = asyncio.create_task(page())
        while not ids and not visitor.done():
            await asyncio.wait([visitor], timeout=0.1)
        lives = [await left_alone()]
        made.set()
        await visitor
        lives.append(await left_alone())
        await kernels.shutdown_all(now=True)
        return lives

    assert asyncio.run(visit()) == [True, False]


def test_only_the_loopbacks_names_are_answered(tmp_path: Path) -> None:
    """A page under another host's name (DNS rebinding) is refused and starts nothing; so are other files."""
    with running("app", "--no-browser", "--read-only", cwd=tmp_path) as command:
        base = command.expect(r"^Page        (http://127\.0\.0\.1:\d+)$")[1]
        status, words = fetch(base, {**PERSON, "Host": "evil.example"})
        assert (status, words) == (421, b"This page answers to 127.0.0.1, localhost and [::1] only.")
        assert fetch(f"{base}/voila/static/voila.js", {"Host": "evil.example"})[0] == 421
        for path in (
            "/voila/files/voila.json",
            "/voila/files/Codat%20console.ipynb",
            "/voila/render/other.ipynb",
            "/tree",
        ):
            assert fetch(base + path, PERSON)[0] >= 300, path
        assert command.kernels() == 0
        command.end(signal.SIGTERM)


@pytest.mark.parametrize("key", [None, "two lines\nhere"])
def test_live_needs_a_key(key: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without one, or with one that cannot be right, nothing starts, and one line says what is missing, not the key."""
    monkeypatch.delenv("CODAT_AUTH_HEADER", raising=False)
    monkeypatch.delenv("CODAT_API_KEY", raising=False)
    if key:
        monkeypatch.setenv("CODAT_API_KEY", key)
    assert main(["app", "--live", "--no-browser", *(["--connect-form"] if key else [])]) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(r"codat-notebook: .*key.*\nNext: .*\n", said)
    assert "two lines" not in said


def test_so_many_visitors_and_no_more(tmp_path: Path) -> None:
    """Also where all come at the same moment; who comes too late reads why, and gets the place that comes free."""
    with running("app", "--no-browser", "--visitors", "2", "--idle", "5", cwd=tmp_path) as command:
        base = address(command)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: fetch(base, PERSON), range(8)))
        assert sorted(status for status, _ in answers) == [200] * 2 + [503] * 6
        said = b"All 2 places are taken. A place is free when somebody closes the page, or after 5 idle minutes."
        assert [said in page for status, page in answers if status == 503] == [True] * 6
        assert command.kernels() == 2
        kernel = next(re.search(rb'"kernelId": "([-0-9a-f]+)"', page) for status, page in answers if status == 200)
        assert kernel is not None
        shutdown = f"{base}/voila/api/shutdown/{kernel[1].decode()}"
        assert fetch(shutdown, {}, "POST")[0] == 403  # by nobody knows whom
        assert fetch(shutdown, {"Origin": base}, "POST")[0] == 204
        command.wait_until(lambda: fetch(base, PERSON)[0] == 200)
        assert command.kernels() == 2
        command.end(signal.SIGINT)


def test_who_does_not_come_by_hand_gets_the_door(tmp_path: Path) -> None:
    """A small page with a link, and no kernel; no site may frame it or hold its window; a click on it gets one."""
    with running("app", "--no-browser", cwd=tmp_path) as command:
        base = address(command)
        for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
            status, page = fetch(base, headers)
            assert (status, b"Open the console" in page, b"kernelId" in page) == (200, True, False)
        assert fetch(base, {**PERSON, "Sec-Purpose": "prefetch"})[0] == 503
        assert fetch(f"{base}/api/kernels", {"Content-Type": "text/plain"}, "POST")[0] == 403
        assert command.kernels() == 0
        for headers in ({}, PERSON):
            sent = head(base, headers)
            assert sent["Content-Security-Policy"] == "frame-ancestors 'none'"
            assert sent["Cross-Origin-Opener-Policy"] == "same-origin"
            assert "no-store" in sent["Cache-Control"]
        assert fetch(base, {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document"})[0] == 200
        assert command.kernels() == 2
        command.end(signal.SIGINT)


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ((), set()),
        pytest.param(("--connect-form",), {"CODAT_BASE_URL"}, marks=pytest.mark.full),
        (("--live", "--read-only", "--no-memory"), set(ACCOUNT)),
        pytest.param(("--live", "--connect-form"), set(ACCOUNT), marks=pytest.mark.full),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_kernel_knows_no_more_than_it_needs(options: tuple[str, ...], known: set[str], tmp_path: Path) -> None:
    """On the sandbox neither the operator's key nor, unless visitors use theirs, the server; neither in Voila."""
    with running("app", "--no-browser", *options, cwd=tmp_path, environment=ACCOUNT) as command:
        status, page = fetch(address(command), PERSON)
        assert status == 200
        assert b"kernelId" in page
        environments = [process.environ() for process in command.family()]
        assert len(environments) >= 2
        for environment in environments:
            assert environment.keys() & ACCOUNT.keys() == known
            assert environment["CODAT_NOTEBOOK_HOST"] == "the app"
            assert ("CODAT_SANDBOX_URL" in environment) == ("--live" not in options)
        assert KEY not in command.printed
        assert KEY.encode() not in page
        command.end(signal.SIGINT)


def test_a_live_form_needs_no_key_of_the_operators(tmp_path: Path) -> None:
    """Visitors bring theirs; without the form the line that refuses names it."""
    with running("app", "--live", "--connect-form", "--no-browser", cwd=tmp_path) as command:
        assert b"kernelId" in fetch(address(command), PERSON)[1]
        assert "connects with their own key" in command.printed
        command.end(signal.SIGINT)


def test_the_app_has_a_port_of_its_own_and_gives_way() -> None:
    """Where it is taken, another one is used: nobody is turned away for want of a bookmark."""
    with socket.socket() as other:
        with suppress(OSError):  # somebody else has it already
            other.bind(("127.0.0.1", APP_PORT))
        assert usual_port() != APP_PORT


@pytest.mark.parametrize(
    ("query", "company"),
    [
        ("company=c8d3af58-7011-47ce-b3f2-89faf300ef6d&theme=dark", "c8d3af58-7011-47ce-b3f2-89faf300ef6d"),
        ("company=c8d3af58-7011-47ce-b3f2-89faf300ef6d'); quit()", None),
        ("company=%3Cscript%3E", None),
        ("company=../../etc/passwd", None),
        ("", None),
    ],
)
def test_an_address_names_a_company_by_its_id_alone(query: str, company: str | None) -> None:
    """Everything else is left out, also on its way through a file."""
    assert asked_company(query) == asked_company(asked(query)) == company


def test_an_address_names_a_run_as_a_text() -> None:
    """It is never a path, nor code: the console looks for it among the names of the operator's folder."""
    for query, run in (("run=a.sqlite&company=x", "a.sqlite"), ("run=..%2Fb", "../b"), ("run=", None), ("", None)):
        assert asked_run(query) == asked_run(asked(query)) == run


def test_what_an_address_says_reaches_the_disk_as_names_of_letters_and_percent_signs() -> None:
    """Only a company and a run, at most 255 characters of each."""
    hostile = asked("run=%00%3Cscript%3E..%2F&company=%E2%80%AE&other=secret&run=two&x=" + "y" * 9_000)
    assert re.fullmatch(r"company=[\w%]*&run=[\w%.]*", hostile)
    assert "secret" not in hostile
    assert len(asked("run=" + "a" * 9_000)) < 300


@pytest.mark.parametrize("how", [[], ["--live", "--connect-form"]])
def test_a_folder_of_runs_is_of_one_account(how: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the sandbox it is there by itself; visitors with keys of their own do not share one."""
    assert main(["app", *how, "--journals", str(tmp_path / "runs"), "--no-browser"]) == 2
    assert "Journals belong to one account" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
