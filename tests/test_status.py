"""What a status means is told in one place: the module and all who show or use a status give the same answers."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pandas as pd
import pytest

from codat_notebook import frames
from codat_notebook.cli import outcome
from codat_notebook.cli.exits import Exit
from codat_notebook.models import status as statuses
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.models.vocabulary import DataConnectionStatus, DatasetStatus, SchemaDataType
from codat_notebook.report import freshness, status_pill
from codat_notebook.runs.cells import CompanyStatus, make_cells
from codat_notebook.runs.company_run import COUNTED, CompanyRun
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.runs.durations import Durations
from codat_notebook.runs.following import plan_look
from codat_notebook.runs.rows import STATES, Row, progress_of
from codat_notebook.tables.column import Column
from codat_notebook.tables.sheet import Layout, Sheet, TableView
from codat_notebook.widgets import part
from codat_notebook.widgets.charts import heatmap_state, timeline_state
from codat_notebook.widgets.data_types import data_type_rows, in_progress, uneven_reports
from codat_notebook.widgets.pickers import connection_cards
from codat_notebook.widgets.progress import operation_row, progress_counts, run_row, waiting_row
from codat_notebook.widgets.run_overview import SUMMARY_COLUMNS, overview_state

NOW = datetime(2026, 11, 23, 13, 58, tzinfo=UTC)
LINKED = Connection(id="x", status=DataConnectionStatus.LINKED)
BEGAN, ENDED = "2026-11-23T13:57:00Z", "2026-11-23T13:57:41Z"

#: (status, completed) -> kind and tone: what the documentation says, once more and by hand.
_ON_ITS_WAY = (
    "Initial", "Queued", "Fetching", "MapQueued", "Mapping", "ValidationQueued", "Validating", "ProcessingQueued",
    "Processing",
)  # fmt: skip
_FAILED = (
    "AuthError", "FetchError", "RateLimitError", "PermissionsError", "PrerequisiteNotMet", "Cancelled", "MapError",
    "ValidationError", "ProcessingError", "InternalError", "OddError",
)  # fmt: skip
ANSWERS: dict[tuple[str, str | None], tuple[str, str]] = {
    **{(status, None): ("running", "run") for status in _ON_ITS_WAY},
    ("Complete", ENDED): ("complete", "ok"),
    **{(status, ENDED): ("failed", "bad") for status in _FAILED},
    ("FetchError", None): ("failed", "bad"),
    ("NotSupported", ENDED): ("failed", "idle"),
    ("Routing", None): ("running", "idle"),
    ("Routing", ENDED): ("other", "idle"),
}
ASKED = pytest.mark.parametrize(("status", "completed"), ANSWERS)

#: Codat's statusDescription -> the end of the pause; ``None`` where there is none or it cannot be read.
AT = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)
PAUSES: dict[str, datetime | None] = {
    "Paused until 2026-11-23 14:05": AT,
    "Paused until 2026-11-23T14:05": AT,
    "Paused until 2026-11-23T14:05:00": AT,
    "Paused until 2026-11-23T14:05:00.0000000Z": AT,
    "Paused until 2026-11-23 14:05Z": AT,
    "paused until 2026-11-23T15:05:00+01:00.": AT,
    "Paused until 2026-11-23 09:05:00.000 -05:00": AT,
    "Fetching. PAUSED UNTIL 2026-11-23 14:05:00, then on": AT,
    "Paused until 2026-11-24": datetime(2026, 11, 24, tzinfo=UTC),
    "Paused until 2026-13-45 99:99": None,
    "Paused until 23:59:99Z": None,
    "Paused until further notice": None,
    "Fetching": None,
    "": None,
}
PAUSED = pytest.mark.parametrize(("description", "until"), PAUSES.items())


def operation(status: str, completed: str | None = None, description: str | None = None) -> PullOperation:
    """A pull operation with this status."""
    return PullOperation(
        id="1", company_id="c", connection_id="x", data_type=SchemaDataType.INVOICES, status=DatasetStatus(status),
        requested=BEGAN, completed=completed, status_description=description,
    )  # fmt: skip


def row_of(description: str) -> Row:
    """A row of a run whose operation is described so."""
    return Row("invoices", "x", operation("Fetching", description=description), "queued", company_id="c")


def test_every_published_status_is_asked_about() -> None:
    """The list above leaves out none."""
    assert {status for status, _ in ANSWERS} == {*statuses.STATUSES, "Routing", "OddError"}


#: Status -> stage (5: all done) and words on screen.
STAGES_AND_WORDS = {
    "Initial": (0, "Starting"), "Queued": (0, "Queued"), "Fetching": (1, "Fetching"),
    "MapQueued": (2, "Waiting to map"), "Mapping": (2, "Mapping"),
    "ValidationQueued": (3, "Waiting for checks"), "Validating": (3, "Validating"),
    "ProcessingQueued": (4, "Waiting to process"), "Processing": (4, "Processing"), "Complete": (5, "Complete"),
    "AuthError": (1, "Authorization expired"), "FetchError": (1, "Source not readable"),
    "RateLimitError": (1, "Platform limit reached"), "PermissionsError": (1, "No permission"),
    "PrerequisiteNotMet": (1, "Needs another data type"), "NotSupported": (1, "Not supported"),
    "Cancelled": (1, "Cancelled"), "MapError": (2, "Codat could not map it"),
    "ValidationError": (3, "Data failed checks"),
    "ProcessingError": (4, "Codat could not process it"), "InternalError": (4, "Error inside Codat"),
    "OddError": (1, "OddError"), "Routing": (None, "Routing"), "": (None, "No status"), "Aardvark": (None, "Aardvark"),
}  # fmt: skip


@pytest.mark.parametrize("status", STAGES_AND_WORDS)
def test_where_an_operation_stands_and_how_that_is_said(status: str) -> None:
    """Published statuses have a stage and words; a failure nobody knows failed while fetching; other words stand."""
    assert {*statuses.STATUSES} <= {*STAGES_AND_WORDS}
    meaning = statuses.meaning(status)
    assert (meaning.stage, meaning.text) == STAGES_AND_WORDS[status]


@ASKED
def test_the_module_the_progress_and_the_timeline_agree(status: str, completed: str | None) -> None:
    """Kind, tone and words of an operation are the same wherever it is drawn."""
    kind, tone = ANSWERS[status, completed]
    meaning = statuses.meaning(status, completed)
    assert (meaning.kind, meaning.tone, statuses.tone(status)) == (kind, tone, tone)
    assert statuses.is_running(status, completed) == (kind == "running")
    assert statuses.is_failed(status) == (kind == "failed")
    assert statuses.is_problem(status) == (tone == "bad")
    drawn = operation_row(operation(status, completed))
    assert (drawn["kind"], drawn["tone"], drawn["text"]) == (kind, tone, meaning.text)
    assert "symbol" not in drawn
    bar = timeline_state(frames.pull_operations([operation(status, completed)], None, NOW), NOW)["bars"][0]
    assert (bar["tone"], bar["text"], bar["until"] is None) == (tone, meaning.text, kind == "running")


@ASKED
def test_tables_report_and_pickers_agree(status: str, completed: str | None) -> None:
    """A table's cell and filter and the report's pill have the module's colour, sign and words, and tell the key."""
    _, tone = ANSWERS[status, completed]
    words = STAGES_AND_WORDS[status][1] if status in STAGES_AND_WORDS else status
    sheet = Sheet(pd.DataFrame({"status": [status]}), Layout(columns={"status": Column(facet=True)}))
    page = sheet.page(TableView(), None)
    assert page["rows"] == [[[words, tone, status]]]
    assert page["facets"][0]["options"] == [[status, words, 1, tone]]
    key = "" if words == status else f' title="{status}"'
    assert status_pill(status) == f'<span class="pill {tone}"{key}>{statuses.sign(tone)} {words}</span>'


