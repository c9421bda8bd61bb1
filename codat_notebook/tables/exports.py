"""A DataFrame as files and as a clipboard's content, made for spreadsheets, and in pieces on its way to the browser.

Times lose their zone, because spreadsheets have none, and say "(UTC)" in the heading; durations are seconds; what is
missing is an empty cell. A text that a spreadsheet would take for a formula gets an apostrophe in front: names and
messages come from third parties. Numbers stay numbers, also negative ones.

All forms are made :data:`STEP` rows at a time and column by column: between two steps it is told how far they are, and
they can be given up. A Jupyter server drops what exceeds a megabyte a second (its ``iopub_data_rate_limit``), without
a word to the sender. So texts are compressed, a file goes in pieces, and between two pieces there is a pause.
"""

from __future__ import annotations

import asyncio
import codecs
import csv
import io
import math
import re
import tempfile
import unicodedata
import zlib
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from codat_notebook.markup import table
from codat_notebook.tables.column import shown_columns

if TYPE_CHECKING:
    import pandas as pd

    from codat_notebook.tables.column import Shown

T = TypeVar("T")
Value = str | int | float | bool | datetime | None
#: So many rows are done, and what was made since.
Chunk = tuple[int, bytes]

#: Rows that are made at once.
STEP = 5_000
#: What a spreadsheet reads as the beginning of a formula, also in full width; ends of cells and lines are no better.
_FORMULA, _ENDS = frozenset("=+-@＝＋－＠"), frozenset("\t\r\n")
#: Categories of signs that it may cut off in front of one, beside spaces: control characters, marks without width.
_UNSEEN = ("Cc", "Cf")
#: Signs that a sheet's XML cannot hold, and what XlsxWriter would write as XML of the sheet's own.
_FORBIDDEN, _RICH = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"), "<r>"
#: What an Excel sheet holds at most: rows with the heading, characters of a cell, digits of a number. Its days, counted
#: from the end of 1899, are right from March 1900 on.
_MOST_ROWS, _MOST_CHARACTERS, _MOST_DIGITS = 1_048_576, 32_767, 10**15
_DAY, _DAY_0, _FIRST_DAY = timedelta(days=1), datetime(1899, 12, 30), datetime(1900, 3, 1)
#: What no file system, shell or Windows takes in a name, or for one.
_UNSAFE, _DEVICE = frozenset('<>:"/\\|?*%$`'), re.compile(r"(con|prn|aux|nul|(com|lpt)[\d¹²³]) *(\.|$)", re.IGNORECASE)


class ExportError(ValueError):
    """A frame cannot be exported in this form; the message says why and what to do."""


def safe_text(text: str) -> str:
    """A text that no spreadsheet takes for a formula.

    >>> safe_text("=1+1"), safe_text("Toft Stores"), safe_text("-5")
    ("'=1+1", 'Toft Stores', "'-5")
    """
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    if text[:1].isalnum() or not text:
        return text
    seen = (sign for sign in text if not sign.isspace() and unicodedata.category(sign) not in _UNSEEN)
    return f"'{text}" if text[0] in _ENDS or next(seen, "") in _FORMULA else text


def safe_name(*parts: str) -> str:
    """The name of a file, but for its ending, out of texts from anywhere: safe on every file system.

    >>> safe_name("Toft Stores", "pull operations"), safe_name("../a\\\\b: <c>", "errors"), safe_name("Con.", "")
    ('Toft Stores - pull operations', 'a b c - errors', '_Con')
    """
    kept = []
    for part in parts:
        signs = unicodedata.normalize("NFC", part)
        shown = "".join(" " if sign in _UNSAFE or unicodedata.category(sign)[0] in "CZ" else sign for sign in signs)
        short = " ".join(shown.split()).encode()[:100].decode("utf-8", "ignore")
        kept.append(short.strip(" .-~'"))
    name = " - ".join(filter(None, kept)) or "table"
    return f"_{name}" if _DEVICE.match(name) else name


