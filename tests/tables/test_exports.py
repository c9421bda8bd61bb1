"""Frames as files: what comes in can be read back, and no text of a third party becomes a formula or a tag."""

import csv
import io
import subprocess
import sys
import unicodedata
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.tables import exports
from codat_notebook.tables.exports import ExportError, as_bytes, chunks, safe_name, to_csv, to_tsv

from .table_frames import HOSTILE, awkward, operations

UNSEEN = ("Cc", "Cf")
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
CELLS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    [f"{sign}1+1" for sign in DANGEROUS] + [HOSTILE, 'a"b', "a,b", "a\nb", ""]
)


def to_xlsx(frame):
    """A workbook's bytes."""
    return as_bytes(frame, "xlsx")


def table_of(frame):
    """Headings, and rows of plain values."""
    headings, steps = exports.table_of(frame)
    return headings, [list(row) for columns in steps for row in zip(*columns, strict=True)]


def read_csv(text):
    """A CSV's lines of cells."""
    return list(csv.reader(io.StringIO(text, newline="")))


def sheet(content):
    """A workbook's lines of values."""
    return [list(row) for row in openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True)]


class Cells(HTMLParser):
    """The tags of an HTML text, and what stands in its cells."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.cells = set(), []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        self.cells[-1] += data


def cut(text):
    """A text without what a spreadsheet may cut off in front."""
    kept = (place for place, sign in enumerate(text) if not sign.isspace() and unicodedata.category(sign) not in UNSEEN)
    return text[next(kept, len(text)) :]


@pytest.mark.parametrize("before", ["", " ", "\x00", "\ufeff", "\u200b", "\xa0", "\u3000", "\u2060\x01 ", "\x1b"])
def test_nothing_in_front_of_a_formula_hides_it(before):
    """Spreadsheets cut it off, and then read what follows."""
    assert exports.safe_text(f"{before}=1+1").startswith("'")
    assert exports.safe_text(f"{before}Toft - Stores") == f"{before}Toft - Stores"


@given(st.lists(CELLS, min_size=1, max_size=8))
def test_texts_come_back_and_none_can_be_a_formula(texts):
    """As they were, but for the apostrophe in front of what begins like a formula."""
    frame = pd.DataFrame({"text": pd.array(texts, dtype="string")})
    back = [row[0] if row else "" for row in read_csv(to_csv(frame))[1:]]
    assert not [text for text in back if text.startswith(DANGEROUS)]
    assert [text[1:] if was.startswith(("\t", "\r", "\n")) or cut(was).startswith((*"=+-@", *"＝＋－＠")) else text
            for was, text in zip(texts, back, strict=True)] == texts  # fmt: skip
    for line in to_tsv(frame).split("\r\n")[:-1]:
        assert not line.startswith(DANGEROUS)
        assert "\t" not in line
    page = Cells(as_bytes(frame, "html").decode())
    assert page.tags == {"table", "thead", "tbody", "tr", "th", "td"}
    assert len(page.cells) == len(texts) + 1


@given(st.lists(CELLS, min_size=1, max_size=8))
def test_an_excel_sheet_holds_texts_as_texts(texts):
    """No cell is a formula; signs that a sheet cannot hold are replaced, not fatal."""
    content = to_xlsx(pd.DataFrame({"text": texts}, dtype="object"))
    cells = [row[0] for row in openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(min_row=2)]
    assert len(cells) == len(texts) or not any(texts)
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    assert not [cell for cell in cells if isinstance(cell.value, str) and cell.value.startswith(DANGEROUS)]


@given(st.lists(st.none() | st.floats(-1e300, 1e300) | st.integers(-(10**9), 10**9), min_size=1))
def test_numbers_stay_numbers_also_negative_ones(numbers):
    """In CSV without an apostrophe, in Excel as numbers; what is missing is empty."""
    frame = pd.DataFrame({"n": pd.array(numbers, dtype="Float64"), "end": "x"})
    assert [row[0] for row in read_csv(to_csv(frame))[1:]] == ["" if n is None else str(float(n)) for n in numbers]
    found = [row[0] for row in sheet(to_xlsx(frame))[1:]]
    assert found == [None if n is None else pytest.approx(n) for n in numbers]


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)), st.integers(-12, 14))
def test_times_are_utc_without_a_zone_and_the_heading_says_so(time, hours):
    """Whatever zone they came in, to the millisecond."""
    zone = timezone(timedelta(hours=hours))
    frame = pd.DataFrame({"at": pd.to_datetime([time.replace(tzinfo=zone)]), "naive": pd.to_datetime([time])})
    headings, rows = table_of(frame)
    assert headings == ["at (UTC)", "naive"]
    utc = time - timedelta(hours=hours)
    assert rows[0][0] == utc.replace(microsecond=utc.microsecond // 1000 * 1000)
    assert rows[0][1] == time.replace(microsecond=time.microsecond // 1000 * 1000)
    assert abs(sheet(to_xlsx(frame))[1][0] - utc) < timedelta(milliseconds=2)
    assert datetime.fromisoformat(read_csv(to_csv(frame))[1][0]) == rows[0][0]


def test_an_operations_frame_reads_as_expected():
    """Durations in seconds, categories as words, flags as a spreadsheet writes them, NA empty."""
    frame = operations(3)
    frame.loc[0, "message"] = None
    frame["duration"] = pd.to_timedelta([41.5, 2, None], unit="s")
    lines = read_csv(to_csv(frame))
    first = dict(zip(*lines[:2], strict=True))
    assert first["duration (s)"] == "41.5"
    assert dict(zip(lines[0], lines[3], strict=True))["duration (s)"] == ""
    assert first["requested (UTC)"] == frame["requested"][0].strftime("%Y-%m-%d %H:%M:%S")
    assert (first["data_type"], first["message"]) == (frame["data_type"][0], "")
    assert first["is_completed"] in ("TRUE", "FALSE")
    assert first["progress"] == str(frame["progress"][0])


@pytest.mark.parametrize("name", awkward())
def test_awkward_frames_are_written_in_every_form(name):
    """Empty, missing, named twice, nested: each row and each column is there."""
    frame = awkward()[name]
    headings, rows = table_of(frame)
    assert len(rows) == len(frame) or not headings
    assert len(read_csv(to_csv(frame))) == len(rows) + 1
    assert len(sheet(to_xlsx(frame))) == len(rows) + 1 or not headings
    assert Cells(as_bytes(frame, "html").decode()).cells[: len(headings)] == headings
    for form in exports.FORMATS:
        assert isinstance(exports.as_bytes(frame, form), bytes)


def test_headings_are_defused_and_numbers_beyond_excel_stay_exact():
    """Column names may come from data; sixteen digits are more than Excel keeps."""
    frame = pd.DataFrame({"=cmd()": [2**60], "long": ["x" * 40_000]})
    assert table_of(frame)[0][0] == "'=cmd()"
    assert sheet(to_xlsx(frame))[1] == [str(2**60), "x" * 32_767]


def test_csv_tells_excel_its_encoding():
    """With a byte order mark; the other forms have none."""
    frame = pd.DataFrame({"a": ["é"]})
    assert exports.as_bytes(frame, "csv").startswith(b"\xef\xbb\xbf")
    assert exports.as_bytes(frame, "tsv") == "a\r\né\r\n".encode()


def test_a_missing_writer_and_a_sheet_too_long_are_told(tmp_path):
    """The message says what to do instead."""
    program = (
        "import sys; sys.modules['xlsxwriter'] = None\n"
        "import pandas as pd; from codat_notebook.tables.exports import as_bytes, ExportError\n"
        "try: as_bytes(pd.DataFrame({'a': [1]}), 'xlsx')\n"
        "except ExportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "Excel files need XlsxWriter: pip install XlsxWriter. CSV works without it."
    with pytest.raises(ExportError, match="1,048,575 rows, these are 1,048,576"):
        to_xlsx(pd.DataFrame({"a": range(1_048_576)}))


def test_what_a_sheet_would_take_for_its_own_xml_is_text():
    """XlsxWriter writes a text that begins and ends like a run of rich text into the sheet as it is."""
    hostile = ["<r><t>not here</t></r>", "<r></r>", "<r></c></row></sheetData></r>", "_x003D_1+1"]
    found = [row[0] for row in sheet(to_xlsx(pd.DataFrame({"text": hostile})))[1:]]
    assert found[:3] == ["'" + text for text in hostile[:3]]
    assert not found[3].startswith("=")


@pytest.mark.parametrize("form", exports.FORMATS)
def test_a_file_of_many_steps_is_that_of_its_parts(form):
    """It is told after each step how many rows are done, and what comes out has every row once, in order."""
    frame = operations(2 * exports.STEP + 7)
    made = list(chunks(frame, form))
    told = [rows for rows, _ in made]
    assert told == sorted(told)
    assert {exports.STEP, 2 * exports.STEP, len(frame)} <= set(told)
    content = b"".join(each for _, each in made)
    if form == "xlsx":
        ids = [row[10] for row in sheet(content)[1:]]
    elif form == "html":
        ids = Cells(content.decode()).cells[12 + 10 :: 12]
    else:
        lines = csv.reader(
            io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter="," if form == "csv" else "\t"
        )
        ids = [line[10] for line in lines][1:]
    assert ids == frame["id"].tolist()


def test_a_workbook_that_is_given_up_leaves_no_file():
    """What it has written so far goes with it."""
    made = exports._xlsx(operations(2 * exports.STEP))
    next(made)
    folder = Path(made.gi_frame.f_locals["folder"])
    assert list(folder.iterdir())
    made.close()
    assert not folder.exists()


HEADINGS = {"requested": "requested (UTC)", "completed": "completed (UTC)", "duration": "duration (s)"}


def test_an_operations_frame_reads_back_equal():
    """Every value of every column, from CSV and from Excel: ids as text, times as times, what is missing as nothing."""
    frame = operations(40)
    frame.loc[3, ["completed", "message", "progress", "is_completed", "duration"]] = [pd.NaT, None, None, None, pd.NaT]
    frame["duration"] = frame["duration"].astype("timedelta64[us]")
    headings, *rows = sheet(to_xlsx(frame))
    excel = pd.DataFrame(rows, columns=headings)
    text = pd.read_csv(io.StringIO(to_csv(frame)), dtype=str, keep_default_na=False)
    assert list(text.columns) == headings
    for name in frame:
        heading = HEADINGS.get(name, name)
        expected = [None if pd.isna(value) else value for value in frame[name]]
        if name in ("requested", "completed"):
            expected = [None if value is None else value.to_pydatetime().replace(tzinfo=None) for value in expected]
            read = [value and datetime.fromisoformat(value) for value in text[heading]]
        elif name == "duration":
            expected = [None if value is None else value.total_seconds() for value in expected]
            read = [value and float(value) for value in text[heading]]
        elif name.startswith("is_"):
            read = [value and value == "TRUE" for value in text[heading]]
        else:
            read = [value and (int if name == "progress" else str)(value) for value in text[heading]]
        assert [None if value == "" else value for value in read] == expected
        found = [None if pd.isna(value) else value for value in excel[heading].astype(object)]
        if name in ("requested", "completed"):
            assert [each and round(each.timestamp()) for each in found] == [
                each and each.timestamp() for each in expected
            ]
        else:
            assert found == expected


BAD = st.text(max_size=40) | st.sampled_from(
    ["CON", "nul.txt", "COM1", "lpt¹ .x", "../../etc/passwd", "a\\b", "\u202egnp.exe", ".hidden", "-rf", "~", "x" * 500,
     "🏦" * 100, "a\x00b", "a\nb", "  ", "...", 'say "hi"?', "half \ud83d pair", "$(id)", "`id`", "%PATH%"]
)  # fmt: skip


@given(BAD, BAD)
def test_names_of_files_are_safe_everywhere(company, what):
    """No path, no device of Windows, no sign that a file system or a shell reads, nothing hidden, not too long."""
    name = safe_name(company, what)
    assert name
    assert len(f"{name} - 2026-11-27 1405.xlsx".encode()) <= 255
    assert not set(name) & set('<>:"/\\|?*%$`')
    assert all(unicodedata.category(sign)[0] != "C" for sign in name)
    assert name == name.strip(" .")
    assert name[0] not in ".-~'"
    assert name.split(".")[0].strip().upper() not in {
        "CON", "PRN", "AUX", "NUL", *(f"{device}{n}" for device in ("COM", "LPT") for n in "0123456789¹²³"),
    }  # fmt: skip


def test_a_files_name_says_whose_it_is_and_what():
    """In words, as they are."""
    assert safe_name("Toft Stores", "pull operations") == "Toft Stores - pull operations"
    assert safe_name("", "pull operations") == "pull operations"
    assert safe_name("Händler & Söhne GmbH / Köln", "errors") == "Händler & Söhne GmbH Köln - errors"
