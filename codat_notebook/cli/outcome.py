"""How a refresh from the command line ended: the exit code, the table, the JSON.

Names and messages come from third parties, so what could steer a terminal is taken out of the table; JSON escapes it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from codat_notebook.runs.rows import Row
from codat_notebook.runs.run import RefreshRun

#: State of an operation -> the exit code; of several the highest counts. What is not there is still open.
CODES = {"complete": 0, "failed": 3, "refused": 4, "not queued by Codat": 4, "unknown": 5}
#: Not everything has ended: interrupted, or out of time.
OPEN = 6
#: Rows of the table; beyond that only what did not complete.
WHOLE = 40

_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_COLUMNS = {"company": 28, "data_type": 24, "platform": 18, "state": 20, "status": 18, "message": 60}


def exit_code(counts: Mapping[str, int]) -> int:
    """The exit code for so many operations in each state.

    >>> exit_code({"complete": 5}), exit_code({"complete": 5, "failed": 1, "running": 2}), exit_code({})
    (0, 6, 0)
    """
    return max((CODES.get(state, OPEN) for state, number in counts.items() if number), default=0)


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
        "state": row.state,
        "origin": row.origin,
        "status": str(operation.status) if operation else None,
        "operation_id": operation.id if operation else None,
        "requested": operation.requested if operation else None,
        "completed": operation.completed if operation else None,
        "message": (operation.error_message or operation.status_description) if operation else None,
        "why": error.why if error else None,
        "action": error.action if error else None,
        "retry": error.retry if error else None,
        "who": error.who if error else None,
        "link_url": error.link_url if error else None,
    }


def table(operations: list[dict[str, Any]]) -> str:
    """The outcome as text: all operations, or those that did not complete where there are many."""
    shown = (
        operations if len(operations) <= WHOLE else [record for record in operations if record["state"] != "complete"]
    )
    rows = [list(_COLUMNS), *([_cell(record, name) for name in _COLUMNS] for record in shown)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    hidden = len(operations) - len(shown)
    return "\n".join(lines if shown else []) + (f"\n{hidden:,} complete" if hidden else "")


def remedies(operations: Iterable[Mapping[str, Any]]) -> str:
    """What helps, and how many operations it would help; a line each, the most frequent first."""
    counted = Counter(
        (record["status"] or record["state"], record["action"]) for record in operations if record["action"]
    )
    return "\n".join(
        f"{number:,} {plain(status)}: {plain(action)}" for (status, action), number in counted.most_common()
    )


def _cell(record: Mapping[str, Any], name: str) -> str:
    value = record[name] if name != "message" else record["why"] or record["message"]
    text = plain(str(value)) if value is not None else ""
    width = _COLUMNS[name]
    return text if len(text) <= width else f"{text[: width - 1]}…"


def plain(text: str) -> str:
    """A text without what could steer a terminal.

    >>> plain("Toft\\x1b[31m\\nStores")
    'Toft [31m Stores'
    """
    return _STEERING.sub(" ", text)
