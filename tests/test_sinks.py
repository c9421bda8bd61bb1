"""What third parties write (names, messages) steers no terminal and is no formula, wherever it comes out."""

import csv
import logging
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from IPython.core.error import UsageError

import codat_notebook as cn
from codat_notebook import frames
from codat_notebook.columns import Frame
from codat_notebook.magics import Codat
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.shared import Company, PullOperation, Security
from codat_notebook.runs.records import ErrorRecord, Log, log_error
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.tables.exports import ExportError
from codat_notebook.widgets.pickers import CompanyPicker

#: Clears the screen, rings, writes a title, turns the text around, in C0 and C1.
HOSTILE = "=cmd|' /C calc'!A0\x1b[2J\x07\x1b]0;owned\x07\x9b31m\u202egnp\u2066\x7f\x85"
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
COMPANY = Company(id="8a210b68-6988-11ed-a1eb-0242ac120002", name=HOSTILE, created="2026-01-01T00:00:00Z")
NOW = datetime(2026, 11, 23, tzinfo=UTC)
ERROR = ErrorRecord(time=NOW, what=HOSTILE, why=HOSTILE, action=HOSTILE, company=HOSTILE)
COMPANIES = frames.companies([COMPANY])
FRAMES = {
    "companies": COMPANIES,
    "operations": frames.pull_operations([PullOperation(id="1", error_message=HOSTILE)], {"": HOSTILE}),
    "errors": frames.errors([ERROR]),
    "stacked": frames.stacked(COMPANIES, COMPANIES),
    "chosen": COMPANIES[COMPANIES.id != ""].sort_values("name").head(1),
    "joined": COMPANIES.merge(COMPANIES[["id"]], on="id"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_print_no_control_characters(name: str) -> None:
    """Those of every kind, and what is selected of them; their values are as they came."""
    with pd.option_context("display.max_colwidth", None, "display.width", 10_000, "display.max_columns", None):
        for text in (repr(FRAMES[name]), str(FRAMES[name]), FRAMES[name].to_string()):
            assert not STEERING.search(text)
            assert r"\x1b[2J\x07\x1b]0;owned\x07\x9b31m\u202egnp" in text
    assert FRAMES[name].isin([HOSTILE]).to_numpy().any()


@pytest.mark.parametrize("name", FRAMES)
def test_a_column_or_a_row_prints_no_control_characters(name: str) -> None:
    """Nor what is made of one; values are as they came, and a test of a user's own takes a plain Series for it."""
    frame = FRAMES[name]
    column = next(column for column in frame.columns if HOSTILE in list(frame[column]))
    with pd.option_context("display.max_colwidth", None):
        for series in (frame[column], frame.iloc[0], frame[column].head(1), frame[column].to_frame().T.iloc[0]):
            assert not STEERING.search(f"{series!r}{series}{series.to_string()}")
            assert r"\x1b[2J\x07\x1b]0;owned\x07\x9b31m\u202egnp" in repr(series)
            assert HOSTILE in series.tolist()
    plain = pd.Series(frame[column])
    assert type(plain) is pd.Series
    pd.testing.assert_series_equal(frame[column], plain)
    pd.testing.assert_series_equal(plain, frame[column])


def test_a_frame_is_a_dataframe_to_all_who_compare() -> None:
    """In tests of users' own either may be the expected one."""
    plain = pd.DataFrame(COMPANIES)
    assert type(plain) is pd.DataFrame
    assert type(COMPANIES) is Frame
    pd.testing.assert_frame_equal(COMPANIES, plain)
    pd.testing.assert_frame_equal(plain, COMPANIES)


@pytest.fixture
def session() -> Iterator[Session]:
    """One whose only company has a hostile name, and whose refreshes are refused in hostile words."""
    company = {"id": COMPANY.id, "name": HOSTILE, "dataConnections": []}
    page = {"results": [company], "totalResults": 1, "_links": {}}
    with Sandbox() as sandbox:
        sandbox.faults.next(None, match="GET /companies", status=200, body=page)
        sandbox.faults.next(None, match=f"GET /companies/{COMPANY.id}", status=200, body=company)
        sandbox.faults.next(None, match="* /companies/*/data*", status=400, body={"error": HOSTILE, "statusCode": 400})
        with Session(Security(auth_header=sandbox.key), server_url=sandbox.url) as session:
            yield session


def test_runs_errors_and_the_magic(session: Session, caplog: pytest.LogCaptureFixture) -> None:
    """`repr`, lines for `tell`, the log, exceptions, `%codat` and what it raises."""
    caplog.set_level(logging.WARNING, "codat_notebook")
    told: list[str] = []
    run = session.refresh(COMPANY.id, "invoices").wait(60, tell=told.append)
    assert run.done  # though the history answers nothing: it was refused
    codat = Codat({"session": session})
    with pytest.raises(UsageError) as refused:
        codat.run(f"status {COMPANY.id}")
    log_error(Log(), ERROR)
    picker = CompanyPicker()
    picker.state = {"company": {"id": COMPANY.id, "name": HOSTILE}}
    texts: dict[str, Any] = {
        "run": run, "line": run.line, "told": "".join(told), "errors of the run": run.errors, "session": session,
        "errors": session.errors, "companies": codat.run("companies"), "magic's errors": codat.run("errors"),
        "raised": refused.value, "exception": CodatLendingError(HOSTILE), "part": repr(picker),
        "log": "".join(record.getMessage() for record in caplog.records),
    }  # fmt: skip
    assert {name for name, text in texts.items() if STEERING.search(str(text))} == set()
    written_out = {name for name, text in texts.items() if r"\x1b[2J" in str(text)}
    assert written_out >= {"run", "line", "told", "raised", "exception", "part", "log"}


def test_files_hold_no_formula(tmp_path: Path) -> None:
    """Nor a sheet's own markup; a file is made by its name's ending, and replaces an older one as a whole."""
    frame = FRAMES["errors"]
    with (cn.save(frame, tmp_path / "e.csv")).open(encoding="utf-8-sig", newline="") as file:
        row = next(csv.DictReader(file))
    assert row["what"].startswith("'=cmd")
    assert row["time (UTC)"] == "2026-11-23 00:00:00"
    cn.save(COMPANIES, str(tmp_path / "e.xlsx"))
    book = zipfile.ZipFile(cn.save(frame, tmp_path / "e.xlsx"))
    assert "<f>" not in book.read("xl/worksheets/sheet1.xml").decode()
    assert {each.name for each in tmp_path.iterdir()} == {"e.csv", "e.xlsx"}


@pytest.mark.parametrize("name", FRAMES)
def test_parquet_keeps_values_and_types_or_says_what_to_install(name: str, tmp_path: Path) -> None:
    """With pyarrow a frame is read as it was saved, but for the dtype of its categories' names."""
    if find_spec("pyarrow") is None:
        with pytest.raises(ExportError, match="pip install pyarrow"):
            cn.save(FRAMES[name], tmp_path / "e.parquet")
        assert not list(tmp_path.iterdir())
        return
    read = pd.read_parquet(cn.save(FRAMES[name], tmp_path / "e.parquet"))
    pd.testing.assert_frame_equal(read, FRAMES[name], check_categorical=False)
    assert read.dtypes.map(type).tolist() == FRAMES[name].dtypes.map(type).tolist()
    with pytest.raises(ExportError, match="CSV can"):
        cn.save(pd.DataFrame({"mixed": [1, "x"]}), tmp_path / "mixed.parquet")


def test_what_cannot_be_saved_says_what_to_do(tmp_path: Path) -> None:
    """Another ending; pandas' own way to Excel, which fails for times with a zone."""
    with pytest.raises(ExportError, match=r"e\.doc does not say in which form: end it in \.csv, .* or \.parquet"):
        cn.save(COMPANIES, tmp_path / "e.doc")
    pytest.importorskip("xlsxwriter")
    with pytest.raises(ValueError, match=r"codat_notebook\.save\(frame, 'frame\.xlsx'\)"):
        COMPANIES.to_excel(tmp_path / "e.xlsx")
    assert not (tmp_path / "e.doc").exists()
