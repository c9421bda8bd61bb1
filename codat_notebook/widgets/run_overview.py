"""The live view of a run over many companies: its head, and tables of companies, operations and errors.

The head is counted over the whole run and stays small: a remedy stands once, with the number of companies that need it.
It is drawn at each change; the table that somebody looks at is framed in a worker, which gets a tenth of the time, so
that 400,000 operations cost no more than a hundred. A click on a company shows its operations as its own run would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypedDict, cast

import ipywidgets

from codat_notebook.models.status import FAILURES, plain_status
from codat_notebook.runs.engine import Throttle, engine, pace
from codat_notebook.runs.rows import OPEN_STATES, STATES, failures, phase_of, rule_of
from codat_notebook.runs.run import RefreshRun
from codat_notebook.tables.column import Column, Row
from codat_notebook.tables.exports import to_tsv
from codat_notebook.tables.sheet import Filter
from codat_notebook.widgets.console_parts import ERROR_COLUMNS, OPERATION_COLUMNS
from codat_notebook.widgets.part import Click, FromBrowser, Part
from codat_notebook.widgets.progress import (
    ASK_ABOVE,
    STOP,
    ActionButton,
    Progress,
    ProgressState,
    Retry,
    RetryLater,
    ShowRows,
    StopWatching,
    can_retry,
    progress_state,
    retry_actions,
    run_row,
    run_view,
)
from codat_notebook.widgets.table import FrameTable
from codat_notebook.widgets.tabs import Tab, Tabs, TabsState, tabs_state
from codat_notebook.words import iso

if TYPE_CHECKING:
    import pandas as pd

    from codat_notebook.widgets.notice import ErrorBoundary

#: Operations that must have ended, and a twentieth of all, before their rate says when the last one will.
FEW = 5
#: States in the order of their shares in the bar: what has ended, then what is still to come.
_SHARES = (*[state for state in STATES if state not in OPEN_STATES], *reversed(OPEN_STATES))
_PHASES = {
    "queueing": ("Queueing", "run"), "following": ("In progress", "run"), "done": ("Done", "ok"),
    "stopped": ("Not watching", "warn"), "failed": ("Ended early", "bad"), "paused": ("Paused", "warn"),
    "with failures": ("Ended with failures", "bad"),
}  # fmt: skip

_OVER = ("done", "with failures", "stopped", "failed")


class PhaseState(TypedDict):
    """What the run does, as a word and its tone."""

    text: str
    tone: str


class RemedyState(TypedDict):
    """What people have to do about a failure: for how many companies, with so many link URLs to copy."""

    rule: str
    short: str
    action: str
    companies: int
    operations: int
    links: int


class OverviewState(TypedDict):
    """How the run stands.

    ``shares`` are [state, words, tone, how many operations] in the bar's order, none 0; ``companies`` [ended, all];
    ``per_minute`` operations end in a minute of the server's, all should have at ``end``; ``note``: what is waited for;
    ``only``: the rule of the remedy whose companies the tables below show.
    """

    title: str
    phase: PhaseState
    shares: list[list[Any]]
    total: int
    ended: int
    companies: list[int]
    per_minute: int | None
    end: str | None
    note: str
    remedies: list[RemedyState]
    only: str | None
    actions: list[ActionButton]
    seq: int


class Pause(Click, frozen=True):
    """Queue nothing more for now."""


class Resume(Click, frozen=True):
    """Go on queueing."""


class GoOn(Click, frozen=True):
    """Queue what a stopped or interrupted run has left, and follow it."""


class ShowOnly(Click, frozen=True, tag="only"):
    """Show the companies of one remedy in the tables; the same once more: all."""

    rule: str = ""


class CopyLinks(FromBrowser, frozen=True, tag="links"):
    """Answer with {"type": "links", "rule", "text"}, to be copied."""

    rule: str


def overview_state(
    run: RefreshRun, remedies: list[RemedyState], actions: list[ActionButton], seq: int = 0, only: str | None = None
) -> OverviewState:
    """The state of a :class:`RunOverview`: how a run stands, and what can be done."""
    phase, counts, numbers = run.phase, run.counts, run.progress
    phase = "paused" if run.paused and phase == "queueing" else phase
    phase = phase_of(phase, counts)
    words, tone = _PHASES[phase]
    certain = numbers.ended >= FEW and numbers.share >= 0.05
    end = numbers.expected_end if certain and phase not in _OVER else None
    return {
        "title": f"Refresh of {run.company_name}", "phase": {"text": words, "tone": tone},
        "shares": [[name, STATES[name].words, _share_tone(name), counts[name]] for name in _SHARES if counts.get(name)],
        "total": numbers.total, "ended": numbers.ended, "companies": [numbers.companies_ended, numbers.companies],
        "per_minute": round(numbers.per_minute) if end else None, "end": iso(end.isoformat()) if end else None,
        "note": run.note or "", "remedies": remedies, "only": only, "actions": actions, "seq": seq,
    }  # fmt: skip


def _share_tone(state: str) -> str:
    """A state's tone; what Codat did not queue is told in the bar from what is still to be queued."""
    return "other" if state == "not queued by Codat" else STATES[state].tone


