"""Refreshes on the console's screen: what is left by the history, and what can be queued again."""

import re

import pytest

from codat_notebook.sandbox import Sandbox
from codat_notebook.widgets.progress import run_view
from codat_notebook.words import TIME

from .test_console import ConsoleBench, bench, sandbox

__all__ = ["bench", "sandbox"]  # the fixtures


def test_rows_say_how_long_it_usually_takes_here(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """By the company's own history; what was never read has no usual time."""
    id = bench.pick("Toft")
    sandbox.clock.pause()
    bench.send("codat-bar", type="refresh", company=id, data_types=["customers"], seq=1)
    running = bench.until("codat-progress", lambda s: s["rows"] and s["rows"][0]["tone"] == "run")
    assert 1 < running["rows"][0]["usual"] < 3600
    assert running["due"] > running["rows"][0]["since"]
    sandbox.clock.resume()
    assert bench.until("codat-progress", lambda s: s["status"] == "done")["due"] is None


def test_retry_queues_only_what_can_be_helped(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """What was cancelled is queued once more; what is done and the missing permission stay where they are."""
    id = bench.pick("Toft")
    sandbox.faults.end_next("Cancelled", data_type="customers", company_id=id)
    types = ["customers", "creditNotes", "bills"]
    bench.send("codat-bar", type="refresh", company=id, data_types=types, seq=1)
    done = bench.until("codat-progress", lambda s: s["status"] == "done")
    told = {"customers": "failed", "creditNotes": "failed", "bills": "complete"}
    assert {row["type"]: row["kind"] for row in done["rows"]} == told
    assert [action["text"] for action in done["actions"]] == ["Retry failed (1)"]
    bench.send("codat-progress", type="retry", seq=9)
    again = bench.until("codat-progress", lambda s: s["seq"] == 9 and s["status"] == "done")
    assert {row["type"]: row["kind"] for row in again["rows"]} == {**told, "customers": "complete"}
    assert {row["type"]: row["attempt"] for row in again["rows"] if "attempt" in row} == {"customers": 2}
    assert again["actions"] == []


def test_what_is_said_of_a_failure_holds_good_now(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """A run that has ended hears nothing; what others have read since is read off the company on screen."""
    id = bench.pick("Toft")
    sandbox.faults.end_next("Cancelled", data_type="customers", company_id=id)
    bench.send("codat-bar", type="refresh", company=id, data_types=["customers"], seq=1)
    failed = bench.until("codat-progress", lambda s: s["status"] == "done")
    assert "read since" not in failed["rows"][0]["note"]
    assert [action["text"] for action in failed["actions"]] == ["Retry failed (1)"]
    sandbox.faults.end_next("Complete", data_type="customers", company_id=id)
    sandbox.world.queue(id, "customers")  # by somebody else
    bench.until("codat-company", lambda s: not s["loading"])  # else it is being read already
    bench.send("codat-company", type="read", seq=5)
    told = bench.until("codat-progress", lambda s: any("read since" in row.get("note", "") for row in s["rows"]))
    assert told["rows"][0]["key"] == failed["rows"][0]["key"]
    (run,) = bench.session.runs
    assert (told["actions"], run.retries.now) == ([], 0)
    with pytest.raises(ValueError, match="can be retried"):
        run.retry_failed()


def test_what_may_be_retried_later_is_offered_with_its_time(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """A click has it done then; until then it is to be queued, the time is told, and it can be stopped."""
    id = bench.pick("Toft")
    sandbox.faults.end_next("RateLimitError", data_type="customers", company_id=id)
    bench.send("codat-bar", type="refresh", company=id, data_types=["customers"], seq=1)
    (action,) = bench.until("codat-progress", lambda s: s["status"] == "done")["actions"]
    assert (action["type"], re.sub(TIME, "18:40", action["text"])) == ("retry_later", "Retry 1 at 18:40")
    bench.send("codat-progress", type="retry_later", seq=9)
    waits = bench.until("codat-progress", lambda s: s["seq"] == 9 and s["status"] == "running")
    due = TIME.search(action["text"])
    assert due is not None
    assert [row["text"] for row in waits["rows"]] == [f"Retries at {due[0]}"]
    assert "1 to be retried from " in waits["message"]
    bench.send("codat-progress", type="stop", seq=10)
    bench.until("codat-progress", lambda s: s["status"] == "stopped")


def test_a_click_that_cannot_be_acted_on_is_told(bench: ConsoleBench) -> None:
    """Its failure does not vanish on the engine's thread: it is an error and a notice. One of no use is dropped."""
    id = bench.pick("Toft")
    bench.send("codat-bar", type="refresh", company=id, data_types=5, seq=4)
    controller = bench.frame._connector._controller
    assert controller is not None
    bench.session.context.engine.post(controller.boundary.caught(lambda message: message.of_no_use), None)
    notice = bench.until("codat-notice", lambda s: s["items"])["items"][0]
    assert notice["what"] == "The click could not be acted on"
    assert "of_no_use" in bench.session.errors.why.iloc[-1]
    assert len(bench.session.runs) == 0


def test_companies_used_before_are_offered_by_the_next_console(bench: ConsoleBench) -> None:
    """Running the cell again forgets the picked company, not that it was used."""
    id = bench.pick("Toft")
    again = ConsoleBench(bench.session)
    recent = again.until("codat-company", lambda s: s["recent"])["recent"]
    assert [row["id"] for row in recent] == [id]


def test_a_click_that_is_delivered_twice_is_acted_on_once(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """A message with the number of one that was taken up queues nothing; the next number does."""
    id = bench.pick("Toft")
    sandbox.clock.pause()
    for seq, data_type in ((5, "customers"), (5, "bills"), (6, "invoices")):
        bench.send("codat-bar", type="refresh", company=id, data_types=[data_type], seq=seq)
    bench.until("codat-bar", lambda s: s["seq"] == 6)
    assert sorted(row.data_type for run in bench.session.runs for row in run.rows) == ["customers", "invoices"]


def test_the_view_of_a_run_retries_too(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """As a cell's last line, without a console: the new run takes the place of the old one."""
    id = str(bench.session.companies(search="Toft").id[0])
    sandbox.faults.end_next("Cancelled", data_type="customers", company_id=id)
    run = bench.session.refresh(id, "customers").wait(60)
    view = run_view(run)
    assert [action["text"] for action in view.state["actions"]] == ["Retry failed (1)"]
    bench.parts["view"] = view
    bench.send("view", type="retry", seq=3)
    done = bench.until("view", lambda s: s["seq"] == 3 and s["status"] == "done")
    assert [(row["type"], row["kind"]) for row in done["rows"]] == [("customers", "complete")]
    view.close()


def test_a_run_outside_of_the_console_says_what_is_left(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """It reads no history of its own: each look at the company shows what went before."""
    id = str(bench.session.companies(search="Toft").id[0])
    sandbox.clock.pause()
    view = bench.parts["view"] = run_view(bench.session.refresh(id, "customers"))
    running = bench.until("view", lambda s: s["rows"] and "usual" in s["rows"][0])
    assert 1 < running["rows"][0]["usual"] < 3600
    assert running["due"] > running["rows"][0]["since"]
    sandbox.clock.resume()
    bench.until("view", lambda s: s["status"] == "done")
    view.close()


def test_what_is_paused_has_a_time_of_its_own(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """ "Any moment now" is not said of an operation that Codat goes on with at three."""
    id = bench.pick("Toft")
    sandbox.clock.pause()
    sandbox.faults.end_next("Paused", data_type="customers", company_id=id)
    bench.send("codat-bar", type="refresh", company=id, data_types=["customers"], seq=1)
    running = bench.until("codat-progress", lambda s: s["rows"] and s["rows"][0]["tone"] == "run")
    request = {"company_id": id, "dataset_id": running["rows"][0]["key"]}
    operations = bench.session.client.manage_data.pull_operations
    while not (operations.get(request=request).status_description or "").startswith("Paused"):
        sandbox.clock.advance(30)  # into the pause, which lasts for two minutes at least
    paused = bench.until("codat-progress", lambda s: s["rows"][0]["tone"] == "warn")
    assert paused["expected"].startswith("Customers paused until")
    assert paused["due"] is None


def test_a_run_whose_session_is_closed_offers_nothing_to_retry(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """Nothing can be begun any more, by whichever view."""
    id = bench.pick("Toft")
    sandbox.faults.end_next("Cancelled", data_type="customers", company_id=id)
    run = bench.session.refresh(id, "customers").wait(timeout=60)
    assert run_view(run).state["actions"]
    bench.session.close()
    assert run_view(run).state["actions"] == []


def test_what_was_stopped_can_be_watched_again_while_its_session_is_open(sandbox: Sandbox, bench: ConsoleBench) -> None:
    """A button that could do nothing is not offered."""
    id = str(bench.session.companies(search="Toft").id[0])
    sandbox.clock.pause()
    run = bench.session.refresh(id, "customers")
    bench.parts["view"] = run_view(run)
    bench.until("view", lambda s: s["rows"] and "since" in s["rows"][0])
    bench.send("view", type="stop", seq=3)
    stopped = bench.until("view", lambda s: s["status"] == "stopped")
    assert [action["type"] for action in stopped["actions"]] == ["watch_again"]
    bench.session.close()
    assert run_view(run).state["actions"] == []