def table_of(frame: pd.DataFrame) -> tuple[list[str], Iterator[list[list[Value]]]]:
    """A frame's headings, and its columns of plain values :data:`STEP` rows at a time; an index that says something
    comes first.

    >>> import pandas as pd
    >>> headings, steps = table_of(pd.DataFrame({"at": pd.to_datetime(["2026-11-23T13:58:07+01:00"])}))
    >>> headings, list(steps)
    (['at (UTC)'], [[[datetime.datetime(2026, 11, 23, 12, 58, 7)]]])
    """
    columns = shown_columns(frame, {})
    steps = (
        [_values(column.values.iloc[start : start + STEP]) for column in columns]
        for start in range(0, len(frame), STEP)
    )
    return [safe_text(_heading(column)) for column in columns], steps


def _heading(column: Shown) -> str:
    if column.kind == "duration":
        return f"{column.key} (s)"
    return f"{column.key} (UTC)" if column.kind == "time" and getattr(column.values.dt, "tz", None) else column.key


def _values(values: pd.Series[Any]) -> list[Value]:
    """Plain values, whole columns at once where the dtype says what is in them."""
    import numpy as np
    import pandas as pd

    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        used, places = np.unique(values.cat.codes.to_numpy(), return_inverse=True)
        distinct = [None if code < 0 else _value(dtype.categories[code]) for code in used]
        return list(map(distinct.__getitem__, places.tolist()))
    if isinstance(dtype, pd.StringDtype) or dtype.kind in "biuf":
        plain: list[Any] = values.astype(object).where(values.notna(), None).tolist()
        if isinstance(dtype, pd.StringDtype):
            return [text if text is None else safe_text(text) for text in plain]
        return plain if dtype.kind != "f" else [v if v is None or math.isfinite(v) else str(v) for v in plain]
    if isinstance(dtype, np.dtype | pd.DatetimeTZDtype) and dtype.kind == "M":
        naive = values if isinstance(dtype, np.dtype) else values.dt.tz_convert(None)
        times: list[Value] = naive.to_numpy().astype("datetime64[ms]").tolist()
        return times
    if isinstance(dtype, np.dtype) and dtype.kind == "m":
        return [None if s != s else int(s) if s.is_integer() else s for s in values.dt.total_seconds().tolist()]
    return [None if gone else _value(value) for value, gone in zip(values, values.isna(), strict=True)]


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