class RunOverview(Part[OverviewState]):
    """How a run over many companies stands (class ``codat-run-overview``)."""

    classes = ("codat-run-overview",)
    files = ("run_overview.js", "console.css", "run_overview.css")
    messages = Pause | Resume | GoOn | StopWatching | Retry | RetryLater | ShowOnly | CopyLinks


#: Real seconds between two updates of a table at the least.
TABLES_EVERY = 1.0
#: Remedies in the head; the table of errors has all.
REMEDIES = 5

_PAUSE: ActionButton = {
    "type": "pause",
    "text": "Pause queueing",
    "title": "Queues nothing more until you resume. What is queued already is still followed.",
}
_RESUME: ActionButton = {
    "type": "resume",
    "text": "Resume queueing",
    "title": "Queues the rest.",
}
_GO_ON: ActionButton = {
    "type": "go_on",
    "text": "Resume",
    "title": "Queues what is not queued yet, once, and follows the rest.",
}
_COMPANY = Column("company", kind="id")
SUMMARY_COLUMNS = {
    "company": Column(), "phase": Column(facet=True, words=lambda phase: _PHASES[phase][0]), "operations": Column(),
    "complete": Column(), "failed": Column(),
    "running": Column(), "queueing": Column(STATES["queueing"].words), "platforms": Column(),
    "note": Column(kind="prose"), "refused": Column(STATES["refused"].words),
    "unknown": Column(STATES["unknown"].words), "not_queued": Column(STATES["not queued by Codat"].words),
    "unqueued": Column(STATES["unqueued"].words), "skipped": Column(), "company_id": Column("id", kind="id"),
}  # fmt: skip
SUMMARY_FILTERS: dict[str, Filter] = {"Failing": lambda frame: failing(frame) > 0}
TABS = {"companies": "Companies", "operations": "Pull operations", "errors": "Errors"}
_FRAMES = {"companies": "summary", "operations": "operations", "errors": "errors"}
NOBODY = "Click a company to see its operations."


def failing(summary: pd.DataFrame) -> pd.Series[int]:
    """How much of each company ended in failure."""
    return summary["failed"] + summary["refused"]


