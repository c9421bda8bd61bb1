"""How a run begins: from orders, with or without a journal, or from a journal that another kernel left.

The journal is opened, and the plan written into it, before the run is made: what cannot be written down is not begun,
and raises at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from codat_notebook.runs import journal as journals
from codat_notebook.runs.company_run import CompanyRun
from codat_notebook.runs.context import CLOSED, RunContext
from codat_notebook.runs.polling import PRICE
from codat_notebook.runs.rows import Row
from codat_notebook.runs.store import JournalError, JournalUnfinishedError, Store, opened
from codat_notebook.runs.targets import Skipped, Target, Targets


@dataclass(frozen=True, slots=True)
class Start:
    """What a run begins with."""

    companies: list[CompanyRun]
    skipped: tuple[Skipped, ...] = ()
    reserve: float = 0
    patience: float = PRICE
    store: Store | None = None
    product: str | None = None

    @classmethod
    def of(
        cls,
        context: RunContext,
        targets: Targets,
        journal: str | Path | None = None,
        reserve: float = 0,
        patience: float = PRICE,
    ) -> "Start":
        """A new run; a journal whose run has ended is begun anew. Raises :class:`JournalError` if it cannot be used."""
        _check_open(context)
        if not (reserve >= 0 and patience >= 0):
            raise ValueError("reserve and patience are 0 or more.")
        product, store = targets.product, None
        companies = [CompanyRun(context, id, wanted, product) for id, wanted in targets.companies.items()]
        if journal is not None:
            path = Path(journal)
            about = {"server": context.client.server_url, "reserve": str(reserve), "patience": str(patience)}
            with opened(path, "written", "Nothing was begun.") as store:
                if store.about() and store.read("SELECT 1 FROM companies WHERE NOT done LIMIT 1"):
                    raise JournalUnfinishedError(
                        f"The journal {path} holds a run that has not ended. "
                        f"Go on with it by session.resume({str(path)!r}), or choose another name."
                    )
                journals.begin(store, companies, targets, about)
        return cls(companies, targets.skipped, reserve, patience, store, product)

    @classmethod
    def resumed(cls, context: RunContext, journal: str | Path) -> "Start":
        """The run of a journal, as its last kernel left it. Raises :class:`JournalError`."""
        _check_open(context)
        path = Path(journal)
        with opened(path, "read", "It was left as it is.") as store:
            about = store.about()
            if not about:
                raise JournalError(f"The journal {path} is empty: nothing was begun in it.")
            if about["server"] != context.client.server_url:
                raise JournalError(
                    f"The journal {path} belongs to {about['server']}, this session to {context.client.server_url}."
                )
            product = about.get("product")
            companies, skipped = journals.restore(store, partial(CompanyRun, context, product=product))
            return cls(companies, skipped, float(about["reserve"]), float(about["patience"]), store, product)


def _check_open(context: RunContext) -> None:
    """Raises ``RuntimeError`` where the session has ended, before a journal is locked."""
    if context.closed:
        raise RuntimeError(CLOSED)


def again(rows: Iterable[Row], product: str | None = None) -> Targets:
    """The orders for what failed and may succeed now; of a product's refresh: the product again, with these data types.
    Raises ``ValueError`` if there is nothing of the kind."""
    wanted: list[tuple[str, Target]] = []
    for row in filter(_may_help, rows):
        connection_id = row.operation.connection_id if row.operation is not None else row.connection_id
        wanted.append((row.company_id, (row.data_type, connection_id if product is None else None)))
    if not wanted:
        raise ValueError("Nothing of this run can be helped by trying again: run.errors says what to do instead.")
    return replace(Targets.of(wanted), product=product)


def _may_help(row: Row) -> bool:
    if row.state == "failed" and row.error is not None:
        return row.error.retry in ("now", "later")
    if row.state != "refused" or row.error is None:
        return False
    status = row.error.status or ""
    return int(status) in (408, 429) or int(status) >= 500 if status.isdigit() else status == "NoResponseError"
