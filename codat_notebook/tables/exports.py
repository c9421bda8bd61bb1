"""A DataFrame as files and as a clipboard's content, made for spreadsheets, and in pieces on its way to the browser.

Times lose their zone, because spreadsheets have none, and say "(UTC)" in the heading; durations are seconds; what is
missing is an empty cell. A text that a spreadsheet would take for a formula gets an apostrophe in front: names and
messages come from third parties. Numbers stay numbers, also negative ones.

A Jupyter server drops what exceeds a megabyte a second (its ``iopub_data_rate_limit``), without a word to the sender.
So texts are compressed, a file goes in pieces, and between two pieces there is a pause.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from codat_notebook.markup import table
from codat_notebook.tables.column import shown_columns

if TYPE_CHECKING:
    import pandas as pd

    from codat_notebook.tables.column import Shown

Value = str | int | float | bool | datetime | None

#: What a spreadsheet reads as the beginning of a formula, also by full-width signs and after a line feed.
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
#: Signs that a sheet's XML cannot hold.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
#: What an Excel sheet holds at most: rows with the heading, characters of a cell. Its days begin in 1900.
_MOST_ROWS, _MOST_CHARACTERS, _FIRST_DAY = 1_048_576, 32_767, datetime(1900, 3, 1)


class ExportError(ValueError):
    """A frame cannot be exported in this form; the message says why and what to do."""


def safe_text(text: str) -> str:
    """A text that no spreadsheet takes for a formula.

    >>> safe_text("=1+1"), safe_text("Toft Stores"), safe_text("-5")
    ("'=1+1", 'Toft Stores', "'-5")
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    return f"'{text}" if _FORMULA.match(text) else text


def table_of(frame: pd.DataFrame) -> tuple[list[str], list[list[Value]]]:
    """A frame's headings and its rows of plain values, as they are written; an index that says something comes first.

    >>> import pandas as pd
    >>> table_of(pd.DataFrame({"at": pd.to_datetime(["2026-11-23T13:58:07+01:00"])}))
    (['at (UTC)'], [[datetime.datetime(2026, 11, 23, 12, 58, 7)]])
    """
    columns = shown_columns(frame, {})
    values = [_values(column) for column in columns]
    return [safe_text(_heading(column)) for column in columns], [list(row) for row in zip(*values, strict=True)]


def _heading(column: Shown) -> str:
    if column.kind == "duration":
        return f"{column.key} (s)"
    return f"{column.key} (UTC)" if column.kind == "time" and getattr(column.values.dt, "tz", None) else column.key


def _values(column: Shown) -> list[Value]:
    missing = column.values.isna()
    return [None if gone else _value(value) for value, gone in zip(column.values, missing, strict=True)]


