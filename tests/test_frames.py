"""DataFrames: the same columns and types for every answer, times in UTC, nothing raised by what cannot be read."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codat_notebook import frames
from codat_notebook.client.events import Attempt
from codat_notebook.columns import series_of
from codat_notebook.models.shared import Company, CompanyReference, Connection, DataConnectionError, PullOperation
from codat_notebook.runs.cells import Cell
from codat_notebook.runs.records import ErrorRecord
from codat_notebook.strategies import CELLS
from codat_notebook.strategies.result import Result
from codat_notebook.strategies.rounds import STRATEGY_PLAN

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
OPERATION = PullOperation(
    id="o1", company_id="c", connection_id="k", data_type="invoices", status="Fetching",
    status_description="Paused until 2026-11-23T14:05Z", requested="2026-11-23T13:58:00.1234567Z", progress=20,
)  # fmt: skip
DONE = PullOperation(
    id="o2", company_id="c", connection_id="k2", data_type="bills", status="MapError", error_message="No such account",
    requested="2026-11-23T13:58:00", completed="2026-11-23T13:58:09", progress=55, is_errored=True,
)  # fmt: skip
CELL = Cell("c", "k", "invoices", "Xero", "Complete", NOW, NOW, timedelta(hours=2), None, "o1", "history")
ERROR = ErrorRecord(time=NOW, what="w", why="y", action="a", status="429", retry_at=NOW)
REQUEST = Attempt(
    started=NOW, call="companies.list", method="GET", path="/companies", status=None, ms=12.5, attempt=1,
    error="refused", correlation_id=None,
)  # fmt: skip
COMPANY = Company(id="c", name="Toft", data_connections=[Connection(id="k", status="Linked", platform_name="Xero")])

MAKERS = {
    "companies": (frames.companies, [COMPANY], frames.COMPANIES),
    "connections": (frames.connections, COMPANY.data_connections, frames.CONNECTIONS),
    "data_status": (frames.data_status, [CELL], frames.DATA_STATUS),
    "pull_operations": (frames.pull_operations, [OPERATION, DONE], frames.PULL_OPERATIONS),
    "errors": (frames.errors, [ERROR], frames.ERRORS),
    "requests": (frames.requests, [REQUEST], frames.REQUESTS),
}


@pytest.mark.parametrize("name", MAKERS)
def test_an_empty_frame_has_the_columns_and_types_of_a_full_one(name: str) -> None:
    """Columns, their order and their dtypes do not depend on the rows (categories apart)."""
    make, items, schema = MAKERS[name]
    empty, full = make([]), make(items)
    assert list(empty.columns) == list(full.columns) == list(schema)
    kinds = [[str(dtype) for dtype in frame.dtypes] for frame in (empty, full)]
    assert kinds[0] == kinds[1]
    assert len(full) == len(items)


def test_times_are_utc_and_a_time_without_a_zone_is_utc() -> None:
    """Zones are converted, a missing zone is UTC, seven digits are read, the impossible is NaT."""
    texts = [
        "2026-11-23T13:58:07.1234567Z",
        "2026-11-23T13:58:07",
        "2026-11-23T13:58:07+02:00",
        "2026-11-23",
        "?",
        None,
    ]
    found = series_of("time", texts)
    assert str(found.dtype) == "datetime64[us, UTC]"
    assert found.isna().tolist() == [False, False, False, False, True, True]
    assert found[0] == pd.Timestamp("2026-11-23T13:58:07.123456Z")
    assert found[2] == pd.Timestamp("2026-11-23T11:58:07Z")


def test_times_in_one_text_are_no_times() -> None:
    """Two times in two lines of one text cannot be read; the other rows keep their own times."""
    text = "2026-11-23T13:58:07.1234567Z"
    assert series_of("time", [f"{text}\n{text}", text]).isna().tolist() == [True, False]
    assert series_of("time", [f"{text}\n{text}", ""]).isna().tolist() == [True, True]


@pytest.mark.parametrize("place", [0, 3_999, 4_000, 9_999])
def test_one_time_of_another_form_among_many_changes_no_other(place: int) -> None:
    """Times are read thousands at a time; wherever an unusual one stands, each keeps its own."""
    exact = [f"2026-11-23T13:{i // 60 % 60:02d}:{i % 60:02d}.{i:07d}Z" for i in range(10_000)]
    mixed = [*exact[:place], "2026-11-23", *exact[place + 1 :]]
    expected = [pd.Timestamp(text[:26] + "Z").as_unit("us") for text in exact]
    assert series_of("time", exact).tolist() == expected
    assert series_of("time", mixed).tolist() == [
        *expected[:place],
        pd.Timestamp("2026-11-23", tz="UTC"),
        *expected[place + 1 :],
    ]


@given(st.lists(st.one_of(st.none(), st.text(max_size=30), st.datetimes().map(datetime.isoformat))))
def test_no_text_makes_the_times_raise(texts: list[str | None]) -> None:
    """One unreadable time costs neither the column nor its row."""
    found = series_of("time", texts)
    assert len(found) == len(texts)
    assert str(found.dtype) == "datetime64[us, UTC]"


EXACT = st.builds(
    "{:%Y-%m-%dT%H:%M:%S}.{:07d}Z".format,
    st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),
    st.integers(0, 9_999_999),
)
ALMOST = st.tuples(EXACT, st.integers(0, 27), st.sampled_from("0139 -+.:TZzé")).map(
    lambda drawn: drawn[0][: drawn[1]] + drawn[2] + drawn[0][drawn[1] + 1 :]
)


@given(st.lists(EXACT) | st.lists(st.one_of(EXACT, ALMOST), max_size=4))
@example(["2026-02-30T12:00:00.0000000Z"])
def test_a_column_in_one_form_is_read_as_any_other(texts: list[str]) -> None:
    """What is read all at once, because it is in Codat's own form, is what is read among other forms."""
    among_others = series_of("time", [*texts, "2026-11-23"])[:-1]
    pd.testing.assert_series_equal(series_of("time", texts), among_others)


