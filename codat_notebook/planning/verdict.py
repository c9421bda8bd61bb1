"""The answer to "is it ready?": :class:`Readiness`, in words, as frames, with what would mend it. Pure.

An answer is of one company, at one moment, to one question, all of which it repeats. It is true only where it says
"Ready"; what is not known is ``unknown``, and never rounded to yes or no.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from codat_notebook import frames
from codat_notebook.markup import Markup, h, text_of
from codat_notebook.models.status import sign
from codat_notebook.models.vocabulary import plain_name
from codat_notebook.planning.plan import PlanRow, plan_rows
from codat_notebook.planning.readiness import REFRESHED, Question, Reason, find
from codat_notebook.planning.selection import Selection, Target
from codat_notebook.planning.snapshots import CompanySnapshot, durations_of
from codat_notebook.runs.durations import Durations
from codat_notebook.words import count, duration

if TYPE_CHECKING:
    import pandas as pd

READY, NOT_READY, UNKNOWN = "ready", "not_ready", "unknown"
#: State -> what its badge says, and its colour (``models.status.TONES``).
BADGES: Final = {READY: ("Ready", "ok"), NOT_READY: ("Not ready", "bad"), UNKNOWN: ("Not known", "warn")}
#: The same where it is only not known because no period was given.
FRESH: Final = ("Fresh", "warn")
UNSEEN: Final = "Whether the books are closed cannot be seen from here."
ALONE: Final = "Refreshing alone will not make this company ready."
_LINK: Final = " The link may work only once, and for a day: send it at once."
_NOBODY: Final = ("refresh", "wait")


class Told(NamedTuple):
    """Reasons that are alike, told together: ``about`` are the data types and their source, in words."""

    code: str
    about: str
    what: str
    action: str


class Readiness:
    """Whether a company's data is complete enough for a purpose. Made by ``Session.ready``.

    >>> answer = session.ready(company_id, "lending", period_end="2026-10-31", months=12)  # doctest: +SKIP
    >>> if not answer:                                                                       # doctest: +SKIP
    ...     session.refresh(answer.plan()).wait()
    """

    def __init__(self, snapshot: CompanySnapshot, question: Question, time: datetime) -> None:
        self.snapshot = snapshot
        self.question = question
        #: When it was looked at, on the server's clock.
        self.time = time
        self._found = find(snapshot, question, time)

    @property
    def state(self) -> str:
        """``"ready"``, ``"not_ready"`` or ``"unknown"``."""
        codes = {reason.code for reason in self._found.reasons}
        return NOT_READY if codes - {"unknown"} else UNKNOWN if codes else READY

    @property
    def ready(self) -> bool:
        """Whether it is ready, for certain."""
        return self.state == READY

    def __bool__(self) -> bool:
        return self.ready

    @property
    def codes(self) -> list[str]:
        """The reasons' codes, each once."""
        return list(dict.fromkeys(reason.code for reason in self._found.reasons))

    @property
    def needed(self) -> int:
        """How many data types are asked about."""
        return len(self._found.types)

    @property
    def missing(self) -> list[str]:
        """The data types for which there is a reason."""
        return list(dict.fromkeys(reason.data_type for reason in self._found.reasons if reason.data_type))

    @property
    def headline(self) -> str:
        """The verdict with its purpose and period, without a stop."""
        if self.state == UNKNOWN and self._only_period:
            return "Fresh; period not checked"
        words = {READY: "Ready", NOT_READY: "Not ready", UNKNOWN: "Not known whether ready"}[self.state]
        period = self.question.period
        return f"{words} for {self.question.name}" + (f", {period}" if period else "")

    @property
    def badge(self) -> tuple[str, str]:
        """The verdict in a word or two, and its colour."""
        return FRESH if self.state == UNKNOWN and self._only_period else BADGES[self.state]

    @property
    def _only_period(self) -> bool:
        return (
            self.question.end is None
            and not self.snapshot.trouble
            and not self.missing
            and len(self._found.reasons) == 1
        )

    @property
    def summary(self) -> str:
        """The verdict in a sentence."""
        why = [f"{len(self.missing)} of {count(self.needed, 'data type')} {self._lack}"] if self.missing else []
        if not self._only_period:
            whole = [reason.what.rstrip(".") for reason in self._found.reasons if reason.data_type is None]
            why += [what[0].lower() + what[1:] for what in whole]
        return f"{self.headline}: {'; '.join(why)}." if why else f"{self.headline}."

    @property
    def _lack(self) -> str:
        is_are = "is" if len(self.missing) == 1 else "are"
        return f"{is_are} not known" if self.state == UNKNOWN else f"{is_are} missing"

    @property
    def reasons(self) -> pd.DataFrame:
        """What stands in the way: ``code``, ``data_type``, ``connection``, ``what``, ``since``, ``action``, ``who``
        (acts), ``source`` (a page of Codat's documentation, or "inferred") and ids. Empty where it is ready."""
        return self._frame(self._found.reasons)

    @property
    def notes(self) -> pd.DataFrame:
        """What does not stand in the way and is told all the same; the same columns."""
        return self._frame(self._found.notes)

    def _frame(self, reasons: list[Reason]) -> pd.DataFrame:
        columns = {name: [getattr(each, name) for each in reasons] for name in _OF_A_REASON}
        columns["connection"] = [each.connection and each.connection.platform_name for each in reasons]
        columns["connection_id"] = [each.connection and each.connection.id for each in reasons]
        columns["company_id"] = [self.snapshot.id] * len(reasons)
        return frames.build(frames.REASONS, columns)

    @property
    def actions(self) -> pd.DataFrame:
        """What people must do, once for each source: ``who``, ``action``, ``data_types``, ``connection``, ``link_url``
        and ids. The documents say of link URLs that they may work once and for a day: they are kept nowhere else."""
        grouped = self.acts
        platforms = self.snapshot.connections
        columns: dict[str, list[Any]] = {
            "who": [key[0] for key in grouped],
            "action": [key[1] for key in grouped],
            "data_types": [", ".join(filter(None, types)) for types in grouped.values()],
            "connection": [platforms[key[2]].platform_name if key[2] else None for key in grouped],
            "link_url": [key[3] for key in grouped],
            "connection_id": [key[2] for key in grouped],
            "company_id": [self.snapshot.id] * len(grouped),
        }
        return frames.build(frames.ACTIONS, columns)

    @property
    def acts(self) -> dict[tuple[str, str, str | None, str | None], list[str]]:
        """Who, action, connection id, link URL -> the data types that it is about."""
        grouped: dict[tuple[str, str, str | None, str | None], list[str]] = {}
        for each in self._found.reasons:
            if each.who not in _NOBODY:
                how = each.action + (_LINK if each.link_url else "")
                key = (each.who, how, each.connection.id if each.connection else None, each.link_url)
                grouped.setdefault(key, []).append(each.data_type or "")
        return grouped

    def plan(self) -> pd.DataFrame:
        """The fewest refreshes that could mend it, to hand to ``session.refresh``; columns as of ``session.plan``.

        What is fresh is not asked for again, unless it would be too old beside what is refreshed. What people must
        mend first (``actions``) is in it, too, but for lost connections.
        """
        from codat_notebook.planning.plan_view import plan_frame

        return plan_frame(self.plan_rows())

    def plan_rows(self) -> list[PlanRow]:
        """The rows of :meth:`plan`."""
        return plan_rows([self.snapshot], Selection({self.snapshot.id.lower(): tuple(self._targets)}))

    @cached_property
    def _durations(self) -> Durations:
        return durations_of([self.snapshot])

    @cached_property
    def _targets(self) -> list[Target]:
        linked = self.snapshot.linked
        own = [
            (each.data_type, each.connection.id)
            for each in self._found.reasons
            if each.code in REFRESHED and each.data_type and each.connection and each.connection.id in linked
        ]
        durations = self._durations
        cells = [cell for cell in self.snapshot.cells if cell.connection_id in linked]
        taken = [durations.of(c.platform, c.data_type).late for c in cells if (c.data_type, c.connection_id) in own]
        done = self.time + timedelta(seconds=max(taken, default=0))
        places = {connection for _, connection in own}
        scope = set(self._found.types) - set(self.question.purpose.optional)
        between = self.question.between
        for cell in cells:
            limit = self.question.max_skew if cell.connection_id in places else between if own else None
            if cell.data_type not in scope or limit is None:
                continue
            if cell.last_success is not None and not cell.expected and done - cell.last_success >= limit:
                own.append((cell.data_type, cell.connection_id))
        running = self.snapshot.running
        return [pair for pair in dict.fromkeys(own) if (pair[1], pair[0]) not in running]

    @property
    def eta(self) -> tuple[timedelta, timedelta] | None:
        """How long the plan and what is being read take: what half, and what one in twenty exceeds, by the company's
        own history. ``None``: nothing is to be read, or there is no history of it."""
        running = {(e.data_type, e.connection.id) for e in self._found.reasons if e.code == "running" and e.connection}
        durations, wanted = self._durations, running | set(self._targets)
        cells = {(cell.data_type, cell.connection_id): cell for cell in self.snapshot.cells}
        ends = []
        for key in wanted:
            cell = cells.get((key[0] or "", key[1] or ""))
            if cell is None or durations.usual(cell.platform, cell.data_type) is None or cell.overdue:
                return None
            usual, since = durations.of(cell.platform, cell.data_type), cell.last_requested
            gone = (self.time - since).total_seconds() if key in running and since else 0
            ends.append((max(usual.median - gone, 0), max(usual.late - gone, 0)))
        if not ends:
            return None
        return timedelta(seconds=max(e[0] for e in ends)), timedelta(seconds=max(e[1] for e in ends))

    def lines(self, reasons: Iterable[Reason] | None = None) -> list[Told]:
        """The reasons in words, those that are alike together."""
        alike: dict[tuple[str, str, str, str], list[str]] = {}
        for each in self._found.reasons if reasons is None else reasons:
            platform = each.connection.platform_name if each.connection else ""
            names = alike.setdefault((each.code, platform, each.what, each.action), [])
            if each.data_type:
                names.append(plain_name(each.data_type))
        return [
            Told(code, ", ".join(names) + (f" ({platform})" if platform else ""), what, action)
            for (code, platform, what, action), names in alike.items()
        ]

    @property
    def noted(self) -> list[Told]:
        """The notes in words."""
        return self.lines(self._found.notes)

    @property
    def closing(self) -> list[str]:
        """What is to be said at the end: how long it takes, what refreshing cannot do, what cannot be seen."""
        said = []
        if (eta := self.eta) is not None:
            low, high = (duration(each.total_seconds()) for each in eta)
            said.append(f"Going by its history, reading takes {low} to {high}.")
        if not self.ready and any(each.who not in _NOBODY for each in self._found.reasons) and self.missing:
            said.append(ALONE)
        return [*said, UNSEEN]

    @property
    def limits(self) -> str:
        """What the question was, in words: its sources and limits."""
        question = self.question
        sources = "all sources" if question.sources is None else " and ".join(map(str.lower, question.sources))
        between = "" if question.between is None else f", of all within {_length(question.between)}"
        return (
            f"Asked of {sources}: read within {_length(question.max_age)}, the data of a connection within "
            f"{_length(question.max_skew)}{between}."
        )

    def __str__(self) -> str:
        told = [f"{self.snapshot.name}: {self.summary}"]
        told += [f"• {' '.join(filter(None, (line.about + ':' if line.about else '', line.what)))} → {line.action}"
                 for line in self.lines()]  # fmt: skip
        told += [f"  Note: {line.about}: {line.what}" for line in self.noted]
        return "\n".join([*told, *self.closing, self.limits, f"Checked {self.time:%Y-%m-%d %H:%M} UTC."])

    def __repr__(self) -> str:
        return f"<Readiness of {self.snapshot.name}: {self.summary}>"

    def told(self) -> Markup:
        """All of it as HTML, for a page: the badge and the verdict, what stands in the way, what was asked, when."""
        word, colour = self.badge
        lines = [
            h("li", h("b", f"{about}: " if about else ""), f"{what} → {how}") for _, about, what, how in self.lines()
        ]
        notes = [h("li", f"Note: {about}: {what}", class_="dim") for _, about, what, _ in self.noted]
        checked = h("time", f"{self.time:%Y-%m-%d %H:%M} UTC", datetime=self.time.isoformat())
        return text_of([
            h("p", h("span", f"{sign(colour)} {word}", class_=f"pill {colour}"), " ", h("b", self.summary)),
            h("ul", lines, notes, class_="reasons") if lines or notes else None,
            h("p", " ".join([*self.closing, self.limits]), " Checked ", checked, ".", class_="dim"),
        ])  # fmt: skip

    def _repr_html_(self) -> str:
        return h("p", h("b", self.snapshot.name)) + self.told()

    def as_json(self) -> dict[str, Any]:
        """The whole answer as plain values, times as ISO 8601; without link URLs, which are to be kept nowhere."""
        question, eta = self.question, self.eta
        return {
            "company": self.snapshot.name, "company_id": self.snapshot.id, "state": self.state, "ready": self.ready,
            "summary": self.summary, "purpose": question.name, "data_types": list(question.purpose.data_types),
            "sources": question.sources and [each.lower() for each in question.sources],
            "period_end": question.last_day, "months": question.months,
            "max_age_seconds": question.max_age.total_seconds(), "max_skew_seconds": question.max_skew.total_seconds(),
            "checked": self.time.isoformat(), "reasons": _records(self.reasons), "notes": _records(self.notes),
            "plan": _records(self.plan()[["data_type", "connection_id", "action", "reason"]]),
            "actions": _records(self.actions.drop(columns="link_url")),
            "eta_seconds": eta and [each.total_seconds() for each in eta], "unseen": UNSEEN,
        }  # fmt: skip


_OF_A_REASON: Final = ("code", "data_type", "what", "since", "action", "who", "source")


def _length(value: timedelta) -> str:
    return duration(value.total_seconds())


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso"))
    return rows


def of_answers(answers: Iterable[Readiness]) -> pd.DataFrame:
    """The frame of ``Session.portfolio_ready``."""
    rows = sorted(answers, key=lambda answer: (NOT_READY, UNKNOWN, READY).index(answer.state))
    columns: dict[str, list[Any]] = {
        "company": [answer.snapshot.name for answer in rows],
        "state": [answer.state for answer in rows],
        "missing": [len(answer.missing) for answer in rows],
        "data_types": [answer.needed for answer in rows],
        "reasons": [", ".join(answer.codes) for answer in rows],
        "refreshes": [sum(row.action == "queue" for row in answer.plan_rows()) for answer in rows],
        "actions": [len(answer.acts) for answer in rows],
        "summary": [answer.summary for answer in rows],
        "checked": [answer.time for answer in rows],
        "company_id": [answer.snapshot.id for answer in rows],
    }
    return frames.build(frames.READY, columns)