def _value(value: Any) -> Value:
    if hasattr(value, "total_seconds"):
        seconds = float(value.total_seconds())
        return int(seconds) if seconds.is_integer() else seconds
    if isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return datetime(*naive.timetuple()[:6], naive.microsecond // 1000 * 1000)
    if type(value).__name__ in ("bool", "bool_"):  # numpy's booleans are no bool
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else str(float(value))
    return safe_text(str(value))


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds" if value.microsecond else "seconds")
    return str(value)


def to_csv(frame: pd.DataFrame) -> str:
    """A frame as CSV after RFC 4180. Write it with a byte order mark (``utf-8-sig``), or Excel misreads its letters."""
    headings, rows = table_of(frame)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(headings)
    writer.writerows([_text(value) for value in row] for row in rows)
    return file.getvalue()


def to_tsv(frame: pd.DataFrame) -> str:
    """A frame with tabs between its cells, for the clipboard; tabs and line ends within a cell become blanks."""
    headings, rows = table_of(frame)
    lines = [headings, *([_text(value) for value in row] for row in rows)]
    return "".join("\t".join(re.sub(r"[\t\r\n]+", " ", cell) for cell in line) + "\r\n" for line in lines)


def to_html(frame: pd.DataFrame) -> str:
    """A frame as an HTML table, for the clipboard (e-mail, documents); everything in it is escaped."""
    headings, rows = table_of(frame)
    return table(headings, (map(_text, row) for row in rows))


def to_xlsx(frame: pd.DataFrame) -> bytes:
    """A frame as an Excel workbook of one sheet. Needs openpyxl.

    Raises :class:`ExportError` where openpyxl is not installed or the sheet would be too long for Excel.
    """
    try:
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.styles import Font
        from openpyxl.utils import get_column_letter
    except ImportError as error:
        raise ExportError("Excel files need openpyxl: pip install openpyxl. CSV works without it.") from error
    headings, rows = table_of(frame)
    if len(rows) >= _MOST_ROWS:
        raise ExportError(f"Excel holds {_MOST_ROWS - 1:,} rows, these are {len(rows):,}. Take CSV, or filter them.")
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Codat")
    sheet.freeze_panes = "A2"
    bold = [WriteOnlyCell(sheet, value=_sheet_value(heading)) for heading in headings]
    for cell in bold:
        cell.font = Font(bold=True)
    for number, heading in enumerate(headings, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = min(60, max(12, len(heading) + 2))
    sheet.append(bold)
    for row in rows:
        sheet.append([_sheet_value(value) for value in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _sheet_value(value: Value) -> Value:
    if isinstance(value, datetime) and value < _FIRST_DAY:
        return _text(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**15:
        return str(value)  # Excel keeps fifteen digits
    return _FORBIDDEN.sub("\ufffd", value)[:_MOST_CHARACTERS] if isinstance(value, str) else value


#: What a table can be exported as, by how its files end: their type, and what makes them.
FORMATS: dict[str, tuple[str, Callable[[pd.DataFrame], str | bytes]]] = {
    "csv": ("text/csv", to_csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", to_xlsx),
    "tsv": ("text/plain", to_tsv),
    "html": ("text/html", to_html),
}


def as_bytes(frame: pd.DataFrame, form: str) -> bytes:
    """A frame in one of the :data:`FORMATS` as the bytes of a file."""
    made = FORMATS[form][1](frame)
    return made if isinstance(made, bytes) else made.encode("utf-8-sig" if form == "csv" else "utf-8")


#: Bytes of a piece and seconds between two: 0.7 of the megabyte a second that a server lets through.
PIECE, PAUSE = 500_000, 0.7
#: What each choice of the menu consists of.
CHOICES = {"copy": ("tsv", "html"), "csv": ("csv",), "xlsx": ("xlsx",)}

Send = Callable[[dict[str, Any], list[bytes]], object]


def pieces(frame: pd.DataFrame, choice: str, name: str) -> list[tuple[dict[str, Any], bytes]]:
    """The messages that bring a frame to the browser, each with its bytes; one with an ``error`` where it cannot be.

    A message: ``type`` "file" · ``choice`` · ``form`` and ``mime`` of the file it belongs to · ``name`` · ``gzip`` ·
    ``last`` whether the file is complete · ``done`` whether the choice is.
    """
    try:
        files = [(form, as_bytes(frame, form)) for form in CHOICES[choice]]
    except ExportError as error:
        return [({"type": "file", "choice": choice, "error": str(error), "done": True}, b"")]
    made = [piece for form, content in files for piece in _split(form, content, choice, name)]
    made[-1][0]["done"] = True
    return made


def _split(form: str, content: bytes, choice: str, name: str) -> Iterator[tuple[dict[str, Any], bytes]]:
    packed = form == "xlsx"  # by itself
    content = content if packed else gzip.compress(content, 6, mtime=0)
    about = {"type": "file", "choice": choice, "form": form, "mime": FORMATS[form][0], "name": f"{name}.{form}"}
    for start in range(0, len(content), PIECE):
        last = start + PIECE >= len(content)
        yield {**about, "gzip": not packed, "last": last, "done": False}, content[start : start + PIECE]


async def deliver(send: Send, made: list[tuple[dict[str, Any], bytes]], seq: Any, pause: float = PAUSE) -> None:
    """Send the pieces one after the other; each answers the browser's ``seq``."""
    for number, (message, content) in enumerate(made):
        if number:
            await asyncio.sleep(pause)
        send({**message, "seq": seq}, [content])
