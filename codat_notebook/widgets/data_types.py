"""Choosing data types (what there is, how old it is, which belong together), and the buttons that refresh them.

An age is seconds since the last good sync; the browser words it and lets it grow. Failed, never synced and running are
words before they are colours. Reports whose parts are of different dates do not add up: it is said where one chooses.

The buttons say before a click what it queues and costs, what is in progress already, and what "all" includes. Their
number comes from the list in the browser, so that it is right while the kernel is busy, and the message carries exactly
the types that were on screen. A click is sent once: the buttons rest until the kernel's state answers by its ``seq``.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, TypedDict

from codat_notebook.models import vocabulary
from codat_notebook.models.status import OLD, is_problem, is_running, meaning
from codat_notebook.planning.sync_settings import Settings, explained
from codat_notebook.runs.cells import Cell
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.widgets.part import Click, FromBrowser, Part
from codat_notebook.widgets.pickers import CompanyName
from codat_notebook.words import ago, count, iso

DAY = 86400.0

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

    ``selected`` are the keys selected at first, and after a reload: give back what was sent last.
    """

    company: str | None
    status: str
    types: list[DataTypeRow]
    sets: list[ReportSet]
    notes: list[str]
    selected: list[str]
    speed: float


class Select(FromBrowser, frozen=True):
    """What is ticked, at each change."""

    selected: tuple[str, ...]


def data_type_rows(
    facts: CompanyFacts, cells: Iterable[Cell], now: datetime, connection_id: str | None = None,
    running: Iterable[str] = (), settings: Settings | None = None,
) -> list[DataTypeRow]:  # fmt: skip
    """A row for each data type that the chosen connection, or any linked one, supports or has read as a custom one: by
    family and plain name.

    ``now`` is the server's time; ``running`` names data types that are being refreshed now, whatever the cells say.
    ``settings`` are the company's, where they are known.
    """
    linked = _linked(facts, connection_id)
    by_type: dict[str, list[Cell]] = {key: [] for id in linked for key in facts.supported[id]}
    for cell in cells:
        if cell.connection_id in linked and (cell.data_type in by_type or vocabulary.custom_identifier(cell.data_type)):
            by_type.setdefault(cell.data_type, []).append(cell)
    now_running = set(running)
    rows = [_row(key, group, now, key in now_running, settings) for key, group in by_type.items()]
    return sorted(rows, key=lambda row: (vocabulary.FAMILIES.index(row["family"]), row["name"].lower()))


def _linked(facts: CompanyFacts, connection_id: str | None) -> list[str]:
    return [connection.id for connection in facts.linked if connection_id in (None, connection.id)]


def _row(key: str, cells: list[Cell], now: datetime, running: bool, settings: Settings | None) -> DataTypeRow:
    """Of several connections the one that runs, or has a problem, tells the status, and the oldest the age."""
    successes = [cell.last_success for cell in cells]
    last = None if None in successes else min((time for time in successes if time is not None), default=None)
    problem = next((cell for cell in cells if is_problem(cell.status or "")), cells[0] if cells else None)
    shown = next(filter(_runs, cells), problem)
    kind = meaning(shown.status, shown.completed).kind if shown and shown.status else ""
    state: State = "ok" if last else "never"
    if running or kind == "running":
        state = "running"
    elif shown and shown.expected:
        state = "unsupported"
    elif kind == "failed":
        state = "failed"
    told = explained(settings, key, not any(cell.status for cell in cells)) if settings is not None else None
    ages = [f"{each.platform} {'never' if each.age is None else ago(each.age.total_seconds())}" for each in cells]
    notes = [", ".join(ages) if len(ages) > 1 else None, told]
    return {
        "key": key, "name": vocabulary.plain_name(key), "family": vocabulary.family(key), "state": state,
        "age": max(0.0, (now - last).total_seconds()) if last else None,
        "last": iso(last.isoformat()) if last else None, "note": "\n".join(filter(None, notes)) or None,
        "connections": max(1, len(cells)),
    }  # fmt: skip


def _runs(cell: Cell) -> bool:
    return bool(cell.status) and is_running(cell.status or "", cell.completed)


def report_sets(keys: Iterable[str]) -> list[ReportSet]:
    """Codat's reports of which the company has at least one type, each with those types.

    >>> report_sets(["bills", "suppliers"])
    [{'name': 'Payables', 'types': ['suppliers', 'bills']}]
    """
    have = set(keys)
    sets = {name: [key for key in types if key in have] for name, types in vocabulary.REPORTS.items()}
    return [{"name": name.capitalize(), "types": types} for name, types in sets.items() if types]


