"""What Codat returned, as DataFrames: the columns, their order and their types are the same for every answer.

Each function takes a sequence of objects (or records of this session) and gives a frame whose columns and dtypes do
not depend on the rows, so an empty answer can be filtered and joined like a full one. Times are UTC with microseconds;
text that cannot be read as a time becomes ``NaT`` and the row stays. The dtypes are set here, because pandas 2 and 3
infer different ones. ``pandas`` is loaded by the first call, not by the import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from codat_notebook.models.status import is_running

if TYPE_CHECKING:
    import pandas as pd

#: The kind of a column, and its values.
Extra = tuple[str, Sequence[Any]]

#: Column -> kind of the frames that this module makes; the kinds are those of ``columns``.
COMPANIES = {
    "name": "text", "id": "text", "connections": "count", "linked": "count", "platforms": "text",
    "last_sync": "time", "created": "time", "tags": "text", "products": "text",
    "description": "text", "parent": "text", "subsidiaries": "count",
}  # fmt: skip
CONNECTIONS = {
    "platform": "category", "source_type": "category", "status": "category", "last_sync": "time", "created": "time",
    "active_errors": "count", "integration_key": "category", "link_url": "text", "id": "text", "company_id": "category",
}  # fmt: skip
DATA_STATUS = {
    "data_type": "category", "platform": "category", "status": "category", "age": "duration",
    "last_success": "time", "last_requested": "time", "message": "text", "failures": "count", "setting": "category",
    "source": "category", "operation_id": "text", "connection_id": "category", "company_id": "category",
}  # fmt: skip
PULL_OPERATIONS = {
    "data_type": "category", "status": "category", "platform": "category", "requested": "time", "completed": "time",
    "duration": "duration", "progress": "count", "message": "text", "is_completed": "flag", "is_errored": "flag",
    "id": "text", "connection_id": "category", "company_id": "category",
}  # fmt: skip
ERRORS = {
    "time": "time", "what": "text", "why": "text", "action": "text", "company": "category", "status": "category",
    "data_type": "category", "platform": "category", "retry_at": "time", "link_url": "text", "correlation_id": "text",
    "operation_id": "text", "connection_id": "category", "company_id": "category", "retry": "category",
    "who": "category", "rule": "category", "source": "category",
}  # fmt: skip
REQUESTS = {
    "time": "time", "call": "category", "method": "category", "path": "text", "status": "count", "ms": "number",
    "attempt": "count", "error": "text", "correlation_id": "text",
}  # fmt: skip
SETTINGS = {
    "data_type": "category", "fetch_on_first_link": "flag", "schedule": "duration", "order": "count",
    "from_utc": "time", "window_months": "count", "months_to_sync": "count", "locked": "flag", "level": "category",
    "company_id": "category",
}  # fmt: skip
AUDIT = {
    "finding": "category", "data_type": "category", "what": "text", "action": "text", "source": "category",
    "level": "category", "company_id": "category",
}  # fmt: skip

PLAN = {
    "company": "category", "data_type": "category", "platform": "category", "status": "category", "age": "duration",
    "action": "category", "reason": "category", "requests": "number", "seconds": "number", "seconds_late": "number",
    "seen": "time", "connection_id": "category", "company_id": "category",
}  # fmt: skip
ESTIMATE = {
    "rhythm": "category", "platform": "category", "companies": "count", "refreshes": "count", "requests": "number",
    "minutes_from": "number", "minutes_to": "number", "quota": "number", "refreshes_day": "number",
    "requests_day": "number", "quota_day": "number", "money_day": "number", "refreshes_month": "number",
    "requests_month": "number", "money_month": "number", "currency": "category", "note": "text",
}  # fmt: skip
PORTFOLIO = {
    "company": "text", "state": "category", "action": "text", "ready": "category",
    "connections": "text", "last_sync": "time",
    "oldest_type": "category", "oldest": "time", "age": "duration", "fresh": "count", "late": "count",
    "running": "count", "failure": "text", "failed": "time", "platforms": "text", "tags": "text",
    "link_url": "text", "seen": "time", "company_id": "text",
}  # fmt: skip
GOALS = {"of": "category", "name": "category", "pass": "count", "warn": "count", "fail": "count", "share": "number"}
SKEW = {
    "company": "category", "report": "category", "verdict": "category", "apart": "duration", "oldest_type": "category",
    "oldest": "time", "newest_type": "category", "newest": "time", "data_types": "count", "never_read": "count",
    "company_id": "category", "seen": "time",
}  # fmt: skip
TOKENS = {
    "company": "category", "platform": "category", "verdict": "category", "last_sync": "time", "age": "duration",
    "status": "category", "action": "category", "link_url": "text", "connection_id": "category",
    "company_id": "category", "seen": "time",
}  # fmt: skip
CHANGES = {
    "change": "category", "company": "category", "platform": "category", "data_type": "category", "what": "text",
    "after": "time", "by": "time", "connection_id": "category", "company_id": "category",
}  # fmt: skip
CONNECTION_HISTORY = {
    "platform": "category", "event": "category", "what": "text", "after": "time", "by": "time", "source": "category",
    "connection_id": "category",
}  # fmt: skip
RELINKS = {
    "company": "category", "platform": "category", "why": "category", "earliest": "time", "latest": "time",
    "sure": "category", "missing": "text", "action": "text", "message": "text", "source": "category",
    "connection_id": "category", "company_id": "category",
}  # fmt: skip
SUMMARY = {
    "company": "text", "phase": "category", "operations": "count", "queueing": "count", "running": "count",
    "complete": "count", "failed": "count", "refused": "count", "unknown": "count", "not_queued": "count",
    "unqueued": "count", "skipped": "count", "platforms": "text", "note": "text", "company_id": "text",
}  # fmt: skip
RUNS = {
    "began": "time", "what": "text", "state": "category", "share": "count", "ended": "count", "operations": "count",
    "failed": "count", "companies": "count", "note": "text", "id": "text",
}  # fmt: skip
SKIPPED = {"data_type": "category", "reason": "category", "connection_id": "category", "company_id": "text"}
REMEDIES = {
    "rule": "text", "status": "category", "what": "text", "action": "text", "companies": "count", "operations": "count",
    "link_urls": "count",
}  # fmt: skip
REASONS = {
    "code": "category", "data_type": "category", "connection": "category", "what": "text", "since": "time",
    "action": "text", "who": "category", "source": "category", "connection_id": "category", "company_id": "category",
}  # fmt: skip
ACTIONS = {
    "who": "category", "action": "text", "data_types": "text", "connection": "category", "link_url": "text",
    "connection_id": "category", "company_id": "category",
}  # fmt: skip
READY = {
    "company": "category", "state": "category", "missing": "count", "data_types": "count", "reasons": "text",
    "refreshes": "count", "actions": "count", "summary": "text", "checked": "time", "company_id": "category",
}  # fmt: skip
TROUBLES = {"company": "category", "why": "category", "company_id": "category"}


def build(
    schema: Mapping[str, str], columns: Mapping[str, Sequence[Any]], extra: Mapping[str, Extra] | None = None
) -> pd.DataFrame:
    """A frame with the schema's columns in its order; a column that was not given is empty in every row.

    Columns are values, or a Series that is ready; ``extra`` are further ones that go in front.
    """
    import pandas as pd

    from codat_notebook.columns import Frame, series_of

    if extra:
        schema = {name: kind for name, (kind, _) in extra.items()} | dict(schema)
        columns = dict(columns) | {name: values for name, (_, values) in extra.items()}
    rows = max((len(values) for values in columns.values()), default=0)
    given = {name: columns.get(name, [None] * rows) for name in schema}
    made = {
        name: values if isinstance(values, pd.Series) else series_of(schema[name], values)
        for name, values in given.items()
    }
    return Frame(made, copy=False)  # nobody else holds the columns


def _columns(items: Sequence[Any], *names: str, **attributes: str) -> dict[str, list[Any]]:
    """Column name -> the values of an attribute of each item; no function of ours is called per row.

    ``names`` are attributes of the column's own name, ``attributes`` those of another.
    """
    pairs = (*zip(names, names, strict=True), *attributes.items())
    return {name: list(map(attrgetter(attribute), items)) for name, attribute in pairs}


def companies(answers: Iterable[Any]) -> pd.DataFrame:
    """Companies; ``connections`` is how many they have, ``linked`` how many of these Codat can read."""
    items = list(answers)
    connections_of: list[Sequence[Any]] = [item.data_connections or () for item in items]
    columns = _columns(items, "name", "id", "last_sync", "created", "description")
    columns["connections"] = [len(each) for each in connections_of]
    columns["linked"] = [sum(c.status == "Linked" for c in each) for each in connections_of]
    columns["platforms"] = [", ".join(sorted({c.platform_name or "" for c in each})) for each in connections_of]
    columns["tags"] = [", ".join(f"{k}={v}" for k, v in (item.tags or {}).items()) for item in items]
    columns["products"] = [", ".join(item.products or ()) for item in items]
    parents = [item.reference_parent_company for item in items]
    columns["parent"] = [parent and (parent.name or parent.id) for parent in parents]
    columns["subsidiaries"] = [len(item.reference_subsidiary_companies or ()) for item in items]
    return build(COMPANIES, columns)


def connections(answers: Iterable[Any], company_id: str | None = None) -> pd.DataFrame:
    """Connections of a company. ``active_errors`` counts the connection errors that are not resolved."""
    items = list(answers)
    columns = _columns(
        items, "source_type", "status", "last_sync", "created", "integration_key", "link_url", "id",
        platform="platform_name",
    )  # fmt: skip
    columns["active_errors"] = [sum(error.is_active for error in item.data_connection_errors or ()) for item in items]
    columns["company_id"] = [company_id] * len(items)
    return build(CONNECTIONS, columns)


def pull_operations(
    operations: Iterable[Any],
    platforms: Mapping[str, str] | None = None,
    now: datetime | None = None,
    extra: Mapping[str, Extra] | None = None,
) -> pd.DataFrame:
    """Pull operations, in the order given.

    Parameters
    ----------
    platforms : connection id -> platform name, for the column ``platform``.
    now : the server's time; with it ``duration`` counts on for operations that still run, else it is ``NaT`` there.
    extra : further columns that go in front.
    """
    import pandas as pd

    from codat_notebook.columns import categories, repeated_texts, series_of

    items, names = list(operations), platforms or {}
    values = _pulled(items)
    columns: dict[str, Any] = {
        name: series_of(PULL_OPERATIONS[name], values[name]) for name in values.keys() - {"message"}
    }
    columns["message"] = repeated_texts(values["message"])
    columns["platform"] = categories(values["connection_id"], names.get)
    end = columns["completed"]
    if now is not None:
        running = pd.Series([is_running(o.status or "", o.completed) for o in items], dtype="bool")
        end = end.mask(running, pd.Timestamp(now).tz_convert("UTC").as_unit("us"))
    columns["duration"] = (end - columns["requested"]).astype("timedelta64[us]")
    return build(PULL_OPERATIONS, columns, extra)


def _pulled(items: Sequence[Any]) -> dict[str, list[Any]]:
    """The columns of pull operations as they are. Written out, which takes half the time of ``_columns``."""
    return {
        "data_type": [item.data_type for item in items],
        "status": [item.status for item in items],
        "requested": [item.requested for item in items],
        "completed": [item.completed for item in items],
        "progress": [item.progress for item in items],
        "message": [item.error_message or item.status_description for item in items],
        "is_completed": [item.is_completed for item in items],
        "is_errored": [item.is_errored for item in items],
        "id": [item.id for item in items],
        "connection_id": [item.connection_id for item in items],
        "company_id": [item.company_id for item in items],
    }


def stacked(above: pd.DataFrame, below: pd.DataFrame) -> pd.DataFrame:
    """Two frames of the same columns, one below the other, with the dtypes that they had; categories are joined."""
    import pandas as pd
    from pandas.api.types import union_categoricals

    from codat_notebook.columns import Frame

    columns: dict[str, Any] = {}
    for name in above:
        both = [above[name], below[name]]
        if isinstance(above[name].dtype, pd.CategoricalDtype):
            columns[str(name)] = pd.Series(union_categoricals(both, sort_categories=True))
        else:
            columns[str(name)] = pd.concat(both, ignore_index=True)
    return Frame(columns, copy=False)


def of_rows(schema: Mapping[str, str], rows: Iterable[Any], extra: Mapping[str, Extra] | None = None) -> pd.DataFrame:
    """Objects whose attributes are the schema's columns: the rows of a plan, an estimate, a portfolio's state."""
    return build(schema, _columns(list(rows), *schema), extra)


def errors(records: Iterable[Any], extra: Mapping[str, Extra] | None = None) -> pd.DataFrame:
    """What went wrong, newest last: requests that failed and operations that ended in a failure."""
    return of_rows(ERRORS, records, extra)


def requests(records: Iterable[Any]) -> pd.DataFrame:
    """The requests that were sent, one row per attempt, newest last. ``ms`` is the time until the answer was read."""
    return build(REQUESTS, _columns(list(records), *(REQUESTS.keys() - {"time"}), time="started"))


def data_status(cells: Iterable[Any], extra: Mapping[str, Extra] | None = None) -> pd.DataFrame:
    """How fresh each cell (connection x data type) is. ``source`` says where that is known from; see ``runs.cells``."""
    return of_rows(DATA_STATUS, cells, extra)
