"""Choosing data types: what there is, how old it is, and which belong together.

An age is a number of seconds since the last good sync; the browser words it and lets it grow. Failed, never synced
and running are words before they are colours. Reports whose parts are of different dates do not add up, so that is
said where the choice is made.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from codat_notebook.models import vocabulary
from codat_notebook.models.status import meaning
from codat_notebook.widgets.part import Message, Part
from codat_notebook.words import ago, iso, seconds_between

DAY = 86400.0
#: From this age (seconds) on data counts as old: Codat's documentation recommends to refresh weekly.
OLD_AFTER = 7 * DAY
#: From this age on it is stale: without one sync a month a connection's authorization may lapse.
STALE_AFTER = 31 * DAY


def data_type_rows(
    statuses: Mapping[str, Mapping[str, Any]],
    now: str,
    supported: Iterable[str] | None = None,
) -> list[Message]:
    """A row for each data type, by family and then by plain name.

    ``statuses`` maps Codat's key to ``current_status`` (of the latest sync; None if never), ``last_success`` (ISO text
    or None; of several connections the oldest) and maybe ``completed`` of that sync, ``note`` and ``connections``, how
    many they are.
    ``supported`` says which types to show, also such as have no status yet; by default those in ``statuses``. ``now``
    is the server's time as ISO text.

    >>> data_type_rows({"invoices": {"current_status": "FetchError"}}, "2026-01-01")[0]["state"]
    'failed'
    """
    keys = list(statuses) if supported is None else list(dict.fromkeys(supported))
    rows = [_row(key, statuses.get(key, {}), now) for key in keys]
    families = ("Accounting", "Banking", "Commerce")
    return sorted(rows, key=lambda row: (families.index(row["family"]), row["name"].lower()))


def _row(key: str, status: Mapping[str, Any], now: str) -> Message:
    current, last = str(status.get("current_status") or ""), status.get("last_success")
    age = seconds_between(last, now)
    state = meaning(current, status.get("completed")).kind if current else "complete"
    if current == "NotSupported":
        state = "unsupported"
    elif state not in ("running", "failed"):
        state = "never" if age is None else "ok"
    return {
        "key": key,
        "name": vocabulary.plain_name(key),
        "family": vocabulary.family(key),
        "state": state,
        "age": age,
        "last": iso(last),
        "note": status.get("note"),
        "connections": status.get("connections", 1),
    }


def report_sets(keys: Iterable[str]) -> list[Message]:
    """Codat's reports of which the company has at least one type, each with those types.

    >>> report_sets(["bills", "suppliers"])
    [{'name': 'Payables', 'types': ['suppliers', 'bills']}]
    """
    have = set(keys)
    sets = {name: [key for key in types if key in have] for name, types in vocabulary.REPORTS.items()}
    return [{"name": name.capitalize(), "types": types} for name, types in sets.items() if types]


def report_notes(rows: Iterable[Message], skew: float = OLD_AFTER) -> list[str]:
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
    company: str | None,
    rows: list[Message],
    *,
    status: str = "ready",
    error: str = "",
    selected: Iterable[str] = (),
    notes: list[str] | None = None,
    speed: float = 1.0,
) -> Message:
    """The state of a :class:`DataTypePicker`; ``notes`` are made from the rows unless given."""
    return {
        "company": company,
        "status": status if company else "none",
        "error": error,
        "types": rows,
        "sets": report_sets(row["key"] for row in rows),
        "notes": report_notes(rows) if notes is None else notes,
        "selected": list(selected),
        "old_after": OLD_AFTER,
        "stale_after": STALE_AFTER,
        "speed": speed,
    }


class DataTypePicker(Part):
    """The list of data types with their ages (class ``codat-data-types``).

    The selection lives in the browser, so that ticking works while the kernel is busy. New ages keep selection, search
    text and scroll; a new ``company`` resets them to ``selected``.

    State: ``company`` id or None · ``status`` "none", "loading", "ready" or "error" · ``error`` text · ``types`` list
    of {``key``, ``name``, ``family``, ``state`` "ok", "failed", "never", "running" or "unsupported", ``age`` seconds
    since the last good sync or None, ``last`` its ISO time or None, ``note`` text for the tooltip or None,
    ``connections`` of how many the oldest is shown}, made by :func:`data_type_rows` · ``sets`` list of {``name``,
    ``types``}, chips that select · ``notes`` list of warnings · ``selected`` keys selected at first (and after a
    reload: give back what was sent last) · ``old_after`` and ``stale_after`` seconds, from which an age has a word ·
    ``speed`` of the server's clock.

    Sends: {"type": "select", "selected": [keys]} at each change. In the browser the same list is told to the console's
    other parts (the refresh buttons) by the DOM event ``codat-selection``.
    """

    classes = ("codat-data-types",)
    files = ("data_types.js", "data_types.css")

    @staticmethod
    def text(state: Message) -> str:
        """One line a data type, ticked where selected, then the warnings."""
        chosen = set(state["selected"])
        rows = [f"[{'x' if row['key'] in chosen else ' '}] {row['key']}: {age_text(row)}" for row in state["types"]]
        return "\n".join(rows + state["notes"])


_STATE_WORDS = {"running": "running", "unsupported": "not supported"}


def age_text(row: Mapping[str, Any]) -> str:
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