@ASKED
def test_what_the_console_offers_follows_the_status(status: str, completed: str | None) -> None:
    """A data type that runs cannot be queued again; the heatmap and the list of data types mark the same failures."""
    kind, _ = ANSWERS[status, completed]
    facts = CompanyFacts("c", "C", {"x": LINKED}, {"x": frozenset({"invoices"})})
    cells = make_cells(facts, {}, [operation(status, completed)], True, NOW)
    assert in_progress(facts, cells) == ([{"key": "invoices", "name": "Invoices"}] if kind == "running" else [])
    (row,) = data_type_rows(facts, cells)
    last = "ok" if status == "Complete" else "unsupported" if status == "NotSupported" else "never"
    assert row["state"] == (last if last == "unsupported" else kind if kind in ("running", "failed") else last)
    drawn = heatmap_state(cells, {"x": ("Xero", "")})["rows"][0]["cells"]
    assert drawn == [
        None if status == "NotSupported" else [drawn[0][0], statuses.with_status(status) if kind == "failed" else ""]
    ]


@ASKED
def test_frames_runs_and_command_line_agree_on_what_runs_and_what_failed(status: str, completed: str | None) -> None:
    """Only what runs goes on counting; what failed counts as failed in the progress, the run and the exit code."""
    kind, _ = ANSWERS[status, completed]
    frame = frames.pull_operations([operation(status, completed)], now=NOW)
    counted = frame["duration"].iloc[0]
    assert (counted == pd.Timedelta(minutes=1)) == (kind == "running")
    row = Row("invoices", "x", operation(status, completed), "queued", company_id="c")
    run = SimpleNamespace(facts_of=lambda company_id: None, trouble=None)
    record = outcome.record(run, row)  # type: ignore[arg-type]
    assert record["state"] == (kind if kind in ("failed", "running") else "complete")
    assert row.open == (kind == "running")
    code = {"failed": 3, "running": Exit.OPEN}.get(kind, 0)
    assert outcome.exit_code({record["state"]: 1}) == code
    counts = progress_counts([run_row(row, None, {}, NOW)])
    assert {name for name in ("complete", "failed", "other", "running") if counts[name]} == {kind}  # type: ignore[literal-required]


