"""What came of a check-up: a verdict for each assumption, what this version does not know, and the report of both."""

import platform
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from codat_notebook import __version__, display
from codat_notebook.checkup.evidence import Atom, listed
from codat_notebook.checkup.judging import JUDGES, Case, Verdict
from codat_notebook.checkup.probing import Desk, Sight
from codat_notebook.models import errors, shared
from codat_notebook.models.assumptions import ASSUMPTIONS, BY_NAME

if TYPE_CHECKING:
    import pandas as pd

VERDICTS: Final = ("contradicted", "confirmed", "not seen")
_HEADERS: Final = re.compile(
    "age|allow|alt-svc|cache-control|connection|content-(?:encoding|length|type)|date|etag|expires|keep-alive|pragma|"
    "retry-after|server|strict-transport-security|transfer-encoding|vary|via|x-content-type-options|x-correlation-id|"
    "x-rate-limit-(?:limit|remaining|reset)|x-sandbox-speed"
)
_KINDS: Final[Mapping[str, Any]] = {
    "companies": shared.Companies, "company": shared.Company, "linked": shared.Connections,
    "account settings": shared.SyncSettings, "company settings": shared.SyncSettings,
    "integrations": shared.Integrations, "validation": shared.ValidationResults,
    "status 0": dict[str, shared.DataStatus], "history 0": shared.PullOperations, "no company": errors.ErrorMessageData,
}  # fmt: skip
#: Known, though the models leave them out.
_PASSED_OVER: Final = frozenset({"DataTypeFeature.dataType"})


@dataclass(frozen=True)
class CheckUp:
    """What a check-up found. Shown as a table; ``report`` is the text to attach to an issue.

    Parameters
    ----------
    found : name of an assumption -> whether it holds, and the evidence; those that were not seen are missing.
    strange : what this version does not know, by kind: names of fields and headers, statuses, data types.
    requests : how many were sent.
    stopped : the status for which no more were sent; 0: all were, -1: no answer came.
    is_sandbox : whether this was no real Codat.

    >>> codat_notebook.doctor(session).report  # doctest: +SKIP
    """

    found: Mapping[str, Verdict]
    strange: Mapping[str, Atom]
    requests: int
    stopped: int = 0
    is_sandbox: bool = False

    @property
    def frame(self) -> "pd.DataFrame":
        """One row for each assumption: ``assumption``, ``verdict``, ``evidence``, ``source``, ``effect``."""
        import pandas as pd

        rows = [
            (each.name, self.verdict(each.name), str(self.found.get(each.name, ("", ""))[1]), each.source, each.effect)
            for each in ASSUMPTIONS
        ]
        return pd.DataFrame(rows, columns=["assumption", "verdict", "evidence", "source", "effect"], dtype="str")

    def verdict(self, name: str) -> str:
        """``"confirmed"``, ``"contradicted"`` or ``"not seen"``."""
        return VERDICTS[self.found[name][0]] if name in self.found else VERDICTS[2]

    def named(self, verdict: str) -> list[str]:
        """The assumptions of a verdict."""
        return [each.name for each in ASSUMPTIONS if self.verdict(each.name) == verdict]

    @property
    def report(self) -> str:
        """The report in Markdown: contradictions first, with what they affect and the switch that makes them."""
        counts = ", ".join(f"{len(self.named(verdict))} {verdict}" for verdict in VERDICTS)
        lines = [
            f"# codat-notebook doctor: {'SANDBOX' if self.is_sandbox else 'LIVE'}", "",
            f"codat_notebook {__version__}, Python {platform.python_version()}; {self.requests} requests; {counts}.",
        ]  # fmt: skip
        if self.stopped:
            why = "no answer came" if self.stopped < 0 else f"of the answer {self.stopped}"
            lines.append(f"Not everything was asked, because {why}, or little of the day's quota was left.")
        for name in self.named("contradicted"):
            entry = BY_NAME[name]
            lines += ["", f"## Contradicted: {name}", "", f"Taken for true: {entry.statement} ({entry.source})",
                      f"Seen: {self.found[name][1]}. Affected: {entry.effect}"]  # fmt: skip
            lines += [f"The sandbox does so with `sandbox.faults.{entry.switch}`."] if entry.switch else []
        lines += ["", "## Not known to this version", ""]
        lines += [f"- {kind}: {names}" for kind, names in self.strange.items()] or ["Nothing of that kind was seen."]
        lines += ["", "## All", "", "| assumption | verdict | evidence | source |", "|---|---|---|---|"]
        lines += [
            f"| {each.name} | {self.verdict(each.name)} | {self.found.get(each.name, ('', ''))[1]} | {each.source} |"
            for each in ASSUMPTIONS
        ]
        return "\n".join(lines) + "\n"

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(self.named(verdict))} {verdict}" for verdict in VERDICTS)
        return f"<CheckUp {'sandbox' if self.is_sandbox else 'LIVE'}: {counts}; {self.requests} requests>"

    def _repr_html_(self) -> str:
        frame = self.frame.sort_values("verdict", key=lambda column: column.map(VERDICTS.index), kind="stable")
        return display.static_html(repr(self), frame, note="The whole text is in .report, the table in .frame.")


