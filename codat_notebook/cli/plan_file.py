"""A plan as a CSV file, as ``plan.to_csv("plan.csv")`` or a spreadsheet writes it."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from codat_notebook.cli.stopping import ArgumentsError
from codat_notebook.models.errors import InvalidRequestError
from codat_notebook.models.operations import RefreshDataTypeRequest, check

#: Columns of a plan; all others are passed over.
_NEEDED = ("company_id", "data_type")
_READ = (*_NEEDED, "connection_id", "action", "reason")


def read_plan(path: Path) -> pd.DataFrame:
    """The plan of a CSV file, as ``plan.to_csv("plan.csv")`` or a spreadsheet writes it, for ``session.refresh``.

    Needed are ``company_id`` and ``data_type``; rows with an ``action`` other than ``queue`` are left out. Raises
    :class:`ArgumentsError` with the line and the column at fault, before anything is sent: half a plan is worse than
    none.
    """
    lines = _lines(path)
    names = _headings(path, next(lines, (1, []))[1])
    rows = [_row(path, number, names, fields) for number, fields in lines]
    if not rows:
        raise ArgumentsError(f"{path} has no rows below its headings.")
    return pd.DataFrame(rows, columns=list(_READ), dtype="object")


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number of its first line and the fields of each row; spreadsheets of some languages write semicolons."""
    number = 1
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
        first = text.partition("\n")[0]
        delimiter = ";" if ";" in first and "," not in first else ","
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
        for fields in reader:
            if any(fields):
                yield number, fields
            number = reader.line_num + 1
    except OSError as error:
        raise ArgumentsError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise ArgumentsError(f"{path}, line {number}: this is not UTF-8. Save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise ArgumentsError(f"{path}, line {number}: {error}.") from None


def _headings(path: Path, headings: list[str]) -> list[str]:
    """The columns' names, among which those that are needed stand, and those that are read stand once."""
    names = [heading.strip() for heading in headings]
    for name in _NEEDED:
        if name not in names:
            there = ", ".join(repr(each[:40]) for each in names[:20]) or "none"
            raise ArgumentsError(f"{path}, line 1: the column {name} is missing. There are: {there}.")
    twice = next((name for name in _READ if names.count(name) > 1), None)
    if twice:
        raise ArgumentsError(f"{path}, line 1: the column {twice} appears twice.")
    return names


def _row(path: Path, number: int, names: list[str], fields: list[str]) -> list[str | None]:
    """The columns of a row that are read, checked if it is to be queued."""
    if len(fields) != len(names):
        raise ArgumentsError(f"{path}, line {number}: {len(fields)} columns, but the headings have {len(names)}.")
    values = {name: field.strip() or None for name, field in zip(names, fields, strict=True)}
    action = values.get("action") or "queue"
    if action not in ("queue", "skip"):
        raise ArgumentsError(f"{path}, line {number}: action is {action[:80]!r}, not queue or skip.")
    if action == "queue":
        request = {name: values.get(name) or "" for name in _NEEDED}
        try:
            check(RefreshDataTypeRequest, {**request, "connection_id": values.get("connection_id")})
        except InvalidRequestError as error:
            raise ArgumentsError(f"{path}, line {number}: {error.message}") from None
    return [values.get(name) for name in _READ]
