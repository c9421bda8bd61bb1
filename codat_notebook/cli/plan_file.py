"""A plan from a CSV file, as ``plan.to_csv("plan.csv")`` or a spreadsheet writes it, checked line by line.

Needed are the columns ``company_id`` and ``data_type``; ``connection_id``, ``action`` (rows other than ``queue`` are
left out) and ``reason`` are read where they are, all others passed over. What cannot be meant is refused with its line
and column before anything is sent: half a plan is worse than none.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from codat_notebook.cli.problem import Usage
from codat_notebook.models.errors import InvalidRequestError
from codat_notebook.models.operations import RefreshDataTypeRequest, check

if TYPE_CHECKING:
    import pandas as pd

_NEEDED = ("company_id", "data_type")
_READ = (*_NEEDED, "connection_id", "action", "reason")
_ACTIONS = ("queue", "skip")


def read_plan(path: Path) -> "pd.DataFrame":
    """The plan of a file, for ``session.refresh``. Raises :class:`Usage` with the line and the column at fault."""
    import pandas as pd

    lines = _lines(path, _text(path))
    places, width = _headings(path, next(lines, (1, []))[1])
    rows = [_row(path, number, fields, places, width) for number, fields in lines]
    if not rows:
        raise Usage(f"{path} has no row below its headings.")
    return pd.DataFrame(rows, columns=list(_READ), dtype="object")


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Usage(f"{path} cannot be read: {error.strerror}.") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Usage(f"{path}, line {line}: this is no UTF-8. Save it as CSV in UTF-8.") from None


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The number of its first line and the fields of each row; spreadsheets of some languages write semicolons."""
    first = text.partition("\n")[0]
    delimiter = ";" if ";" in first and "," not in first else ","
    reader, number = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter), 1
    try:
        for fields in reader:
            if any(fields):
                yield number, fields
            number = reader.line_num + 1
    except csv.Error as error:
        raise Usage(f"{path}, line {number}: {error}.") from None


def _headings(path: Path, headings: list[str]) -> tuple[dict[str, int], int]:
    """Where the columns that are read stand, and how many there are."""
    names = [heading.strip() for heading in headings]
    for name in _NEEDED:
        if name not in names:
            there = ", ".join(repr(each[:40]) for each in names[:20]) or "none"
            raise Usage(f"{path}, line 1: the column {name} is missing. There are: {there}.")
    twice = next((name for name in _READ if names.count(name) > 1), None)
    if twice:
        raise Usage(f"{path}, line 1: the column {twice} stands there twice.")
    return {name: names.index(name) for name in _READ if name in names}, len(names)


def _row(path: Path, number: int, fields: list[str], places: dict[str, int], width: int) -> list[str | None]:
    """The columns of a row that are read, checked if it is to be queued."""
    if len(fields) != width:
        raise Usage(f"{path}, line {number}: {len(fields)} columns, where the headings have {width}.")
    values = {name: fields[place].strip() or None for name, place in places.items()}
    action = values.get("action") or "queue"
    if action not in _ACTIONS:
        raise Usage(f"{path}, line {number}: action is {action[:80]!r}, not queue or skip.")
    if action == "queue":
        request = {name: values.get(name) or "" for name in _NEEDED}
        try:
            check(RefreshDataTypeRequest, {**request, "connection_id": values.get("connection_id")})
        except InvalidRequestError as error:
            raise Usage(f"{path}, line {number}: {error.message}") from None
    return [values.get(name) for name in _READ]
