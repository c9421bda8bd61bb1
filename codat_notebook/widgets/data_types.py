"""Choosing data types (what there is, how old it is, which belong together), and the buttons that refresh them.

An age is told by the browser from the time of the last good sync. Failed, never synced and running are words before
they are colours. Reports whose parts are of different dates do not add up: it is said where one chooses.

The buttons say before a click what it queues and costs, what is in progress already, and what "all" includes. Their
number comes from the list in the browser, so that it is right while the kernel is busy, and the message carries exactly
the types that were on screen. A click is sent once: the buttons rest until the kernel's state answers by its ``seq``.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, TypedDict

from codat_notebook.models import vocabulary
from codat_notebook.models.status import AT_MACHINE, OLD, is_problem, is_running, meaning
from codat_notebook.planning.sync_settings import Settings, explained
from codat_notebook.runs.cells import Cell
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.widgets.part import Click, FromBrowser, Part
from codat_notebook.widgets.pickers import CompanyName, ConnectionCard
from codat_notebook.words import iso, seconds_between

DAY = 86400.0

State = Literal["ok", "failed", "never", "running", "unsupported", "unlinked"]


class ReadFrom(TypedDict):
    """When a platform's data was last read successfully; ``None`` for never."""

    platform: str
    last: str | None


class DataTypeRow(TypedDict):
    """A data type with its ``last`` good sync; ``reads`` are those of several connections, ``note`` is a tooltip.
    ``failures`` counts those in a row where it fails again and again, else 0.

    One with a ``connection`` was read by that one alone, which Codat cannot read any more: it cannot be refreshed.
    """

    key: str
    name: str
    family: str
    state: State
    last: str | None
    reads: list[ReadFrom]
    note: str | None
    failures: int
    connections: int
    connection: str | None


class ReportSet(TypedDict):
    """A report of Codat's, and those of its data types that the company has: a chip that selects them."""

    name: str
    types: list[str]


class UnevenReport(TypedDict):
    """A report whose data types were read at times far apart: the ``old``est and the ``new``est one, by their keys."""

    name: str
    old: str
    new: str


class LostConnection(TypedDict):
    """A connection that Codat cannot read any more, its state in words, and the link by which it can again."""

    id: str
    platform: str
    words: str
    link_url: str | None


class DataTypesState(TypedDict):
    """The list of data types; ``empty`` is why there are none, where more is known of that than that nothing is linked.

    ``uneven`` are the reports that may not add up, the worst first; ``unlinked`` the connections of the types that
    cannot be refreshed. ``selected`` are the keys selected at first, and after a reload: give back what was sent last.
    """

    company: str | None
    status: str
    types: list[DataTypeRow]
    sets: list[ReportSet]
    uneven: list[UnevenReport]
    unlinked: list[LostConnection]
    selected: list[str]
    empty: str | None


class Select(FromBrowser, frozen=True):
    """What is ticked, at each change."""

    selected: tuple[str, ...]


def data_type_rows(
    facts: CompanyFacts, cells: Sequence[Cell], connection_id: str | None = None, running: Iterable[str] = (),
    settings: Settings | None = None,
) -> list[DataTypeRow]:  # fmt: skip
    """A row for each data type that the chosen connection, or any linked one, supports or has read as a custom one, and
    for each that only connections have read that are linked no more: by family and plain name.

    ``running`` names data types that are being refreshed now, whatever the cells say. ``settings`` are the company's,
    where they are known.
    """
    linked = _linked(facts, connection_id)
    by_type: dict[str, list[Cell]] = {key: [] for id in linked for key in facts.supported.get(id, ())}
    for cell in cells:
        if cell.connection_id in linked and (cell.data_type in by_type or vocabulary.custom_identifier(cell.data_type)):
            by_type.setdefault(cell.data_type, []).append(cell)
    now_running = set(running)
    rows = [_row(key, group, key in now_running, settings) for key, group in by_type.items()]
    lost: dict[str, list[Cell]] = {}
    for cell in cells:
        chosen = connection_id in (None, cell.connection_id) and (cell.status or cell.last_success)
        if chosen and cell.connection_id not in linked and cell.data_type not in by_type:
            lost.setdefault(cell.data_type, []).append(cell)
    rows += [_lost(_row(key, group, key in now_running, None), group[0]) for key, group in lost.items()]
    return sorted(rows, key=lambda row: (vocabulary.FAMILIES.index(row["family"]), row["name"].lower()))


def _linked(facts: CompanyFacts, connection_id: str | None) -> list[str]:
    return [connection.id for connection in facts.linked if connection_id in (None, connection.id)]


def _row(key: str, cells: list[Cell], running: bool, settings: Settings | None) -> DataTypeRow:
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
    lasting = shown.lasting if shown and state == "failed" else None
    waits = AT_MACHINE if shown and shown.at_machine else None
    reads: list[ReadFrom] = [{"platform": each.platform, "last": _iso(each.last_success)} for each in cells]
    return {
        "key": key, "name": vocabulary.plain_name(key), "family": vocabulary.family(key), "state": state,
        "last": _iso(last), "reads": reads if len(reads) > 1 else [],
        "note": "\n".join(filter(None, (lasting, waits, told))) or None,
        "failures": shown.failures if shown and lasting else 0, "connections": max(1, len(cells)), "connection": None,
    }  # fmt: skip


