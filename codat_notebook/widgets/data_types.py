"""Choosing data types: what there is, how old it is, and which belong together.

An age is a number of seconds since the last good sync; the browser words it and lets it grow. Failed, never synced
and running are words before they are colours. Reports whose parts are of different dates do not add up, so that is
said where the choice is made.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, TypedDict, cast

from codat_notebook.models import vocabulary
from codat_notebook.models.status import is_problem, is_running, meaning
from codat_notebook.runs.cells import Cell
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.widgets.part import FromBrowser, Part
from codat_notebook.widgets.refresh_bar import ConnectionTypes
from codat_notebook.words import ago, iso, seconds_between

DAY = 86400.0
#: From this age (seconds) on data counts as old: Codat's documentation recommends to refresh weekly.
OLD_AFTER = 7 * DAY
#: From this age on it is stale: without one sync a month a connection's authorization may lapse.
STALE_AFTER = 31 * DAY


class TypeStatus(TypedDict, total=False):
    """A data type's latest sync, ``completed`` when it ended, and the last good one; of several ``connections`` the
    oldest."""

    current_status: str | None
    completed: str | None
    last_success: str | None
    note: str | None
    connections: int


State = Literal["ok", "failed", "never", "running", "unsupported"]


class DataTypeRow(TypedDict):
    """A data type: ``age`` in seconds since the last good sync, ``last``; ``note`` is for the tooltip."""

    key: str
    name: str
    family: str
    state: State
    age: float | None
    last: str | None
    note: str | None
    connections: int


class ReportSet(TypedDict):
    """A report of Codat's, and those of its data types that the company has: a chip that selects them."""

    name: str
    types: list[str]


class DataTypesState(TypedDict):
    """The list of data types.

    ``selected`` are the keys selected at first, and after a reload: give back what was sent last. From ``old_after``
    and ``stale_after`` seconds an age has a word.
    """

    company: str | None
    status: str
    error: str
    types: list[DataTypeRow]
    sets: list[ReportSet]
    notes: list[str]
    selected: list[str]
    old_after: float
    stale_after: float
    speed: float


class Select(FromBrowser, frozen=True):
    """What is ticked, at each change."""

    selected: tuple[str, ...]


def data_type_rows(
    statuses: Mapping[str, TypeStatus],
    now: str,
    supported: Iterable[str] | None = None,
) -> list[DataTypeRow]:
    """A row for each data type, by family and then by plain name.

    ``supported`` says which types to show, also such as have no status yet; by default those in ``statuses``. ``now``
    is the server's time as ISO text.

    >>> data_type_rows({"invoices": {"current_status": "FetchError"}}, "2026-01-01")[0]["state"]
    'failed'
    """
    keys = list(statuses) if supported is None else list(dict.fromkeys(supported))
    rows = [_row(key, statuses.get(key, {}), now) for key in keys]
    families = ("Accounting", "Banking", "Commerce")
    return sorted(rows, key=lambda row: (families.index(row["family"]), row["name"].lower()))


def _row(key: str, status: TypeStatus, now: str) -> DataTypeRow:
    current, last = str(status.get("current_status") or ""), status.get("last_success")
    age = seconds_between(last, now)
    kind = meaning(current, status.get("completed")).kind if current else ""
    state: State = "ok" if age is not None else "never"
    if current == "NotSupported":
        state = "unsupported"
    elif kind in ("running", "failed"):
        state = cast(State, kind)
    return {
        "key": key, "name": vocabulary.plain_name(key), "family": vocabulary.family(key), "state": state, "age": age,
        "last": iso(last), "note": status.get("note"), "connections": status.get("connections", 1),
    }  # fmt: skip


def readable_types(facts: CompanyFacts, connection_id: str | None = None) -> list[str]:
    """The data types that can be refreshed: those that the chosen connection, or any linked one, supports."""
    chosen = [connection.id for connection in facts.linked if connection_id in (None, connection.id)]
    return sorted(set().union(*(facts.supported[id] for id in chosen)))


def all_by_connection(
    facts: CompanyFacts, first_link: frozenset[str], names: Mapping[str, str]
) -> list[ConnectionTypes]:
    """What *Refresh all* queues: each linked connection, by its name on screen, with its data types."""
    by_connection: dict[str, list[str]] = {}
    for connection_id, data_type in facts.refreshed_by_all(first_link):
        by_connection.setdefault(connection_id, []).append(data_type)
    return [{"platform": names.get(id, id), "types": types} for id, types in by_connection.items()]


def in_progress(
    facts: CompanyFacts, cells: Iterable[Cell], connection_id: str | None = None, running: Iterable[str] = ()
) -> list[str]:
    """The data types that are on their way already on the chosen connection, or on any linked one."""
    linked = {connection.id for connection in facts.linked if connection_id in (None, connection.id)}
    under_way = {c.data_type for c in cells if c.connection_id in linked and _runs(c)}
    return sorted(under_way | set(running))


def data_type_statuses(
    facts: CompanyFacts, cells: Iterable[Cell], connection_id: str | None = None, running: Iterable[str] = ()
) -> Mapping[str, TypeStatus]:
    """Data type -> its state over the chosen connection, or over all linked ones.

    ``running`` names data types that are being refreshed now, whatever the cells say.
    """
    linked = {connection.id for connection in facts.linked if connection_id in (None, connection.id)}
    by_type: dict[str, list[Cell]] = {}
    for cell in cells:
        if cell.connection_id in linked:
            by_type.setdefault(cell.data_type, []).append(cell)
    now_running = set(running)
    return {name: _status(group, name in now_running) for name, group in by_type.items()}