def _csv(rows: Iterable[Iterable[str]]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue()


def _tsv(rows: Iterable[Iterable[str]]) -> str:
    return "".join("\t".join(re.sub(r"[\t\r\n]+", " ", cell) for cell in row) + "\r\n" for row in rows)


def _html(rows: Iterable[Iterable[str]]) -> str:
    lines = [list(row) for row in rows]
    return table(lines[0], lines).partition("<tbody>")[2].partition("</tbody>")[0]


_ROWS = {"csv": _csv, "tsv": _tsv, "html": _html}


def _texts(frame: pd.DataFrame, form: str) -> Iterator[tuple[int, str]]:
    headings, steps = table_of(frame)
    whole = table(headings, []) if form == "html" else _ROWS[form]([headings])
    begin, end, rest = whole.partition("</tbody>") if form == "html" else (whole, "", "")
    yield 0, begin
    for number, columns in enumerate(steps, start=1):
        texts = (map(_text, column) for column in columns)
        yield min(number * STEP, len(frame)), _ROWS[form](zip(*texts, strict=True)) if columns else ""
    yield len(frame), end + rest


def to_csv(frame: pd.DataFrame) -> str:
    """A frame as CSV after RFC 4180. Write it with a byte order mark (``utf-8-sig``), or Excel misreads its letters."""
    return "".join(text for _, text in _texts(frame, "csv"))


def to_tsv(frame: pd.DataFrame) -> str:
    """A frame with tabs between its cells, for the clipboard; tabs and line ends within a cell become blanks."""
    return "".join(text for _, text in _texts(frame, "tsv"))


def _xlsx(frame: pd.DataFrame) -> Iterator[Chunk]:
    """An Excel workbook of one sheet; all of its bytes come at the end."""
    try:
        from xlsxwriter import Workbook
    except ImportError as error:
        raise ExportError("Excel files need XlsxWriter: pip install XlsxWriter. CSV works without it.") from error
    if len(frame) >= _MOST_ROWS:
        raise ExportError(f"Excel holds {_MOST_ROWS - 1:,} rows, these are {len(frame):,}. Choose CSV, or filter them.")
    headings, steps = table_of(frame)
    file = io.BytesIO()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        book = Workbook(file, {"constant_memory": True, "tmpdir": folder})
        sheet, bold = book.add_worksheet("Codat"), book.add_format({"bold": True})
        try:
            dated = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
            sheet.freeze_panes(1, 0)
            for number, heading in enumerate(headings):
                sheet.set_column(number, number, min(60, max(19, len(heading) + 2)))
                sheet.write_string(0, number, _sheet_text(heading), bold)
            rows = 0
            for columns in steps:
                for values in zip(*columns, strict=True):
                    rows += 1
                    _write_row(sheet, rows, values, dated)
                yield rows, b""
            book.close()
        finally:
            sheet.row_data_fh.close()  # of a book that was given up
    yield len(frame), file.getvalue()


def _write_row(sheet: Any, row: int, values: Iterable[Value], dated: Any) -> None:
    for column, value in enumerate(values):
        if isinstance(value, str):
            sheet.write_string(row, column, _sheet_text(value))
        elif isinstance(value, bool):
            sheet.write_boolean(row, column, value)
        elif isinstance(value, float) or (isinstance(value, int) and abs(value) <= _MOST_DIGITS):
            sheet.write_number(row, column, value)
        elif isinstance(value, datetime) and value >= _FIRST_DAY:
            sheet.write_number(row, column, (value - _DAY_0) / _DAY, dated)
        elif value is not None:
            sheet.write_string(row, column, _text(value))


def _sheet_text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", f"'{text}" if text.startswith(_RICH) else text)[:_MOST_CHARACTERS]


#: What a table can be exported as, by how its files end: their types.
FORMATS = {
    "csv": "text/csv", "tsv": "text/plain", "html": "text/html",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip


def chunks(frame: pd.DataFrame, form: str) -> Iterator[Chunk]:
    """A frame in one of the :data:`FORMATS`, the bytes of its file as they are made.

    Raises :class:`ExportError` where it cannot be made.
    """
    if form == "xlsx":
        yield from _xlsx(frame)
        return
    if form == "csv":
        yield 0, codecs.BOM_UTF8
    for rows, text in _texts(frame, form):
        yield rows, text.encode()


def as_bytes(frame: pd.DataFrame, form: str) -> bytes:
    """A frame in one of the :data:`FORMATS` as the bytes of a file."""
    return b"".join(content for _, content in chunks(frame, form))


def save(frame: pd.DataFrame, file: str | Path) -> Path:
    """Write a frame into a file, and return its path. A file of that name is replaced once all is written.

    Parameters
    ----------
    frame : any DataFrame, also one that is not of this package.
    file : its ending says in which form. ``.csv``, ``.tsv``, ``.html`` and ``.xlsx`` are for spreadsheets: times in UTC
        without a zone, durations in seconds, no text that would be a formula. ``.parquet`` keeps values and dtypes,
        and needs ``pyarrow``.

    Notes
    -----
    Raises :class:`ExportError` for another ending, a package that is missing, more rows than Excel holds, and what
    Parquet has no type for; else ``OSError`` where the file cannot be written.

    Examples
    --------
    >>> import codat_notebook as cn
    >>> cn.save(session.companies(), "companies.xlsx")  # doctest: +SKIP
    """
    path = Path(file)
    form = path.suffix[1:].lower()
    if form not in (*FORMATS, "parquet"):
        raise ExportError(f"{path.name} does not say in which form: end it in .{', .'.join(FORMATS)} or .parquet.")
    content = _parquet(frame) if form == "parquet" else as_bytes(frame, form)
    whole = path.with_name(f".{path.name[:40]}.new")
    try:
        whole.write_bytes(content)
        whole.replace(path)
    finally:
        whole.unlink(missing_ok=True)
    return path


def _parquet(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    try:
        frame.to_parquet(file)
    except ImportError as error:
        raise ExportError("Parquet files need pyarrow: pip install pyarrow. CSV works without it.") from error
    except (TypeError, ValueError) as error:  # columns of several types, two of one name
        raise ExportError(f"A Parquet file cannot hold this frame: {error}. CSV can.") from error
    return file.getvalue()


#: Bytes of a piece and seconds between two: 0.7 of the megabyte a second that a server lets through.
PIECE, PAUSE = 500_000, 0.7
#: How hard texts are pressed: the time that it takes against the time that they travel.
_LEVEL = 6
#: Seconds after which a step that takes long is told to be under way.
ALIVE = 2.0
#: What each choice of the menu consists of.
CHOICES = {"copy": ("tsv", "html"), "csv": ("csv",), "xlsx": ("xlsx",)}

#: A message to the browser, and the piece of a file that it brings, or nothing.
Piece = tuple[dict[str, Any], bytes]
Send = Callable[[dict[str, Any], list[bytes]], object]
#: The pieces, or what has to be awaited for them.
Made = Generator[Piece] | Coroutine[Any, Any, Generator[Piece]]


def pieces(frame: pd.DataFrame, choice: str, name: str) -> Generator[Piece]:
    """The messages that bring a frame to the browser, each made when it is asked for.

    A message: ``form`` and ``mime`` of the file it belongs to · ``name`` · ``gzip`` · ``rows`` that are made, ``of`` so
    many · ``left``, bytes that are made and come later · ``last`` whether the file is complete.
    """
    for form in CHOICES[choice]:
        yield from _pieces(chunks(frame, form), form, name, len(frame))


def text_pieces(text: str, name: str) -> Generator[Piece]:
    """The same of a page of HTML."""
    return _pieces(iter([(1, text.encode())]), "html", name, 1)


def _pieces(made: Iterator[Chunk], form: str, name: str, of: int) -> Generator[Piece]:
    plain = form == "xlsx"  # packed by itself
    about = {"form": form, "mime": FORMATS[form], "name": name, "gzip": not plain, "of": of, "last": False}
    held, rows = b"", 0
    for rows, content in made if plain else _packed(made):
        held += content
        whole = max(0, len(held) - 1) // PIECE * PIECE
        for end in range(PIECE, whole + 1, PIECE):
            yield {**about, "rows": rows, "left": len(held) - end}, held[end - PIECE : end]
        held = held[whole:]
        yield {**about, "rows": rows, "left": len(held)}, b""
    yield {**about, "rows": rows, "left": 0, "last": True}, held


def _packed(made: Iterator[Chunk]) -> Iterator[Chunk]:
    packer, rows = zlib.compressobj(_LEVEL, wbits=31), 0
    for rows, content in made:
        yield rows, packer.compress(content)
    yield rows, packer.flush()


async def deliver(
    send: Send, made: Made, seq: int, in_worker: Callable[..., Awaitable[Any]],
    pause: float = PAUSE, alive: float = ALIVE,
) -> None:  # fmt: skip
    """Have the pieces made and send them one after the other; each message answers the browser's ``seq``.

    What ends it early is told, too: a message with an ``error``.
    """
    loop = asyncio.get_running_loop()
    free, about = loop.time(), {"type": "file", "seq": seq}

    async def told(step: Awaitable[T], in_thread: bool = True) -> T:
        """A step, of which it is told that it is under way."""
        work = asyncio.ensure_future(step)
        try:
            while not (await asyncio.wait([work], timeout=alive))[0]:
                send(about, [])
        finally:
            if not work.done():
                if not in_thread:
                    work.cancel()
                await asyncio.wait([work])  # a step ends before what it has written is cleared away
        return work.result()

    try:
        made = made if isinstance(made, Generator) else await told(made, in_thread=False)
        while True:
            if (piece := await told(in_worker(next, made, None))) is None:
                return
            message, content = piece
            if content:
                await asyncio.sleep(free - loop.time())
                free = loop.time() + pause
            send(about | message, [content] if content else [])
    except ExportError as error:
        send({**about, "error": str(error)}, [])
    except BaseException as error:
        stopped = isinstance(error, asyncio.CancelledError)
        send({**about, "error": "Stopped." if stopped else f"{type(error).__name__}: {error}"}, [])
        raise
    finally:
        made.close()
