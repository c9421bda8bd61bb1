"""Frames as files: what comes in can be read back, and no text of a third party becomes a formula or a tag."""

import csv
import io
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.tables import exports
from codat_notebook.tables.exports import ExportError, table_of, to_csv, to_html, to_tsv, to_xlsx

from .table_frames import HOSTILE, awkward, operations

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
CELLS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    [f"{sign}1+1" for sign in DANGEROUS] + [HOSTILE, 'a"b', "a,b", "a\nb", ""]
)


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


@given(st.lists(CELLS, min_size=1, max_size=8))
def test_texts_come_back_and_none_can_be_a_formula(texts):
    """As they were, but for the apostrophe in front of what begins like a formula."""
    frame = pd.DataFrame({"text": pd.array(texts, dtype="string")})
    back = [row[0] if row else "" for row in read_csv(to_csv(frame))[1:]]
    assert not [text for text in back if text.startswith(DANGEROUS)]
    assert [text[1:] if was.startswith((*DANGEROUS, "\n", *"＝＋－＠")) else text for was, text in
            zip(texts, back, strict=True)] == texts  # fmt: skip
    for line in to_tsv(frame).split("\r\n")[:-1]:
        assert not line.startswith(DANGEROUS)
        assert "\t" not in line
    page = Cells(to_html(frame))
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
    assert Cells(to_html(frame)).cells[: len(headings)] == headings
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


def test_a_missing_openpyxl_and_a_sheet_too_long_are_told(tmp_path):
    """The message says what to do instead."""
    program = (
        "import sys; sys.modules['openpyxl'] = None\n"
        "import pandas as pd; from codat_notebook.tables.exports import to_xlsx, ExportError\n"
        "try: to_xlsx(pd.DataFrame({'a': [1]}))\n"
        "except ExportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "Excel files need openpyxl: pip install openpyxl. CSV works without it."
    with pytest.raises(ExportError, match="1,048,575 rows, these are 1,048,576"):
        to_xlsx(pd.DataFrame({"a": range(1_048_576)}))
