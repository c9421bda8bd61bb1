"""Whoever awaits: every method that asks has an awaited form, the loop is never held up, and runs are found again."""

import asyncio
import inspect
import json
import pickle
import subprocess
import sys

import pytest

import codat_notebook as cn
from codat_notebook.models import errors
from codat_notebook.runs import RefreshError
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

NOBODY = "00000000-0000-4000-8000-000000000000"

#: Says what is imported by a program, and whether by its main thread. Its first three arguments: the server, its key,
#: and what to do.
_IMPORTS = """
import asyncio, json, sys, threading
import codat_notebook as cn
from codat_notebook.session import Session

class Told:
    def find_spec(self, name, path=None, target=None):
        heard.append((name, threading.current_thread() is threading.main_thread()))

async def work():
    company_id = (await session.companies_async(search="Toft"))["id"].iloc[0]
    await session.client.companies.list_async(request={"page_size": 1})
    await session.status_async(company_id)
    await session.history_async(company_id, limit=10)
    await session.plan_async(companies=[company_id], older_than="1D")
    run = await (await session.refresh_async(company_id, "invoices"))
    run.raise_for_outcome(), run.operations, run.progress, run.line, session.errors

heard = []
url, key, what = sys.argv[1:]
if what == "preload":
    cn.preload()
with Session(key, server_url=url) as session:
    sys.meta_path.insert(0, Told())
    asyncio.run(work())
    sys.meta_path.pop(0)
print(json.dumps(heard))
"""


def imports(sandbox: Sandbox, what: str) -> list[tuple[str, bool]]:
    """What awaited calls import in a new process, and whether its main thread does so."""
    command = [sys.executable, "-c", _IMPORTS, sandbox.url, sandbox.key, what]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert told.returncode == 0, told.stderr
    return [(name, main) for name, main in json.loads(told.stdout) if name != "sniffio"]  # httpcore's, mostly missing


def test_the_first_use_imports_beside_the_loop(sandbox: Sandbox) -> None:
    """pandas is loaded by a worker, while the loop goes on."""
    heard = imports(sandbox, "nothing")
    assert ("pandas", False) in heard
    assert [name for name, main in heard if main] == []


def test_preload_leaves_nothing_to_import(sandbox: Sandbox) -> None:
    """After it, no call of a service imports anything on the loop's thread."""
    assert [name for name, main in imports(sandbox, "preload") if main] == []


def test_every_method_that_asks_has_both_forms() -> None:
    """What is written as steps has a blocking form, and an awaited one of the same parameters and result."""
    steps = [name for name, method in inspect.getmembers(Session, inspect.isgeneratorfunction) if name.startswith("_")]
    assert {"_status", "_history", "_plan", "_portfolio_status", "_estimate", "_report", "_refresh"} <= set(steps)
    for name in steps:
        blocking, awaited = getattr(Session, name[1:]), getattr(Session, f"{name[1:]}_async")
        assert inspect.iscoroutinefunction(awaited)
        assert inspect.signature(blocking) == inspect.signature(awaited)
        assert (blocking.__name__, awaited.__name__) == (name[1:], f"{name[1:]}_async")
        assert blocking.__doc__ == getattr(Session, name).__doc__


def test_both_forms_give_the_same(session: Session) -> None:
    """Frames that are equal, errors that are told, and many at a time."""
    ids = session.companies().id.tolist()[:4]
    blocking = [session.connections(id) for id in ids]

    async def awaited() -> list[bool]:
        found = await asyncio.gather(*(session.connections_async(id) for id in ids))
        with pytest.raises(errors.ErrorMessage):
            await session.status_async(NOBODY)
        with pytest.raises(ValueError, match="no report 'financial'"):
            await session.plan_async(report="financial")
        return [one.equals(other) for one, other in zip(found, blocking, strict=True)]

    assert asyncio.run(awaited()) == [True] * 4
    assert session.errors.what.tolist() == ["The data status could not be read"]


def test_a_closed_session_says_so() -> None:
    """Also to whoever awaits."""
    session = cn.connect(sandbox=True)
    assert isinstance(session.sandbox, Sandbox)
    assert session.sandbox.url == session.client.server_url
    session.close()
    with pytest.raises(RuntimeError, match="connect"):
        asyncio.run(session.companies_async())


def test_without_asyncio_the_error_names_the_remedy(session: Session) -> None:
    """trio runs a coroutine as is done here by hand: each awaited call says what to do instead."""
    run = session.refresh(NOBODY, "invoices").wait()
    asked = session.status_async(NOBODY), session.client.companies.list_async(), session.client.aclose()
    for coroutine in (*asked, _awaiting(run)):
        with pytest.raises(RuntimeError, match=r"asyncio.*trio\.to_thread\.run_sync"):
            coroutine.send(None)


async def _awaiting(run: cn.RefreshRun) -> None:
    await run


def test_a_run_is_found_by_its_id(session: Session) -> None:
    """From another request, though whoever began it has let go of it."""
    ids = [session.refresh(NOBODY, "invoices").wait().id for _ in range(3)]
    assert [run.id for run in session.runs] == ids
    assert session.runs[ids[1]].rows[0].state == "refused"
    assert session.runs[-1].id == session.runs[1:][-1].id == ids[2]
    with pytest.raises(KeyError, match="no run 'x' in this session"):
        session.runs["x"]


def test_only_the_newest_runs_are_kept(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that nobody holds are kept while they have few rows together; the newest always is."""
    from codat_notebook.runs import context

    monkeypatch.setattr(context, "KEPT_ROWS", 1)
    ids = [session.refresh(NOBODY, "invoices", "bills").wait().id for _ in range(3)]
    session.context.engine.call(asyncio.sleep(0))
    assert list(session.context.kept) == [session.runs[ids[-1]]]


def test_an_outcome_can_raise(sandbox: Sandbox, session: Session) -> None:
    """What was refused, what failed and what has not ended; a run that is complete is given back."""
    with pytest.raises(RefreshError, match="Codat finds nothing under this id") as caught:
        session.refresh(NOBODY, "invoices", "bills").wait().raise_for_outcome()
    assert (caught.value.status_code, len(caught.value.records)) == (404, 2)
    assert str(caught.value).endswith("or deleted. 2 of 2 did not complete.")
    assert pickle.loads(pickle.dumps(caught.value)).records == caught.value.records
    company_id = str(session.companies(search="Toft").id[0])
    sandbox.faults.end_next("FetchError", data_type="bills", company_id=company_id)
    sandbox.faults.end_next("Complete", data_type="invoices", company_id=company_id)

    async def service() -> str:
        run = await (await session.refresh_async(company_id, "bills"))
        with pytest.raises(errors.CodatLendingError, match="Bills could not be refreshed"):
            run.raise_for_outcome()
        return (await session.refresh(company_id, "invoices")).raise_for_outcome().line

    assert "complete" not in asyncio.run(service())
    sandbox.faults.end_next("Complete", data_type="invoices", company_id=company_id, seconds=1e6)
    run = session.refresh(company_id, "invoices")
    with pytest.raises(RuntimeError, match="has not ended"):
        run.raise_for_outcome()
    run.stop_watching()
    with pytest.raises(RefreshError):
        run.wait().raise_for_outcome()
