"""How fast the console is with a company of 100,000 pull operations, on a sandbox in the same process.

Times are of the clock on the wall, from the message that the browser sends to the state that answers it.
"""

import time
from collections.abc import Callable
from typing import Any

from codat_notebook import frames
from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from tests.widgets.test_console import ConsoleBench

from .bench_table import best, report

LENGTH = 100_000
TABLE = "codat-operations"


def seconds(work: Callable[[], Any]) -> float:
    """How long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def answered(context: ConsoleBench, seq: int, **message: Any) -> float:
    """Seconds until the table answers a message."""

    def ask() -> None:
        context.send(TABLE, **message, seq=seq)
        context.until(TABLE, lambda state: state["seq"] == seq)

    return seconds(ask)


def loaded(context: ConsoleBench) -> None:
    """Load the whole history."""
    context.send(TABLE, type="more", name="all", seq=1)
    deadline = time.monotonic() + 120
    while context.parts[TABLE].state["total"] < LENGTH:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def bench_a_long_history_in_the_console() -> None:
    """The first page stands in 1.5 s; once all of it is loaded, each click is answered in 0.5 s."""
    with Sandbox(speed=1) as sandbox:
        company = next(each for each in sandbox.world.companies()["results"] if each["name"].startswith("Toft"))
        sandbox.world.lengthen_history(company["id"], LENGTH)
        security = Security(auth_header=sandbox.key)
        with Session(security, server_url=sandbox.url, is_sandbox=True) as session:
            times = measured(ConsoleBench(session), company["id"])
    report({what: 1000 * each for what, each in times.items()})
    assert times.pop("first page of 100,000 operations") < 1.5
    times.pop("all of them loaded")
    assert max(times.values()) < 0.5


def measured(context: ConsoleBench, company_id: str) -> dict[str, float]:
    """Seconds by what was done."""
    context.search("toft")

    def pick() -> None:
        context.send("codat-company", type="pick", id=company_id, seq=2)
        context.until(TABLE, lambda state: state["rows"])

    times = {"first page of 100,000 operations": seconds(pick)}
    context.until(TABLE, lambda state: state["more"])
    times["all of them loaded"] = seconds(lambda: loaded(context))
    context.until(TABLE, lambda state: state["more"] is None)
    for seq, column in enumerate(("id", "requested", "status"), start=10):
        times[f"sorted by {column}"] = answered(context, seq, type="sort", column=column)
    times["filtered by status"] = answered(context, 20, type="facet", column="status", values=["Complete"])
    times["filtered by a word"] = answered(context, 21, type="filter", text="netsuite")
    frame = context.parts[TABLE].frame
    newest, older = frame.iloc[:1000], frame.iloc[1000:]
    times["processor: new above old in one frame"] = best(lambda: frames.stacked(newest, older)) / 1000
    return times