def test_the_duration_of_a_running_operation_counts_to_now() -> None:
    """With the server's time, what runs has a duration so far; without it, none."""
    with_now = frames.pull_operations([OPERATION, DONE], now=NOW).duration
    assert with_now[0] == pd.Timestamp(NOW) - series_of("time", [OPERATION.requested])[0]
    assert with_now[1] == pd.Timedelta(seconds=9)
    assert frames.pull_operations([OPERATION, DONE]).duration.isna().tolist() == [True, False]


def test_an_operation_tells_its_platform_and_its_message() -> None:
    """The platform comes from the connection; the message is the error's, else the status description."""
    frame = frames.pull_operations([OPERATION, DONE], platforms={"k": "Xero"})
    assert frame.platform.tolist()[0] == "Xero"
    assert frame.platform.isna().tolist() == [False, True]
    assert frame.message.tolist() == ["Paused until 2026-11-23T14:05Z", "No such account"]


def test_whole_numbers_of_another_form_are_read() -> None:
    """Progress as text or with a fraction is cut to a whole number; what is none is missing."""
    frame = frames.build({"n": "count"}, {"n": ["10", 10.5, None, "x"]})
    assert frame.n.tolist()[:2] == [10, 10]
    assert frame.n.isna().tolist() == [False, False, True, True]


@pytest.mark.parametrize("huge", [10**30, -(10**30), 1e308, float("inf"), 2**63])
def test_a_number_beyond_64_bits_costs_no_frame(huge: float) -> None:
    """It is missing; the other rows keep theirs."""
    frame = frames.build({"n": "count"}, {"n": [1, huge, None, 2**53]})
    assert frame.n.isna().tolist() == [False, True, True, False]
    assert (str(frame.n.dtype), frame.n.iloc[0], frame.n.iloc[3]) == ("Int64", 1, 2**53)


def test_errors_of_a_connection_count_while_they_are_not_resolved() -> None:
    """A resolved error is history, whichever of two optional fields says so."""
    resolved = DataConnectionError(status="Resolved"), DataConnectionError(resolved_on_utc="2022-10-23T01:00:00Z")
    errors = [DataConnectionError(status="Active"), *resolved, DataConnectionError()]
    frame = frames.connections([Connection(id="k", status="Linked", data_connection_errors=errors)], "c")
    assert frame.active_errors.tolist() == [2]
    assert frame.company_id.tolist() == ["c"]


