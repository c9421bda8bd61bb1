"""Why a refresh failed, waits or is stuck, what to do, and who: :func:`diagnose`.

One answer for all who ask: runs and their errors, the console, the report, plans, ``retry_failed``, the command line.
What is known stands in :mod:`codat_notebook.diagnosis.rules` as data, each rule with its source; here is how the
rules are asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any, Final

from codat_notebook.diagnosis import rules
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import Connection, PullOperation, ValidationResults
from codat_notebook.models.status import STATUSES, is_failed, is_running

_DAY: Final = timedelta(days=1)
#: After so long what a person has to mend may have been mended (assumed).
MENDED: Final = timedelta(days=3)
#: Failures in a row from which on a type "fails again and again".
AGAIN: Final = 3
#: So long no outage lasts, nor a limit: what fails since, with whatever else, has another cause (assumed).
LASTING: Final = timedelta(days=3)
#: Status, as the rules name it -> its rules, the most specific first.
_RULES: Final = {
    word: sorted((rule for rule in rules.RULES if word in rule.statuses), key=lambda rule: -rule.rank)
    for word in (*STATUSES, rules.UNKNOWN_ERROR, rules.UNKNOWN_END, rules.UNKNOWN)
}


@dataclass(frozen=True, slots=True)
class Advice:
    """What is wrong with a pull operation, and what to do.

    ``retry`` says whether queueing it again helps: ``"now"``, ``"later"`` (from ``retry_after[0]`` after its end on,
    and not more often than ``retry_after[1]`` apart once that has been tried), ``"after"`` (once somebody has mended
    the cause) or ``"never"`` (also while it is on its way, and where nothing is wrong). ``who`` is to act.
    ``one_cause``: what else fails on the connection has the same cause, to be told once. ``source`` is a page of
    ``codatio/codat-docs`` or a line of ``codatio/oas``; ``basis`` says whether the advice stands there or follows.
    """

    cause: str
    action: str
    retry: rules.Retry
    retry_after: rules.Span | None
    who: rules.Who
    relink: bool
    one_cause: bool
    rule: str
    source: str
    basis: rules.Basis

    def due(self, ended: datetime) -> datetime | None:
        """From when on it may be queued again without asking anybody; ``None``: never.

        What a person has to mend is tried again after three days, as an assumption of how long that takes.
        """
        if self.retry == "never":
            return None
        wait = self.retry_after[0] if self.retry_after else MENDED if self.retry == "after" else timedelta()
        return ended + wait

    @property
    def normal(self) -> bool:
        """Whether there is nothing to say: it is on its way, or has succeeded."""
        return self.rule in ("running", "complete")

    @property
    def expected(self) -> bool:
        """Whether nothing is wrong: the failure stands in the documents, and nobody can or has to mend it."""
        return self.retry == "never" and self.who == "nobody"


def diagnose(
    operation: PullOperation,
    connection: Connection | None = None,
    history: Sequence[PullOperation] = (),
    *,
    validation: ValidationResults | None = None,
    now: datetime | None = None,
) -> Advice:
    """Say why a pull operation failed, waits or is stuck, and what to do about it. Pure; asks nothing of Codat.

    Parameters
    ----------
    operation : one that runs or has ended, in any status, also an unknown one.
    connection : its connection. Without it, what is known about the platform cannot be used.
    history : other operations of the company, in any order; those of other connections are passed over. Without it,
        "for the first time" and "again and again" cannot be told apart.
    validation : what Codat's checks found, for a ``ValidationError``.
    now : the server's time; by default the latest time that the operations tell.

    Examples
    --------
    >>> operation = PullOperation(data_type="bankTransactions", status="FetchError")
    >>> diagnose(operation).retry, diagnose(operation, Connection(platform_name="Xero", status="Linked")).retry
    ('later', 'never')
    """
    case = _Case(operation, connection, tuple(history), now)
    rule = next(rule for rule in _RULES[case.word] if case.meets(rule))
    cause = rule.cause
    findings = (finding.message for finding in (validation and validation.errors) or () if finding.message)
    if rule.statuses == ("ValidationError",) and (first := next(findings, "")):
        cause = f"{cause} The first: {first}"
    # What is on its way goes on by itself once the cause is mended, unless the connection has ended.
    retry = "never" if case.runs and not rule.connection else rule.retry
    return Advice(
        cause, rule.action, retry, rule.wait, rule.who, rule.relink, rule.one_cause, rule.name, rule.source,
        rule.basis,
    )  # fmt: skip


def telling_words(operation: PullOperation) -> str:
    """What of an operation's messages the rules look for: with these alone the diagnosis is the same.

    >>> telling_words(PullOperation(status="FetchError", error_message="Toft: your subscription has expired."))
    'subscription has expired'
    """
    said = "\n".join(filter(None, (operation.status_description, operation.error_message)))
    matches = (re.search(rule.text, said, re.IGNORECASE) for rule in rules.RULES if rule.text and said)
    return "\n".join(dict.fromkeys(match[0] for match in matches if match))


@lru_cache(maxsize=4096)  # many operations, few platforms: the progress asks for 50 rows a few times a second
def _is_among(platform: str, words: tuple[str, ...]) -> bool:
    return any(re.search(rf"\b{word}\b", platform) for word in words)


class _Case:
    """An operation with what is known around it, as the conditions of the rules ask for it."""

    def __init__(
        self,
        operation: PullOperation,
        connection: Connection | None,
        history: Sequence[PullOperation],
        now: datetime | None,
    ) -> None:
        self.connection = connection
        self.data_type = operation.data_type.lower()
        self.word = _word(operation)
        self.runs = not _is_over(operation)
        self._operation = operation
        self._requested = instant(operation.requested)
        here = operation.connection_id.lower()
        self._others = [each for each in history if each.id != operation.id and each.connection_id.lower() == here]
        same = (each for each in self._others if each.data_type.lower() == self.data_type)
        self._same = sorted(same, key=_requested)
        told = (text for each in (operation, *history) for text in (each.requested, each.completed))
        self._now = now or max(filter(None, map(instant, told)), default=None)

    def meets(self, rule: rules.DiagnosisRule) -> bool:
        """Whether all conditions of a rule of this status hold; the cheap ones are asked first."""
        return (
            (not rule.connection or (self.connection is not None and self.connection.status in rule.connection))
            and (not rule.data_types or any(fnmatchcase(self.data_type, word.lower()) for word in rule.data_types))
            and (not rule.platforms or _is_among(self.platform, rule.platforms))
            and (rule.linked is None or _within(self.linked, rule.linked))
            and (rule.age is None or _within(self.age, rule.age))
            and (not rule.text or re.search(rule.text, self.text, re.IGNORECASE) is not None)
            and (not rule.unseen or self.unseen)
            and (not rule.shape or rule.shape == self.shape)
        )

    @cached_property
    def platform(self) -> str:
        """The words that tell the platform: the integration's key, its name, the kind of source, where it runs."""
        if self.connection is None:
            return ""
        connection, where = self.connection, rules.ON_PREMISE[0] if self.connection.on_premise else None
        words = (connection.integration_key, connection.platform_name, connection.source_type, where)
        return " · ".join(word for word in words if word).lower()

    @property
    def linked(self) -> timedelta | None:
        """From the connection's creation to the request."""
        created = instant(self.connection.created) if self.connection else None
        return self._requested - created if created and self._requested else None

    @property
    def age(self) -> timedelta | None:
        """From the request until now."""
        return self._now - self._requested if self._now and self._requested else None

    @cached_property
    def text(self) -> str:
        """All that Codat says about the operation and its connection; errors that were resolved are passed over."""
        texts: list[Any] = [self._operation.status_description, self._operation.error_message]
        if self.connection is not None:
            open_errors = [e for e in self.connection.data_connection_errors or () if e.is_active]
            for error in open_errors:
                texts += [f"HTTP {error.status_code}", error.status_text, error.error_message]
            texts += [self.connection.platform_name, *_strings(self.connection.connection_info)]
        return "\n".join(str(text) for text in texts if text)

    @cached_property
    def shape(self) -> str:
        """What the connection's operations look like together: one of ``rule.SHAPES``, or nothing."""
        if not is_failed(self.word):
            return ""
        newer = [each for each in self._same if _requested(each) > _requested(self._operation)]
        if newer and (newer[-1].status == "Complete" or not _is_over(newer[-1])):
            return "mended" if _is_over(newer[-1]) else "tried again"
        older = [each for each in self._same if each not in newer and _is_over(each)]
        succeeded = [each.status == "Complete" for each in older[-5:]] + [False]
        lasted = _requested(self._operation) - _requested(older[1 - AGAIN :][0]) if older else timedelta()
        again = len(older) >= AGAIN - 1 and not any(succeeded[-AGAIN:])
        if again and lasted >= LASTING and any(succeeded):
            return "again"
        if together := self._together():
            return together
        if self.unseen and older and any(each.status == "Complete" for each in self._others):
            return "no success"
        if not older:
            return "first" if self._others or _within(self.linked, (timedelta(), _DAY)) else ""
        if succeeded.count(False) >= 3 and sum(before and not after for before, after in pairwise(succeeded)) >= 2:
            return "by turns"
        return "again" if again and lasted >= _DAY else ""

    @property
    def unseen(self) -> bool:
        """Whether no success of the type on the connection is known."""
        return not any(each.status == "Complete" for each in self._same)

    def _together(self) -> str:
        """Whether other data types failed likewise about then, and whether more or fewer have succeeded since."""
        mine = _requested(self._operation)
        recent = [each for each in self._others if _requested(each) + _DAY >= mine]
        others = [each for each in recent if each.data_type.lower() != self.data_type and _is_over(each)]
        near = [each for each in others if _requested(each) - mine <= _DAY]
        alike = {each.data_type.lower(): _requested(each) for each in near if each.status == self._operation.status}
        if self.word == "AuthError" and alike and any(e.status == "Complete" and _requested(e) > mine for e in others):
            return "linked again"
        since = min(mine, *alike.values()) if alike else mine
        succeeded = sum(each.status == "Complete" and _requested(each) > since for each in near)
        return "together" if len(alike) >= max(2, succeeded + 1) else ""


def _word(operation: PullOperation) -> str:
    """The status as the rules name it: unknown ones by their kind."""
    status = str(operation.status)
    if status in STATUSES:
        return status
    if is_failed(status):
        return rules.UNKNOWN_ERROR
    return rules.UNKNOWN if is_running(status, operation.completed) else rules.UNKNOWN_END


def _is_over(operation: PullOperation) -> bool:
    return not is_running(operation.status, operation.completed)


def _requested(operation: PullOperation) -> datetime:
    return instant(operation.requested) or datetime.min.replace(tzinfo=UTC)


def _within(value: timedelta | None, span: rules.Span) -> bool:
    return value is not None and span[0] <= value < span[1]


def _strings(value: Any) -> Iterator[str]:
    """Every text inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
