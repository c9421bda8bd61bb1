"""The doctor: whether the real Codat is as this package takes it to be.

``probing`` asks Codat, by reading only, but for the one refresh that shows the rest, where somebody wants that;
``judging`` compares the answers with the register in :mod:`codat_notebook.models.assumptions`; ``evidence`` decides
what may be told of them. What came of it is a :class:`CheckUp`: a verdict for each assumption, what this version does
not know, and a report. What the command line's doctor looks at besides is in ``cli``.
"""

import platform
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from codat_notebook import __version__, display
from codat_notebook.checkup.evidence import Atom, Verdict, listed
from codat_notebook.checkup.judging import Case, judge
from codat_notebook.checkup.probing import Prober, look, refresh_once
from codat_notebook.client import CodatLending
from codat_notebook.models import errors, shared
from codat_notebook.models.assumptions import ASSUMPTIONS, BY_NAME
from codat_notebook.models.vocabulary import DATA_TYPES
from codat_notebook.runs.engine import engine

if TYPE_CHECKING:
    import pandas as pd

VERDICTS: Final = ("contradicted", "confirmed", "not seen")
_HEADERS: Final = re.compile(
    "age|allow|alt-svc|cache-control|connection|content-(?:encoding|length|type)|date|etag|expires|keep-alive|pragma|"
    "retry-after|server|strict-transport-security|transfer-encoding|vary|via|x-content-type-options|x-correlation-id|"
    "x-rate-limit-(?:limit|remaining|reset)|x-sandbox(?:-speed)?"
)
#: Names of all fields that the models have, of whatever object; and one that the contract writes in two ways.
_FIELDS: Final = {"", "dataType"} | {
    field.encode_name
    for kind in (*vars(shared).values(), errors.ErrorMessageData, errors.ErrorValidation)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    for field in msgspec.structs.fields(kind)
}
_TYPES: Final = frozenset(map(str.casefold, DATA_TYPES))
_OK: Final[Verdict] = (True, Atom())


class Connected(Protocol):
    """What is needed of a session."""

    client: CodatLending

    @property
    def is_sandbox(self) -> bool:
        """Whether it is no real Codat."""


@dataclass(frozen=True)
class CheckUp:
    """What a check-up found. Shown as a table; ``report`` is the text to attach to an issue.

    Parameters
    ----------
    found : name of an assumption -> whether it holds, and the evidence; those that were not seen are missing.
    strange : what this version does not know, by kind: names of fields and headers, statuses, data types.
    requests : how many were sent.
    stopped : why no more were sent; ``""``: all were.
    is_sandbox : whether this was no real Codat.

    Examples
    --------
    >>> codat_notebook.doctor(session).report  # doctest: +SKIP
    """

    found: Mapping[str, Verdict]
    strange: Mapping[str, Atom]
    requests: int
    stopped: str = ""
    is_sandbox: bool = False

    def __bool__(self) -> bool:
        """Whether something was confirmed, nothing is contradicted, and everything was asked."""
        return bool(self.named("confirmed")) and not (self.named("contradicted") or self.stopped)

    @property
    def frame(self) -> "pd.DataFrame":
        """One row for each assumption: ``assumption``, ``verdict``, ``evidence``, ``source``, ``effect``."""
        import pandas as pd

        columns = ["assumption", "verdict", "evidence", "source", "effect"]
        return pd.DataFrame([(*row, BY_NAME[row[0]].effect) for row in self._rows()], columns=columns, dtype="str")

    def _rows(self) -> list[tuple[str, str, str, str]]:
        evidence = {name: str(verdict[1]) for name, verdict in self.found.items()}
        return [(each.name, self.verdict(each.name), evidence.get(each.name, ""), each.source) for each in ASSUMPTIONS]

    def verdict(self, name: str) -> str:
        """``"confirmed"``, ``"contradicted"`` or ``"not seen"``."""
        return VERDICTS[self.found[name][0]] if name in self.found else VERDICTS[2]

    def named(self, verdict: str) -> list[str]:
        """The assumptions of a verdict."""
        return [each.name for each in ASSUMPTIONS if self.verdict(each.name) == verdict]

    @property
    def report(self) -> str:
        """The report in Markdown: contradictions first, with what they affect and the switch that makes them."""
        about = f"codat_notebook {__version__}, Python {platform.python_version()}"
        lines = [
            f"# codat-notebook doctor: {'SANDBOX' if self.is_sandbox else 'LIVE'}",
            "",
            f"{about}: {self._counts}.",
        ]
        if self.stopped:
            lines.append(f"Not everything was checked: {self.stopped}.")
        for name in self.named("contradicted"):
            entry = BY_NAME[name]
            lines += [
                f"\n## Contradicted: {name}\n", f"Taken for true: {entry.statement} ({entry.source})",
                f"Seen: {self.found[name][1]}. Affected: {entry.effect}",
                f"The sandbox does so with `sandbox.faults.{entry.switch}`." if entry.switch else "",
            ]  # fmt: skip
        lines += ["\n## Not known to this version\n"]
        lines += [f"- {kind}: {names}" for kind, names in self.strange.items()] or ["Nothing of that kind was seen."]
        lines += ["\n## All\n", "| assumption | verdict | evidence | source |", "|---|---|---|---|"]
        return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in self._rows())]) + "\n"

    @property
    def _counts(self) -> str:
        verdicts = ", ".join(f"{len(self.named(verdict))} {verdict}" for verdict in VERDICTS)
        return f"{verdicts}; {self.requests} requests"

    def __repr__(self) -> str:
        return f"<CheckUp {'sandbox' if self.is_sandbox else 'LIVE'}: {self._counts}>"

    def _repr_html_(self) -> str:
        frame = self.frame.sort_values("verdict", key=lambda column: column.map(VERDICTS.index), kind="stable")
        return display.static_html(repr(self), frame, note="The whole text is in .report, the table in .frame.")