@PAUSED
def test_a_pause_ends_at_the_same_instant_for_screen_and_module(description: str, until: datetime | None) -> None:
    """With minutes or seconds, T or blank, Z, an offset or none; what cannot be read is shown as it is."""
    assert statuses.paused_until(description) == until
    text = run_row(row_of(description), None, {}, NOW)["text"]
    if until is not None:
        assert text == f"Paused until {until:%Y-%m-%dT%H:%M:%SZ}" == f"Paused until {statuses.pause_end(description)}"
    else:
        paused = description.startswith("Paused")
        assert text == (f"Paused until {statuses.pause_end(description)}" if paused else "Fetching")


@pytest.mark.parametrize("state", STATES)
def test_a_row_without_an_operation_looks_the_same_in_one_company_and_in_many(state: str) -> None:
    """A state's words and colour are those of ``rows.STATES`` in the progress, the bar and the summary's columns."""
    words, tone, kind, _ = STATES[state]
    drawn = waiting_row("k", "bills", "", state)
    assert (drawn["text"].lower(), drawn["tone"], drawn["kind"]) == (words.lower(), tone, kind)
    numbers = progress_of({state: 1}, (2, 0), NOW, NOW, 0)
    run = SimpleNamespace(
        phase="following",
        paused=False,
        counts={state: 1},
        progress=numbers,
        company_name="",
        now=NOW,
        speed=1,
        note=None,
    )
    ((_, told, colour, _),) = overview_state(run, [], [])["shares"]  # type: ignore[arg-type]
    assert (told, colour) == (words, "other" if state == "not queued by Codat" else tone)
    assert (SUMMARY_COLUMNS[COUNTED[state]].label or state) == words


def look(description: str) -> float | None:
    """Seconds until the next look at a company whose only operation is described so."""
    clock = SimpleNamespace(stands=False, real=lambda seconds: seconds)
    context = SimpleNamespace(now=NOW, client=SimpleNamespace(clock=clock))
    company = CompanyRun(context, "c", ())  # type: ignore[arg-type]
    company.rows = (row_of(description),)
    return plan_look(company, Durations(), 1.0)