def conclude(desk: Desk, tried: Mapping[str, Verdict], is_sandbox: bool) -> CheckUp:
    """Judge what a desk has gathered, and what a refresh has shown (``tried``)."""
    case = Case(desk.sights, secrets.token_bytes(16))
    found = {name: verdict for name, judge in JUDGES.items() if (verdict := _judged(judge, case)) is not None}
    return CheckUp({**found, **tried}, _strange(case), desk.requests, desk.stopped, is_sandbox)


def _judged(judge: Any, case: Case) -> Verdict | None:
    """A verdict; an answer of a shape that nobody foresaw tells nothing."""
    try:
        verdict: Verdict | None = judge(case)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None
    return verdict


def _strange(case: Case) -> dict[str, Atom]:
    """What this version does not know."""
    fields = {field for label, kind in _KINDS.items() for field in _fields(case[label], kind)}
    kinds: dict[str, Iterable[tuple[str, str]]] = {
        "fields": fields,
        "headers": {("", name) for sight in case.all for name in sight.headers if not _HEADERS.fullmatch(name)},
    }
    found = {
        kind: listed([Atom(f"{owner}.{case.discretion.word(name)}".lstrip(".")) for owner, name in names])
        for kind, names in kinds.items()
    }
    for name in ("statuses", "data-types", "connection-words"):
        verdict = _judged(JUDGES[name], case)
        found[name.replace("-", " ")] = verdict[1] if verdict and not verdict[0] else Atom()
    return {kind: names for kind, names in found.items() if names}


def _fields(sight: Sight, kind: Any) -> Iterator[tuple[str, str]]:
    good = 200 <= sight.status < 300 or kind is errors.ErrorMessageData
    return _unknown(sight.document, kind) if good else iter(())


def _unknown(value: Any, kind: Any) -> Iterator[tuple[str, str]]:
    """Fields that the models do not have, each with the model's name."""
    origin, arguments = get_origin(kind), [each for each in get_args(kind) if each is not NoneType]
    if origin in (Union, UnionType):
        yield from _unknown(value, arguments[0])
    elif origin is list and isinstance(value, list):
        for each in value:
            yield from _unknown(each, arguments[0])
    elif origin is dict and isinstance(value, dict):
        for each in value.values():
            yield from _unknown(each, arguments[-1])
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        hints = get_type_hints(kind)
        known = {field.encode_name: hints[field.name] for field in msgspec.structs.fields(kind)}
        for name, each in value.items():
            if name in known:
                yield from _unknown(each, known[name])
            elif f"{kind.__name__}.{name}" not in _PASSED_OVER:
                yield kind.__name__, name