def conclude(prober: Prober, tried: Mapping[str, Verdict], is_sandbox: bool) -> CheckUp:
    """Judge what a prober has gathered, and what a refresh has shown (``tried``)."""
    case = Case(prober.sights, secrets.token_bytes(16))
    found = {each.name: verdict for each in ASSUMPTIONS if (verdict := judge(each.name, case)) is not None}
    strange = {
        "fields": {name for name, _ in case.fields() if name not in _FIELDS and name.casefold() not in _TYPES},
        "headers": {name for sight in case.all for name in sight.headers if not _HEADERS.fullmatch(name)},
    }
    told = {kind: listed([case.discretion.word(name) for name in names]) for kind, names in strange.items()}
    told |= {
        name: found[name][1] for name in ("statuses", "data-types", "connection-words") if not found.get(name, _OK)[0]
    }
    return CheckUp(
        {**found, **tried},
        {kind: names for kind, names in told.items() if names},
        prober.requests,
        prober.stopped,
        is_sandbox,
    )


def doctor(session: Connected) -> CheckUp:
    """Look whether Codat is as this package takes it to be, by reading only: at most 60 requests, no refresh.

    Parameters
    ----------
    session : of :func:`codat_notebook.connect`; a read-only one will do.

    Notes
    -----
    Returns the :class:`CheckUp`: ``.frame`` has a row for each assumption, ``.report`` is a text without names, ids,
    addresses or the key, to attach to an issue. It sends nothing more once Codat refuses the key, asks to slow down,
    or has fewer than 100 requests left for today; what could not be seen is ``"not seen"``. Raises nothing of its own.

    Examples
    --------
    >>> doctor(session)  # doctest: +SKIP
    """
    return examine(session)


def examine(session: Connected, refresh: str | None = None) -> CheckUp:
    """The same; with ``refresh``, a company's id, ONE small data type of it is queued to see the rest.

    Raises ``ReadOnlyError`` where the session may not queue.
    """
    prober = Prober(session.client, refresh is not None)

    def all_of_it() -> Any:
        yield from look(prober)
        return (yield from refresh_once(prober, refresh)) if refresh else {}

    tried = engine().call(session.client._drive_async(all_of_it()))
    return conclude(prober, tried, session.is_sandbox)


__all__ = ["CheckUp", "doctor"]
