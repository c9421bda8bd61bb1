"""What came of a check-up: a verdict for each assumption, what this version does not know, and the report of both."""

import platform
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from codat_notebook import __version__, display
from codat_notebook.checkup.evidence import Atom, listed
from codat_notebook.checkup.judging import Case, Verdict, judge
from codat_notebook.checkup.probing import Desk
from codat_notebook.models import errors, shared
from codat_notebook.models.assumptions import ASSUMPTIONS, BY_NAME
from codat_notebook.models.vocabulary import DATA_TYPES

if TYPE_CHECKING:
    import pandas as pd

VERDICTS: Final = ("contradicted", "confirmed", "not seen")
_HEADERS: Final = re.compile(
    "age|allow|alt-svc|cache-control|connection|content-(?:encoding|length|type)|date|etag|expires|keep-alive|pragma|"
    "retry-after|server|strict-transport-security|transfer-encoding|vary|via|x-content-type-options|x-correlation-id|"
    "x-rate-limit-(?:limit|remaining|reset)|x-sandbox-speed"
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

    >>> codat_notebook.doctor(session).report  # doctest: +SKIP
    """

    found: Mapping[str, Verdict]
    strange: Mapping[str, Atom]
    requests: int
    stopped: str = ""
    is_sandbox: bool = False

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
            lines.append(f"Not everything was asked: {self.stopped}.")
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


def conclude(desk: Desk, tried: Mapping[str, Verdict], is_sandbox: bool) -> CheckUp:
    """Judge what a desk has gathered, and what a refresh has shown (``tried``)."""
    case = Case(desk.sights, secrets.token_bytes(16))
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
        desk.requests,
        desk.stopped,
        is_sandbox,
    )