def _runs(cell: Cell) -> bool:
    return bool(cell.status) and is_running(cell.status or "", cell.completed)


def _status(cells: list[Cell], running: bool) -> TypeStatus:
    successes = [cell.last_success for cell in cells]
    oldest = None if None in successes else min(time for time in successes if time is not None)
    problem = next((cell for cell in cells if is_problem(cell.status or "")), cells[0])
    shown = next((cell for cell in cells if _runs(cell)), problem)
    several = ", ".join(f"{cell.platform} {ago(cell.age.total_seconds()) if cell.age else 'never'}" for cell in cells)
    return {
        "current_status": "Queued" if running else shown.status or "",
        "completed": None if running else shown.completed,
        "last_success": oldest.isoformat() if oldest else None,
        "note": several if len(cells) > 1 else None,
        "connections": len(cells),
    }


def report_sets(keys: Iterable[str]) -> list[ReportSet]:
    """Codat's reports of which the company has at least one type, each with those types.

    >>> report_sets(["bills", "suppliers"])
    [{'name': 'Payables', 'types': ['suppliers', 'bills']}]
    """
    have = set(keys)
    sets = {name: [key for key in types if key in have] for name, types in vocabulary.REPORTS.items()}
    return [{"name": name.capitalize(), "types": types} for name, types in sets.items() if types]


def report_notes(rows: Iterable[DataTypeRow], skew: float = OLD_AFTER) -> list[str]:
    """A sentence for each report whose oldest and newest types lie more than ``skew`` seconds apart, worst first.

    >>> rows = [{"key": k, "age": a} for k, a in (("bills", 7200.0), ("suppliers", 31 * DAY))]
    >>> report_notes(rows)
    ['Payables may not reconcile: suppliers is 31 days old, bills 2 hours.']
    """
    ages = {row["key"]: row["age"] for row in rows if row["age"] is not None}
    found = []
    for report in report_sets(ages):
        types = sorted(report["types"], key=lambda key: ages[key])
        apart = ages[types[-1]] - ages[types[0]]
        if apart > skew:
            old, new = (_long(ages[key]) for key in (types[-1], types[0]))
            sentence = f"{report['name']} may not reconcile: {types[-1]} is {old} old, {types[0]} {new}."
            found.append((apart, sentence))
    return [sentence for _, sentence in sorted(found, key=lambda pair: -pair[0])]


def _long(seconds: float) -> str:
    for size, word in ((DAY, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= size * (2 if size == DAY else 1):
            value = int(seconds // size)
            return f"{value} {word if value == 1 else word + 's'}"
    return "under a minute"


def data_types_state(
    company: str | None, rows: list[DataTypeRow], *, status: str = "ready", error: str = "",
    selected: Iterable[str] = (), notes: list[str] | None = None, speed: float = 1.0,
) -> DataTypesState:  # fmt: skip
    """The state of a :class:`DataTypePicker`; ``notes`` are made from the rows unless given."""
    return {
        "company": company, "status": status if company else "none", "error": error, "types": rows,
        "sets": report_sets(row["key"] for row in rows), "notes": report_notes(rows) if notes is None else notes,
        "selected": list(selected), "old_after": OLD_AFTER, "stale_after": STALE_AFTER, "speed": speed,
    }  # fmt: skip


class DataTypePicker(Part[DataTypesState]):
    """The list of data types with their ages (class ``codat-data-types``).

    The selection lives in the browser, so that ticking works while the kernel is busy. New ages keep selection, search
    text and scroll; a new ``company`` resets them to ``selected``.

    The browser tells the list to the console's other parts (the refresh buttons) by the DOM event ``codat-selection``.
    """

    classes = ("codat-data-types",)
    files = ("data_types.js", "data_types.css")
    messages = Select

    @staticmethod
    def text(state: DataTypesState) -> str:
        """One line a data type, ticked where selected, then the warnings."""
        chosen = set(state["selected"])
        rows = [f"[{'x' if row['key'] in chosen else ' '}] {row['key']}: {age_text(row)}" for row in state["types"]]
        return "\n".join(rows + state["notes"])


_STATE_WORDS = {"running": "running", "unsupported": "not supported"}


def age_text(row: DataTypeRow) -> str:
    """How fresh a type is, in the words of the screen.

    >>> age_text({"state": "failed", "age": 31 * DAY}), age_text({"state": "ok", "age": 8 * DAY, "connections": 2})
    ('failed, last good 31 d ago', 'old, oldest of 2, 8 d ago')
    """
    age = row["age"]
    if row["state"] in _STATE_WORDS:
        return _STATE_WORDS[row["state"]]
    if row["state"] == "failed":
        return "failed, never synced" if age is None else f"failed, last good {ago(age)}"
    several = f"oldest of {row['connections']}, " if row.get("connections", 1) > 1 else ""
    if age is None:
        return f"{several}never synced"
    word = "stale, " if age >= STALE_AFTER else "old, " if age >= OLD_AFTER else ""
    return f"{word}{several}{ago(age)}"
