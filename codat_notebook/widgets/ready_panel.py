"""Is the company ready? What the console's tab of that name asks and shows: a view of ``planning.verdict.Readiness``.

What is asked about (purpose, period, sources) is chosen once and kept for the session, whatever company is picked.
"""

import weakref
from dataclasses import dataclass
from typing import Any, Final, TypedDict

from codat_notebook.models.vocabulary import PURPOSES
from codat_notebook.planning.readiness import Question, question_of
from codat_notebook.planning.verdict import NOT_READY, READY, Readiness
from codat_notebook.session import Session
from codat_notebook.widgets.part import Click, Part
from codat_notebook.words import count, iso, utc

#: Purposes that are buttons; the rest stand in a menu.
AT_HAND: Final = ("lending", "financials", "bank")
SOURCES: Final = ("accounting", "bank", "commerce")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the reader has chosen. Raises ``ValueError`` where it makes no sense."""

    purpose: str = "lending"
    period_end: str | None = None
    sources: tuple[str, ...] = SOURCES

    def __post_init__(self) -> None:
        self.asked()

    def asked(self) -> Question:
        """As the rules ask it."""
        sources = self.sources if 0 < len(self.sources) < len(SOURCES) else None
        return question_of(self.purpose, period_end=self.period_end or None, sources=sources)


#: Session -> what was chosen last.
chosen: weakref.WeakKeyDictionary[Session, Wanted] = weakref.WeakKeyDictionary()


class ReadyLine(TypedDict):
    """What stands in the way, or is noted (without an ``action``)."""

    about: str
    what: str
    action: str


class ReadyAction(TypedDict):
    """What people must do, with the link to send, if there is one."""

    text: str
    link: str | None


class ReadyState(TypedDict):
    """The panel. ``purposes`` are those at hand, then the others; ``refresh`` is the button's text (None: nothing to
    refresh), ``ask`` a question before it, ``blocked`` why it cannot be used; ``empty`` stands where no verdict is."""

    company: str | None
    purposes: list[list[str]]
    purpose: str
    period_end: str
    sources: list[str]
    badge: list[str] | None
    summary: str
    lines: list[ReadyLine]
    notes: list[ReadyLine]
    actions: list[ReadyAction]
    closing: list[str]
    checked: str | None
    refresh: str | None
    ask: str | None
    blocked: str | None
    empty: str
    seq: int


class AskReady(Click, frozen=True, tag="ask_ready"):
    """Another purpose, period or choice of sources."""

    purpose: str = "lending"
    period_end: str = ""
    sources: tuple[str, ...] = SOURCES


class RunPlan(Click, frozen=True, tag="run_plan"):
    """Refresh what the answer about ``company`` plans."""

    company: str = ""


def ready_state(
    answer: Readiness | None, wanted: Wanted, *, empty: str = "", read_only: bool = False, live: bool = False,
    seq: int = 0,
) -> ReadyState:  # fmt: skip
    """The state of a :class:`ReadyPanel`; without an answer it shows ``empty``."""
    others = [name for name in PURPOSES if name not in AT_HAND]
    state: dict[str, Any] = {
        "purposes": [list(AT_HAND), others], "purpose": wanted.purpose, "period_end": wanted.period_end or "",
        "sources": list(wanted.sources), "company": None, "badge": None, "summary": "", "lines": [], "notes": [],
        "actions": [], "closing": [], "checked": None, "refresh": None, "ask": None, "blocked": None, "empty": empty,
        "seq": seq,
    }  # fmt: skip
    if answer is not None:
        queued = sum(row.action == "queue" for row in answer.plan_rows())
        what = f"Refresh {count(queued, 'data type')}"
        state |= {
            "company": answer.snapshot.id, "badge": list(answer.badge), "summary": answer.summary,
            "lines": [{"about": about, "what": what, "action": how} for _, about, what, how in answer.lines()],
            "notes": [{"about": about, "what": what, "action": ""} for _, about, what, _ in answer.noted],
            "actions": [{"text": how, "link": link} for _, how, _, link in answer.acts if link],
            "closing": [*answer.closing, answer.limits], "checked": iso(answer.time.isoformat()),
            "refresh": what if queued else None,
            "ask": f"LIVE: {what.lower()} of {answer.snapshot.name}?" if live and queued else None,
            "blocked": "This session is read-only: nothing is queued." if read_only and queued else None,
        }  # fmt: skip
    return state  # type: ignore[return-value]  # its parts are put together above


def tab_label(answer: Readiness | None) -> tuple[str, int]:
    """What the tab is called, and the number beside it: of the data types that are missing."""
    state = answer.state if answer is not None else None
    return "Ready ✓" if state == READY else "Ready?", len(
        answer.missing
    ) if answer is not None and state == NOT_READY else 0


class ReadyPanel(Part[ReadyState]):
    """The verdict as a badge with its reasons, and one button that runs the plan (class ``codat-ready``)."""

    classes = ("codat-ready",)
    files = ("ready.js", "ready.css")
    messages = AskReady | RunPlan

    @staticmethod
    def text(state: ReadyState, now: str) -> str:
        """The verdict, then a line for each reason and note."""
        lines = [f"• {row['about']}: {row['what']} → {row['action']}" for row in state.get("lines", ())]
        notes = [f"Note: {row['about']}: {row['what']}" for row in state.get("notes", ())]
        return utc("\n".join(filter(None, [state.get("summary") or state.get("empty", ""), *lines, *notes])))
