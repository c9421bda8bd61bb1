"""The query language against an oracle in plain Python, and its errors."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.sandbox import virtual_time
from codat_notebook.sandbox.exchange import ErrorResponse
from codat_notebook.sandbox.listing import MAX_LENGTH, Listing, Property, properties_of, search

Record = dict[str, Any]


def _listing(records: list[Record]) -> Listing:
    def made(record: Record) -> int | None:
        return None if record["made"] is None else virtual_time.parse_time(record["made"])

    of_record: dict[str, Any] = {
        "name": ("text", lambda r: r["name"]),
        "size": ("number", lambda r: r["size"]),
        "made": ("time", made),
        "done": ("bool", lambda r: r["done"]),
    }
    tags = Property("text", lambda key: [r["tags"].get(key, "") for r in records])
    return Listing(len(records), {**properties_of(records, of_record), "tags.*": tags}, "Thing")


TIMES = [
    "2026-11-22",
    "2026-11-23",
    "2026-11-23T14:00:00Z",
    "2026-11-23T14:00:00.0000001Z",
    "2026-11-23T15:00:00+01:00",
]
WORDS = ["Toft", "toft stores", "b & c", "x=y", "a", "2026"]


RECORDS = st.fixed_dictionaries(
    {
        "name": st.none() | st.sampled_from(WORDS),
        "size": st.none() | st.integers(-3, 3),
        "made": st.none() | st.sampled_from(TIMES),
        "done": st.booleans(),
        "tags": st.dictionaries(st.sampled_from(["region", "a-b"]), st.sampled_from(["uk", "us"])),
    }
)


@dataclass(frozen=True)
class Leaf:
    """A comparison as the oracle sees it."""

    name: str
    op: str
    value: Any
    text: str

    def holds(self, record: Record) -> bool:
        have: Any = record["tags"].get(self.name[5:]) if self.name.startswith("tags.") else record[self.name]
        if have is None:
            return self.op == "!="
        want = self.value
        if self.name == "made":
            have, want = virtual_time.parse_time(have), virtual_time.parse_time(want)
        elif isinstance(have, str):
            have, want = have.lower(), want.lower()
        if self.op == "~":
            return want in have
        return {
            "=": have == want, "!=": have != want, ">": have > want, "<": have < want,
            ">=": have >= want, "<=": have <= want,
        }[self.op]  # fmt: skip


def _leaf(name: str, ops: list[str], values: list[Any]) -> st.SearchStrategy[Leaf]:
    def make(op: str, value: Any, gap: str) -> Leaf:
        written = str(value).lower() if isinstance(value, bool) else str(value)
        return Leaf(name, op, value, f"{gap}{name}{gap}{op}{gap}{written}{gap}")

    return st.builds(make, st.sampled_from(ops), st.sampled_from(values), st.sampled_from(["", " "]))


ORDERED = ["=", "!=", ">", "<", ">=", "<="]
LEAVES = st.one_of(
    _leaf("name", ["=", "!=", "~"], WORDS),
    _leaf("size", ORDERED, [-2, 0, 1]),
    _leaf("made", ORDERED, TIMES),
    _leaf("done", ["=", "!="], [True, False]),
    _leaf("tags.region", ["=", "!=", "~"], ["uk", "u"]),
    _leaf("tags.a-b", ["="], ["us"]),
)
BRANCHES = st.sampled_from(["&&", "||"])
TREES = st.recursive(LEAVES, lambda inner: st.tuples(BRANCHES, st.lists(inner, min_size=2, max_size=3)), max_leaves=6)


def _write(tree: Any) -> str:
    if isinstance(tree, Leaf):
        return tree.text
    joint, parts = tree
    return joint.join(_write(part) if isinstance(part, Leaf) else "{" + _write(part) + "}" for part in parts)


def _holds(tree: Any, record: Record) -> bool:
    if isinstance(tree, Leaf):
        return tree.holds(record)
    joint, parts = tree
    results = [_holds(part, record) for part in parts]
    return all(results) if joint == "&&" else any(results)


@given(TREES, st.lists(RECORDS, max_size=6))
def test_queries_select_what_plain_python_does(tree: Any, records: list[Record]) -> None:
    """Any query of any depth agrees with the oracle on any records."""
    assert list(_listing(records).mask(_write(tree))) == [_holds(tree, record) for record in records]


@given(
    TREES,
    st.lists(RECORDS, max_size=9),
    st.sampled_from(["", "name", "-size", "made", "-made", "tags.region"]),
    st.integers(1, 4),
)
def test_pages_are_what_plain_python_sorts_and_cuts(tree: Any, records: list[Record], order: str, size: int) -> None:
    """Pages put together: the records that the query lets through, sorted; ties keep their order, no value is first."""

    def value(index: int) -> Any:
        name, _, key = order.removeprefix("-").partition(".")
        have = records[index][name].get(key) if key else records[index][name]
        if have is not None and name == "made":
            have = virtual_time.parse_time(have)
        return (have is not None, have.lower() if isinstance(have, str) else have or 0)

    expected = [index for index, record in enumerate(records) if _holds(tree, record)]
    if order:
        expected.sort(key=value, reverse=order.startswith("-"))
    asked = {"query": _write(tree), "orderBy": order}
    windows = [slice(number * size, (number + 1) * size) for number in range(len(records) + 1)]
    pages = [_listing(records).page(asked, window) for window in windows]
    assert [index for rows, _ in pages for index in rows] == expected
    assert {total for _, total in pages} == {len(expected)}


@given(st.text(alphabet="ab=~<>!&|{} .1T:-", max_size=30))
def test_any_text_is_a_query_or_malformed(text: str) -> None:
    """Nothing but a mask or the documented 400 comes out."""
    try:
        outcome: object = search(text, lambda *_: 1)
    except ErrorResponse as problem:
        outcome = (problem.status, problem.error)
    assert outcome in (1, (400, "Error parsing query - Malformed query."))


@pytest.mark.parametrize(
    "query",
    [
        "", " ", "name", "name=", "=x", "name=x&&", "&&name=x", "name=x||", "{name=x", "name=x}", "{}",
        "{name=x}{name=y}", "name>x", "size~1", "size=one", "made=yesterday", "made>2026-13-01", "done=maybe",
        "done>true", "made>2026-01-01T00:00+99:00", "na me=x", "1=1",
        "name=x" + " " * MAX_LENGTH, "{" * 200 + "name=x" + "}" * 200,
    ],
)  # fmt: skip
def test_malformed_queries(query: str) -> None:
    """Every way to break the grammar or the kinds gives the documented text."""
    with pytest.raises(ErrorResponse) as refusal:
        _listing([]).mask(query)
    assert refusal.value.error == "Error parsing query - Malformed query."


@pytest.mark.parametrize("name", ["isCompleted", "Name", "tags", "tags.", "name.x"])
def test_unknown_properties(name: str) -> None:
    """A property that is not queryable is named in the answer (a dot without a key is malformed)."""
    with pytest.raises(ErrorResponse) as refusal:
        _listing([]).mask(f"{name}=x")
    malformed = name.endswith(".")
    expected = "Malformed query." if malformed else f"Could not resolve property {name} on Thing"
    assert refusal.value.error == f"Error parsing query - {expected}"


@pytest.mark.parametrize("order", ["tags.*", "-nothing", "--name", "*"])
def test_unknown_orders(order: str) -> None:
    """An order by what is no property is refused as a query is."""
    with pytest.raises(ErrorResponse, match="Could not resolve property"):
        _listing([]).page({"orderBy": order}, slice(0, 100))


def test_and_binds_tighter_than_or() -> None:
    """Without braces ``a || b && c`` is ``a || {b && c}``."""
    masks = {("a", "=", "1"): 0b100, ("b", "=", "2"): 0b010, ("c", "=", "3"): 0b011}
    assert search("a=1 || b=2 && c=3", lambda *compared: masks[compared]) == 0b110


def test_values_are_unquoted_and_may_hold_spaces_and_signs() -> None:
    """A value ends at the next joint or brace only."""
    compared: list[tuple[str, str, str]] = []
    search("name = Pandle & Sons | Co = x ", lambda *one: compared.append(one) or 1)
    assert compared == [("name", "=", "Pandle & Sons | Co = x")]