def _lost(row: DataTypeRow, cell: Cell) -> DataTypeRow:
    """The row of a type that only a lost connection has. What was queued before it was lost may still run."""
    state: State = "running" if row["state"] == "running" else "unlinked"
    return {**row, "state": state, "connection": cell.connection_id}


def _iso(time: datetime | None) -> str | None:
    return iso(time.isoformat()) if time else None


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


def uneven_reports(rows: Iterable[DataTypeRow]) -> list[UnevenReport]:
    """The reports whose newest types were read when their oldest ones were old already, the worst first.

    >>> times = (("bills", "2026-11-23T12:00:00Z"), ("suppliers", "2026-10-23T12:00:00Z"))
    >>> uneven_reports([{"key": key, "last": time} for key, time in times])
    [{'name': 'Payables', 'old': 'suppliers', 'new': 'bills'}]
    """
    times = {row["key"]: row["last"] for row in rows if row["last"] is not None}
    uneven: list[tuple[float, UnevenReport]] = []
    for report in report_sets(times):
        old, *_, new = sorted(report["types"] * 2, key=lambda key: times[key])
        apart = seconds_between(times[old], times[new]) or 0.0
        if apart > OLD * DAY:
            uneven.append((apart, {"name": report["name"], "old": old, "new": new}))
    return [report for _, report in sorted(uneven, key=lambda pair: -pair[0])]


def data_types_state(
    company: str | None, rows: list[DataTypeRow], *, status: str = "ready", selected: Iterable[str] = (),
    connections: Iterable[ConnectionCard] = (), empty: str | None = None,
) -> DataTypesState:  # fmt: skip
    """The state of a :class:`DataTypePicker`; ``connections`` are the company's."""
    lost = {row["connection"] for row in rows}
    return {
        "company": company, "status": status if company else "none", "types": rows,
        "sets": report_sets(row["key"] for row in rows), "uneven": uneven_reports(rows),
        "unlinked": [
            {"id": each["id"], "platform": each["platform"], "words": each["words"], "link_url": each["link_url"]}
            for each in connections if each["id"] in lost
        ],
        "selected": list(selected), "empty": empty,
    }  # fmt: skip


class DataTypePicker(Part[DataTypesState]):
    """The list of data types with their ages (class ``codat-data-types``).

    The selection lives in the browser, so that ticking works while the kernel is busy; the refresh buttons are told by
    the DOM event ``codat-selection``. New ages keep selection, search text and scroll; a new ``company`` resets them.
    """

    classes = ("codat-data-types",)
    files = ("data_types.js", "data_types.css")
    messages = Select


class TypeName(TypedDict):
    """A data type: Codat's key and the name on screen."""

    key: str
    name: str


class ConnectionTypes(TypedDict):
    """What *Refresh all* queues on one connection."""

    platform: str
    types: list[TypeName]


class BarState(TypedDict):
    """What the buttons offer.

    ``selected`` counts until the list of data types tells its own; ``total`` is how many types "all" is, where that is
    known; ``connection`` the platform's name if refreshes go through one only. ``blocked`` (why nothing may be queued)
    and ``busy`` (what is going on) disable the buttons and are shown; ``confirm`` is what "Refresh all" asks before it
    is sent, on LIVE. ``running`` are data types in progress already, which are attached to. ``products`` are those of
    the company that can be refreshed by themselves; ``caution`` is what its products say against refreshing data types.
    ``keep``: what is said where a refresh ends with the page.
    """

    company: CompanyName | None
    selected: list[str]
    total: int | None
    connection: str | None
    blocked: str | None
    busy: str | None
    confirm: str | None
    everything: list[ConnectionTypes]
    running: list[TypeName]
    products: list[str]
    caution: str | None
    keep: str | None
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
    "everything": [], "running": [], "products": [], "caution": None, "keep": None, "seq": 0,
}  # fmt: skip


def all_by_connection(
    facts: CompanyFacts, first_link: frozenset[str], names: Mapping[str, str]
) -> list[ConnectionTypes]:
    """What *Refresh all* queues: each linked connection, by its name on screen, with its data types."""
    by_connection: dict[str, list[TypeName]] = {}
    for connection_id, data_type in facts.refreshed_by_all(first_link):
        by_connection.setdefault(connection_id, []).append(_named(data_type))
    return [{"platform": names.get(id, id), "types": types} for id, types in by_connection.items()]


def in_progress(
    facts: CompanyFacts, cells: Iterable[Cell], connection_id: str | None = None, running: Iterable[str] = ()
) -> list[TypeName]:
    """The data types that are on their way already on the chosen connection, or on any linked one."""
    linked = _linked(facts, connection_id)
    types = {cell.data_type for cell in cells if cell.connection_id in linked and _runs(cell)} | set(running)
    return sorted(map(_named, types), key=lambda each: each["name"].lower())


def _named(data_type: str) -> TypeName:
    return {"key": data_type, "name": vocabulary.plain_name(data_type)}


class RefreshBar(Part[BarState]):
    """The buttons "Refresh 4 selected" and "Refresh all" with a sentence (classes ``codat-bar``, ``codat-refresh`` and
    ``codat-refresh-all``). Answer each message with a state that carries its ``seq``, also when it is refused."""

    classes = ("codat-bar",)
    files = ("refresh_bar.js", "refresh_bar.css")
    messages = RefreshSelected | RefreshAll | ChooseProduct