@PAUSED
def test_a_pause_ends_at_the_same_instant_for_who_looks_again(description: str, until: datetime | None) -> None:
    """The next look waits for the instant that is on screen, and for none where there is none to be read."""
    told = look(f"Paused until {until:%Y-%m-%dT%H:%M:%SZ}") if until else look("Fetching")
    assert look(description) == told
    assert until is None or told is None or told >= min(300.0, (until - NOW).total_seconds())


@pytest.mark.parametrize("status", statuses.CONNECTION_STATUSES)
def test_the_status_of_a_connection_looks_the_same_everywhere(status: str) -> None:
    """Cards, tables and the report; all but a linked one offer the link."""
    tone = {"Linked": "ok", "PendingAuth": "warn", "Unlinked": "idle", "Deauthorized": "bad"}[status]
    (card,) = connection_cards([Connection(id="x", status=DataConnectionStatus(status), link_url="u")])
    assert (card["tone"], card["link_url"]) == (tone, None if status == "Linked" else "u")
    page = Sheet(pd.DataFrame({"connection_status": [status]}), Layout()).page(TableView(), None)
    words = statuses.plain_status(status)
    assert page["rows"] == [[[words, tone, status]]]
    assert f">{statuses.sign(tone)} {words}<" in status_pill(status)
    assert words.lower() in card["words"]


@pytest.mark.parametrize(
    ("days", "counted", "colour"),
    [
        (6.99, "read within 7 days", "ok"),
        (7, "7 to 30 days old", "warn"),
        (30.99, "7 to 30 days old", "warn"),
        (31, "31 days and older", "bad"),
    ],
)
def test_data_is_old_and_stale_from_the_same_age_on_everywhere(days: float, counted: str, colour: str) -> None:
    """The report and the heatmap; a report may not reconcile from the same age on."""
    last = (NOW - timedelta(days=days)).isoformat()
    done = msgspec.structs.replace(operation("Complete", last), requested=last)
    facts = CompanyFacts("c", "C", {"x": LINKED}, {"x": frozenset({"invoices"})})
    cells = make_cells(facts, {}, [done], True, NOW)
    (row,) = data_type_rows(facts, cells)
    assert f'<i class="{colour}"></i><b>1</b> {counted}' in str(freshness(CompanyStatus(facts, [done], cells), NOW))
    steps = [step for step in heatmap_state(cells, {})["steps"] if step in (7, 31)]
    assert sum(days >= step for step in steps) == ["ok", "warn", "bad"].index(colour)
    rows: Any = [{"key": "invoices", "last": row["last"]}, {"key": "customers", "last": NOW.isoformat()}]
    assert bool(uneven_reports(rows)) == (days > 7)


def test_the_browser_is_told_and_knows_nothing_by_itself() -> None:
    """Colours, signs and stages are in the script that is made of the module, and in no other."""
    tables = dict(re.findall(r"const (\w+) = (.*);\n", part.STATUS_SCRIPT))
    assert json.loads(tables["TONES"]) == {tone: list(pair) for tone, pair in statuses.TONES.items()}
    assert json.loads(tables["STAGES"]) == list(statuses.STAGE_NAMES)
    assert (tables["OLD"], tables["STALE"]) == ("7", "31")
    assert part.source("kit.js").startswith(part.STATUS_SCRIPT)
    static = Path(part.__file__).with_name("static")
    scripts = {path.name: path.read_text("utf-8") for path in static.glob("*.js")}
    words = [*statuses.STATUSES, *statuses.CONNECTION_STATUSES]
    assert {name for name, text in scripts.items() if any(f'"{word}"' in text for word in words)} == set()
    closing = 'setText|"✕", \\(\\) =>|}, "✕"\\)'  # the cross is also what closes things
    own = {name for name, text in scripts.items() if re.search("[◔✕‖]", re.sub(closing, "", text))}
    assert own == set()
    crosses = set(re.findall('content: "(.)"', (static / "heatmap.css").read_text("utf-8")))
    assert crosses == {statuses.sign("bad")}