@given(st.lists(st.sampled_from([OPERATION, DONE]), min_size=1, max_size=5))
def test_frames_of_parts_join_to_the_frame_of_the_whole(items: list[PullOperation]) -> None:
    """The types allow concatenation without a change of type (categories become text when they differ)."""
    whole = frames.pull_operations([*items, DONE])
    joined = pd.concat([frames.pull_operations(items), frames.pull_operations([DONE])], ignore_index=True)
    assert joined.id.tolist() == whole.id.tolist()
    assert str(joined.requested.dtype) == str(whole.requested.dtype)


DTYPES = {
    "text": "string", "category": "category", "time": "datetime64[us, UTC]", "duration": "timedelta64[us]",
    "count": "Int64", "flag": "boolean", "number": "Float64",
}  # fmt: skip


@pytest.mark.parametrize("name", MAKERS)
def test_the_types_are_the_same_under_every_pandas(name: str) -> None:
    """Each kind of column has the one type that is written here, whatever this version of pandas would infer."""
    make, items, schema = MAKERS[name]
    for frame in (make([]), make(items)):
        assert [str(dtype) for dtype in frame.dtypes] == [DTYPES[kind] for kind in schema.values()]
        words = [frame[column].cat.categories.dtype for column, kind in schema.items() if kind == "category"]
        assert {str(dtype) for dtype in words} <= {"string"}


def test_parents_and_subsidiaries_are_columns() -> None:
    """By the parent's name, or its id where no name is told."""
    group = Company(id="g", name="Group", reference_subsidiary_companies=[CompanyReference(id="a")])
    named = Company(id="a", name="A", reference_parent_company=CompanyReference(id="g", name="Group"))
    bare = Company(id="b", name="B", reference_parent_company=CompanyReference(id="g"))
    frame = frames.companies([group, named, bare])
    assert frame.parent.astype("object").where(frame.parent.notna(), None).tolist() == [None, "Group", "g"]
    assert frame.subsidiaries.tolist() == [1, 0, 0]


def test_a_frame_is_read_in_words_and_keeps_its_values() -> None:
    """Lengths of time, a dash for what is missing, whole messages, names as text; the numbers stay what they were."""
    message = "The authorization has expired <b>or was revoked</b>. " * 3
    rows = [
        Cell("c", "k", "invoices", "Xero", "AuthError", None, NOW, timedelta(days=62, hours=1.1), message, "o1", "x"),
        CELL,
    ]
    found = frames.data_status(rows)
    shown = found[["data_type", "age", "last_success", "message"]]
    text, html = str(shown.to_string()), str(shown._repr_html_())
    for words in ("62 d 1 h", "2 h", "2026-11-23 14:00:00", "—"):
        assert words in text
        assert f">{words}</td>" in html
    assert "NaT" not in text + html
    assert "<NA>" not in text + html
    assert "days" not in text + html
    assert "<b>" not in html
    assert html.count("or was revoked") == 3
    assert found.age[0] == timedelta(days=62, hours=1.1)
    assert str(found.age.dtype) == "timedelta64[us]"
    assert "62 days" in str(shown.to_string(formatters={"age": str}))


def test_a_long_frame_shows_both_ends() -> None:
    """As many rows as pandas' options say, not the middle; the size is told; an index that is not 0, 1, 2 is shown."""
    found = frames.data_status([CELL] * 1_000)
    html = str(found._repr_html_())
    assert html.count("<tr>") == 12
    assert "1,000 rows × 13 columns" in html
    assert "1000 rows x 13 columns" in repr(found)
    assert ">7</td>" in str(found.iloc[[7]]._repr_html_())
    assert "0 rows × 13 columns" in str(frames.data_status([])._repr_html_())
    with pd.option_context("display.notebook_repr_html", False):
        assert found._repr_html_() is None
    assert ">Xero</td>" in str(found.set_index(["platform", "source"])[["age"]].head(2)._repr_html_())


def test_no_column_is_named_like_a_method_of_pandas() -> None:
    """``frame.skew`` is pandas' own."""
    schemas = {name: each for name, each in vars(frames).items() if name.isupper() and isinstance(each, dict)}
    schemas |= {"STRATEGY_PLAN": STRATEGY_PLAN, "CELLS": CELLS, "METRICS": dict(Result.METRICS)}
    assert len(schemas) > 20
    assert {(where, name) for where, each in schemas.items() for name in each if hasattr(pd.DataFrame, name)} == set()
