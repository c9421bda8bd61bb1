"""How a refresh ended: each operation as plain values, as a table with what helps, and as the JSON of ``--json``.

``refresh.schema.json`` beside this file describes that JSON; its ``version`` changes where something is taken away.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from codat_notebook.cli.exits import Exit
from codat_notebook.models.errors import shown
from codat_notebook.runs.journal import Start
from codat_notebook.runs.rows import Row
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.targets import Skipped, Targets

VERSION = 1
#: State of an operation -> the exit code; of several the highest counts. What is not there is still open.
CODES = {
    "complete": Exit.DONE, "failed": Exit.FAILED, "refused": Exit.REFUSED, "not queued by Codat": Exit.REFUSED,
    "unknown": Exit.UNKNOWN,
}  # fmt: skip
#: The state of what nothing was sent for, because its run did not begin.
NOT_BEGUN = "not begun"
#: Rows of the table; beyond that only what did not complete.
WHOLE = 40

_COLUMNS = {"company": 28, "data_type": 24, "platform": 18, "state": 20, "status": 18, "message": 60}
_ERROR = ("why", "action", "retry", "who", "link_url")
_KNOWN = ("company_id", "company", "data_type", "connection_id", "platform", "state", "origin", "attempt", "status",
          "operation_id", "requested", "completed", "message", *_ERROR)  # fmt: skip


def exit_code(counts: Mapping[str, int]) -> Exit:
    """The exit code for so many operations in each state.

    >>> exit_code({"complete": 5}).value, exit_code({"complete": 5, "failed": 1, "running": 2}).value
    (0, 6)
    """
    return max((CODES.get(state, Exit.OPEN) for state, number in counts.items() if number), default=Exit.DONE)


def record(run: RefreshRun, row: Row) -> dict[str, Any]:
    """A row of a run as plain values."""
    operation, error, facts = row.operation, row.error, run.facts_of(row.company_id)
    connection_id = operation.connection_id if operation else row.connection_id
    return {
        "company_id": row.company_id,
        "company": facts.name if facts else None,
        "data_type": str(row.data_type),
        "connection_id": connection_id,
        "platform": facts.platforms.get(connection_id or "") if facts else None,
        "state": "unqueued" if error is not None and error is run.trouble else row.state,
        "origin": row.origin,
        "attempt": row.attempt,
        "status": str(operation.status) if operation else None,
        "operation_id": operation.id if operation else None,
        "requested": operation.requested if operation else None,
        "completed": operation.completed if operation else None,
        "message": (operation.error_message or operation.status_description) if operation else None,
        **{name: getattr(error, name, None) for name in _ERROR},
    }


def code_of(run: Mapping[str, Any]) -> Exit:
    """The exit code for a run or a plan of the JSON."""
    return Exit.OPEN if run["outcome"] == NOT_BEGUN else Exit[run["outcome"].upper()]


def of_run(start: Start, run: RefreshRun) -> dict[str, Any]:
    """A run for the JSON."""
    operations = [record(run, row) for row in run.rows]
    counts = dict(Counter(each["state"] for each in operations))
    # A doubt of a run that was stopped is not the last word: it is cleared up when the run goes on.
    code = Exit.OPEN if run.phase == "stopped" else exit_code(counts)
    ended = {"outcome": code.name.lower(), "phase": run.phase, "note": run.note, "counts": counts}
    return {**_named(start.about, start.continued), **ended, **_rows(start.skipped, operations)}


def of_plan(targets: Targets, about: Mapping[str, str], note: str) -> dict[str, Any]:
    """A plan whose run did not begin, for the JSON."""
    nothing = dict.fromkeys(_KNOWN)
    pairs = [(id, *target) for id, wanted in targets.companies.items() for target in wanted or ((None, None),)]
    operations = [
        {**nothing, "company_id": id, "data_type": data_type, "connection_id": connection_id, "state": NOT_BEGUN}
        for id, data_type, connection_id in pairs
    ]
    counts = {NOT_BEGUN: len(operations)} if operations else {}
    ended = {"outcome": NOT_BEGUN, "phase": None, "note": note, "counts": counts}
    return {**_named(about, False), **ended, **_rows(targets.skipped, operations)}


def _named(about: Mapping[str, str] | None, continued: bool) -> dict[str, Any]:
    told = about or {}
    return {"name": told.get("name"), "plan": told.get("plan"), "continued": continued}


def _rows(skipped: Iterable[Skipped], operations: list[dict[str, Any]]) -> dict[str, Any]:
    return {"skipped": [each._asdict() for each in skipped], "operations": operations}


def document(
    runs: Sequence[Mapping[str, Any]], code: Exit, start: str | None, end: str | None, journal: str | None,
    error: str | None, next: str | None,
) -> dict[str, Any]:  # fmt: skip
    """The whole JSON. ``start`` and ``end`` are the server's times, ``None`` where there was no session; ``next`` is
    the command to run next."""
    resumed = [run["plan"] for run in runs if run["continued"]]
    about = {"version": VERSION, "start": start, "end": end, "journal": journal, "resumed": resumed}
    ended = {"exit_code": code.value, "exit": code.name.lower(), "meaning": code.meaning, "error": error, "next": next}
    return {**about, **ended, "runs": list(runs)}


def text(runs: Sequence[Mapping[str, Any]]) -> str:
    """The same for people: a table for each run, and under it what helps."""
    parts = []
    for run in runs:
        told = f"{table(run['operations'])}\n\n{remedies(run['operations'])}".strip()
        heading = f"{run['name'] or 'A run'}{' (continued)' if run['continued'] else ''}:\n"
        parts.append((shown(heading.strip()) + "\n" if len(runs) > 1 else "") + told)
    return "\n\n".join(parts)


def table(operations: Sequence[Mapping[str, Any]]) -> str:
    """The outcome as text: all operations, or those that did not complete where there are many."""
    shown = [each for each in operations if len(operations) <= WHOLE or each["state"] != "complete"]
    rows = [list(_COLUMNS), *([_cell(each, name) for name in _COLUMNS] for each in shown)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    hidden = len(operations) - len(shown)
    return "\n".join(lines if shown else []) + (f"\n{hidden:,} complete" if hidden else "")


def remedies(operations: Iterable[Mapping[str, Any]]) -> str:
    """What helps, and how many operations it would help; a line each, the most frequent first."""
    counted = Counter((each["status"] or each["state"], each["action"]) for each in operations if each["action"])
    helps = counted.most_common()
    return "\n".join(f"{number:,} {shown(status)}: {shown(action)}" for (status, action), number in helps)


def _cell(operation: Mapping[str, Any], name: str) -> str:
    value = operation[name] if name != "message" else operation["why"] or operation["message"]
    text = shown(str(value)) if value is not None else ""
    width = _COLUMNS[name]
    return text if len(text) <= width else f"{text[: width - 1]}…"