class PortfolioRunView(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets comes without types
    """The view as a widget. Made by :func:`live_view`; in a console ``open`` is called with a company's id."""

    def __init__(
        self, run: RefreshRun, boundary: ErrorBoundary | None = None, open: Callable[[str], object] | None = None
    ) -> None:
        self._run = run
        self._boundary = boundary
        self._open = open
        self._seq = 0
        self._tab = "companies"
        self._company = run.company_id or None
        self._first = 0
        self._only: str | None = None
        self._remedies: list[RemedyState] = []
        self._soon = Throttle(engine().loop, self._frame_soon, every=0.0)
        self._framing: asyncio.Task[None] | None = None
        self._watching = ExitStack()
        clock = run.clock
        self._head = RunOverview(self._head_state(), clock=clock)
        self._tabs = Tabs(self._tabs_state())
        self._one = Progress(self._one_state(), clock=clock)
        self._tables = {  # without rows at first: the frames of a large run take seconds, too long to wait for
            "companies": FrameTable(
                None, empty="One moment…", noun="company", columns=SUMMARY_COLUMNS, key="company_id", sort=None,
                filters=SUMMARY_FILTERS, clock=clock,
            ),
            "operations": FrameTable(
                None, empty="Nothing is queued yet.", noun="operation",
                columns=OPERATION_COLUMNS | {"company_id": _COMPANY}, clock=clock,
            ),
            "errors": FrameTable(
                None, empty="Nothing has gone wrong in this run.", noun="error", key="", sort=("time", "desc"),
                columns=ERROR_COLUMNS | {"company_id": _COMPANY}, clock=clock,
            ),
        }  # fmt: skip
        classes = ("codat-console", "codat-of-one") if run.company_id else ("codat-console",)
        super().__init__([self._head, self._tabs, *self._panels()], _dom_classes=classes)
        self._listen()

    @property
    def run(self) -> RefreshRun:
        """The run that is shown: the newest of those that go on with one another."""
        return self._run

    def leave(self) -> None:
        """Follow the run no more, on the engine's thread; it goes on."""
        self._watching.close()
        self._soon.stop()
        if self._framing is None:  # else its end says so
            engine().settled(("frames", id(self)))

    def _panels(self) -> list[ipywidgets.Widget]:
        contents: dict[str, list[ipywidgets.Widget]] = {name: [table] for name, table in self._tables.items()}
        contents["companies"].append(self._one)
        return [ipywidgets.VBox(parts, _dom_classes=(f"codat-panel-{name}",)) for name, parts in contents.items()]

    def _listen(self) -> None:
        self._head.on_message = self._boundary.caught(self._act) if self._boundary is not None else self._act
        self._tabs.on_message = self._on_tab
        self._one.on_message = self._turn
        parts: list[Part[Any]] = [self._head, self._one, *self._tables.values()]
        for part in parts:
            part.on_copied = self._run.copied
        self._tables["companies"].on_row = self._pick
        self._tables["companies"].on_more = lambda _: self._open and self._open(self._company or "")
        self._watching.callback(self._run.observe(self._changed))
        engine().post(self._changed)  # what has changed while the view was made

    # What the parts show.

    def _head_state(self) -> OverviewState:
        return overview_state(self._run, self._remedies, self._actions(), self._seq, self._only)

    def _actions(self) -> list[ActionButton]:
        run = self._run
        if not run.done:
            queueing = [_RESUME if run.paused else _PAUSE] if run.phase == "queueing" else []
            return [*queueing, STOP]
        left = sum(run.counts.get(state, 0) for state in ("queueing", "unqueued", "unknown"))
        ask = {} if run.is_sandbox or left <= ASK_ABOVE else {"ask": f"Queue up to {left:,} on LIVE?"}
        go_on = [cast(ActionButton, {**_GO_ON, **ask})] if run.unfinished and not run.closed else []
        return [*go_on, *retry_actions([run])]

    def _tabs_state(self) -> TabsState:
        counts = self._run.counts
        numbers = self._run.progress
        told = {"companies": numbers.companies, "operations": numbers.queued, "errors": failures(counts)}
        return tabs_state("companies", TABS, **told)

    def _one_state(self) -> ProgressState:
        run, id = self._run, self._company
        if id is None:
            return progress_state([], status="idle", message=NOBODY)
        facts = run.facts_of(id)
        rows = [run_row(row, facts, {}, run.now) for row in run.rows_of(id)]
        rows.sort(key=lambda row: row["kind"] != "failed")
        status = "done" if run.done else "running"
        title = facts.name if facts else id
        return progress_state(rows, title=title, status=status, first=self._first)

    # On the engine's thread, all of it.

    def _changed(self) -> None:
        self._head.show(self._head_state())
        self._tabs.show(self._tabs_state())
        self._one.show(self._one_state())
        if self._framing is None:
            engine().expect(("frames", id(self)))
            self._soon.every = 0.0 if self._run.done else self._soon.every
            self._soon.ring()

    def _frame_soon(self) -> None:
        self._framing = engine().loop.create_task(self._frame(self._run.done))

    async def _frame(self, ended: bool) -> None:
        """The table that is looked at, or all of them at the end; and the remedies, which the head tells."""
        begun, run = engine().loop.time(), self._run
        try:
            for name in TABS if ended else (self._tab,):
                self._tables[name].update(await engine().in_worker(_framed, run, name, self._only))
            remedies = await engine().in_worker(lambda: run.remedies.head(REMEDIES))
            self._remedies = [_remedy(row) for row in remedies.to_dict("records")]
        except Exception as error:  # noqa: BLE001 - nobody awaits the task: it is told to the loop, and the view goes on
            engine().loop.call_exception_handler({"message": "A run could not be framed", "exception": error})
        finally:
            self._framing = None
            engine().settled(("frames", id(self)))
        self._soon.every = pace(engine().loop.time() - begun, TABLES_EVERY)
        self._head.show(self._head_state())
        if ended and run is self._run:
            self._watching.close()
        elif self._run.done or run is not self._run:
            self._changed()  # it has ended meanwhile, or was retried

    def _act(self, message: Click | CopyLinks) -> None:
        self._seq = message.seq if isinstance(message, Click) else self._seq
        match message:
            case Pause():
                self._run.pause()
            case Resume():
                self._run.resume()
            case StopWatching():
                self._run.stop_watching()
            case GoOn() if self._run.unfinished and not self._run.closed:
                self._follow(self._run.watch_again(queue=True))
            case ShowOnly(rule=rule):
                self._only = None if rule == self._only else rule
                self._reframe()
            case Retry() | RetryLater() if can_retry(self._run, later := isinstance(message, RetryLater)):
                self._follow(self._run.retry_failed(later))
            case CopyLinks(rule=rule):
                self._tell_links(rule)
        engine().loop.call_soon(lambda: self._head.show(self._head_state(), at_once=True))  # after what was posted

    def _follow(self, run: RefreshRun) -> None:
        self._watching.close()
        self._watching.callback(run.observe(self._changed))
        self._run = run
        self._company = run.company_id or None
        self._remedies = []
        self._only = None
        self._tables["companies"].select(None)
        self._changed()

    def _tell_links(self, rule: str) -> None:
        errors = self._run.errors
        facts = {id: self._run.facts_of(id) for id in errors["company_id"]}
        text = links_text(errors, rule, {id: each.name for id, each in facts.items() if each})
        self._head.send({"type": "links", "rule": rule, "text": text})

    def _on_tab(self, message: Tab) -> None:
        self._tab = message.name if message.name in TABS else self._tab
        self._reframe()

    def _reframe(self) -> None:
        """The table that is looked at, at once; while one is framed, the next one does."""
        if self._framing is None:
            self._soon.ring_now()
        else:
            self._framing.add_done_callback(lambda _: self._soon.ring_now())

    def _pick(self, row: Row | None) -> None:
        picked = str(row["company_id"]) if row else self._run.company_id or None
        self._first = self._first if picked == self._company else 0
        self._company = picked
        name = str(row["company"]) if row and self._open else None
        actions = [["open", f"Open {name}"]]
        self._tables["companies"].tell_more(
            {"text": "", "busy": False, "failed": False, "actions": actions} if name else None
        )
        self._one.show(self._one_state(), at_once=True)

    def _turn(self, message: ShowRows | StopWatching | Retry | RetryLater) -> None:
        if isinstance(message, ShowRows):
            self._first = max(0, message.first)
            self._one.show(self._one_state(), at_once=True)


def _framed(run: RefreshRun, name: str, only: str | None) -> pd.DataFrame:
    """The frame of a tab, failures first; ``only``: of the companies of one remedy."""
    frame: pd.DataFrame = getattr(run, _FRAMES[name])
    if only is not None:
        frame = frame[frame["company_id"].isin(row.company_id for row in run.rows if rule_of(row) == only)]
    if name == "companies":
        frame = frame.loc[failing(frame).sort_values(ascending=False, kind="stable").index]
    return frame.reset_index(drop=True)


def links_text(errors: pd.DataFrame, rule: str, names: Mapping[str, str]) -> str:
    """The link URLs of the companies that failed like this, as a table for a spreadsheet or a mail merge."""
    rows = errors[(errors["rule"] == rule) & errors["link_url"].notna()].drop_duplicates("link_url", ignore_index=True)
    rows = rows.assign(company=[names.get(id, id) for id in rows["company_id"]])
    return to_tsv(rows[["company", "company_id", "platform", "link_url"]])


def _remedy(row: Mapping[Hashable, Any]) -> RemedyState:
    short = plain_status(row["status"]) if row["status"] in FAILURES else row["what"]
    return {
        "rule": row["rule"], "short": short, "action": row["action"], "companies": int(row["companies"]),
        "operations": int(row["operations"]), "links": int(row["link_urls"]),
    }  # fmt: skip


def live_view(run: RefreshRun) -> PortfolioRunView | Progress:
    """A live view of a run, of one company or of many: a widget to show anywhere, as often as wanted."""
    return PortfolioRunView(run) if len(run.company_ids) > 1 else run_view(run)