def report_notes(rows: Iterable[DataTypeRow]) -> list[str]:
    """A sentence for each report whose newest types were read when its oldest ones were old already, worst first.

    >>> rows = [{"key": k, "age": a} for k, a in (("bills", 7200.0), ("suppliers", 31 * DAY))]
    >>> report_notes(rows)
    ['Payables may not reconcile: suppliers is 31 days old, bills 2 hours.']
    """
    ages = {row["key"]: row["age"] for row in rows if row["age"] is not None}
    notes = []
    for report in report_sets(ages):
        types = sorted(report["types"], key=lambda key: ages[key])
        apart = ages[types[-1]] - ages[types[0]]
        if apart > OLD * DAY:
            old, new = (_long(ages[key]) for key in (types[-1], types[0]))
            sentence = f"{report['name']} may not reconcile: {types[-1]} is {old} old, {types[0]} {new}."
            notes.append((apart, sentence))
    return [sentence for _, sentence in sorted(notes, key=lambda pair: -pair[0])]


def _long(seconds: float) -> str:
    for size, word in ((DAY, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= size * (2 if size == DAY else 1):
            return count(int(seconds // size), word)
    return "under a minute"


def data_types_state(
    company: str | None, rows: list[DataTypeRow], *, status: str = "ready", selected: Iterable[str] = (),
    speed: float = 1.0,
) -> DataTypesState:  # fmt: skip
    """The state of a :class:`DataTypePicker`."""
    return {
        "company": company, "status": status if company else "none", "types": rows,
        "sets": report_sets(row["key"] for row in rows), "notes": report_notes(rows), "selected": list(selected),
        "speed": speed,
    }  # fmt: skip


class DataTypePicker(Part[DataTypesState]):
    """The list of data types with their ages (class ``codat-data-types``).

    The selection lives in the browser, so that ticking works while the kernel is busy; the refresh buttons are told by
    the DOM event ``codat-selection``. New ages keep selection, search text and scroll; a new ``company`` resets them.
    """

    classes = ("codat-data-types",)
    files = ("data_types.js", "data_types.css")
    messages = Select


class ConnectionTypes(TypedDict):
    """What *Refresh all* queues on one connection."""

    platform: str
    types: list[str]


class BarState(TypedDict):
    """What the buttons offer.

    ``selected`` counts until the list of data types tells its own; ``total`` is how many types "all" is, where that is
    known; ``connection`` the platform's name if refreshes go through one only. ``blocked`` (why nothing may be queued)
    and ``busy`` (what is going on) disable the buttons and are shown; ``confirm`` is what "Refresh all" asks before it
    is sent, on LIVE. ``running`` are data types in progress already, which are attached to. ``products`` are those of
    the company that can be refreshed by themselves; ``caution`` is what its products say against refreshing data types.
    """

    company: CompanyName | None
    selected: list[str]
    total: int | None
    connection: str | None
    blocked: str | None
    busy: str | None
    confirm: str | None
    everything: list[ConnectionTypes]
    running: list[str]
    products: list[str]
    caution: str | None
    seq: int


class RefreshSelected(Click, frozen=True, tag="refresh"):
    """*Refresh selected*: of the company and the types that were on screen; of its ``product``, where one is chosen."""

    company: str = ""
    product: str = ""
    data_types: tuple[str, ...] = ()


class RefreshAll(Click, frozen=True):
    """*Refresh all* of the company that was on screen, or of its ``product``."""

    company: str = ""
    product: str = ""


class ChooseProduct(FromBrowser, frozen=True):
    """By whose settings the buttons refresh: those of a product of the company, or ("") the client's."""

    company: str = ""
    product: str = ""


#: The buttons before a company is picked.
NO_OFFER: BarState = {
    "company": None, "selected": [], "total": None, "connection": None, "blocked": None, "busy": None, "confirm": None,
    "everything": [], "running": [], "products": [], "caution": None, "seq": 0,
}  # fmt: skip


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
    linked = _linked(facts, connection_id)
    return sorted({cell.data_type for cell in cells if cell.connection_id in linked and _runs(cell)} | set(running))


class RefreshBar(Part[BarState]):
    """The buttons "Refresh 4 selected" and "Refresh all" with a sentence (classes ``codat-bar``, ``codat-refresh`` and
    ``codat-refresh-all``). Answer each message with a state that carries its ``seq``, also when it is refused."""

    classes = ("codat-bar",)
    files = ("refresh_bar.js", "refresh_bar.css")
    messages = RefreshSelected | RefreshAll | ChooseProduct
