"""Which plan a journal's run is of, and the plans that wait behind it: none is dropped, whoever is killed when.

A plan is kept, in the order in which plans came, until its own run begins: in the transaction that writes that run
down, it leaves. It wants what was wanted when it was kept, but for what the run before it has read meanwhile.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from codat_notebook.models.instants import instant
from codat_notebook.runs.company_run import CompanyRun
from codat_notebook.runs.store import JournalDamagedError, Statement, Store, checksum, opened
from codat_notebook.runs.targets import Skipped, Target, Targets

#: What the run before has read so short a time before is not read again.
LATELY: Final = timedelta(hours=1)
_REASON: Final = "refreshed less than an hour earlier, by the previous run in the journal"
_TABLE: Final = "CREATE TABLE IF NOT EXISTS plans (position INTEGER PRIMARY KEY, plan TEXT NOT NULL, sum INTEGER)"


@dataclass(frozen=True, slots=True)
class WaitingPlan:
    """A plan that waits: what it wants, and ``about``, what its journal will say of its run as a whole."""

    position: int
    targets: Targets
    about: Mapping[str, str]


def waiting(store: Store) -> list[WaitingPlan]:
    """The plans that wait in a journal, the next one first. Raises :class:`JournalDamagedError`."""
    if not store.read("SELECT 1 FROM sqlite_schema WHERE name = 'plans'"):
        return []
    plans = []
    for position, text, sum in store.read("SELECT * FROM plans ORDER BY position"):
        if sum != checksum([text]):
            raise JournalDamagedError(
                f"The journal {store.path} is damaged: a waiting plan has changed since it was written."
            )
        told = json.loads(text)
        companies = {id: _pairs(targets) for id, targets in told["companies"]}
        targets = Targets(companies, tuple(Skipped(*each) for each in told["skipped"]), told["product"])
        plans.append(WaitingPlan(position, targets, told["about"]))
    return plans


def has_open_run(store: Store) -> bool:
    """Whether a journal holds a run that has not ended."""
    return bool(store.about() and store.read("SELECT 1 FROM companies WHERE NOT done LIMIT 1"))


def is_unfinished(store: Store) -> bool:
    """Whether something is left to be done: of the run, or a plan that waits behind it."""
    return has_open_run(store) or bool(waiting(store))


def plan_of(store: Store) -> str:
    """The digest of the plan of a journal's run; where it does not tell, of what is wanted of its companies."""
    about = store.about()
    if "plan" in about:
        return about["plan"]
    rows = store.read("SELECT company_id, wanted FROM companies")
    return Targets({id: wanted and json.loads(wanted) for id, wanted in rows}, product=about.get("product")).digest


def _pairs(targets: Sequence[Sequence[str]] | None) -> tuple[Target, ...] | None:
    return None if targets is None else tuple((name, connection) for name, connection in targets)


def keep(store: Store, targets: Targets, about: Mapping[str, str]) -> None:
    """Keep a plan behind the run, unless it waits already."""
    if any(plan.targets.digest == targets.digest for plan in waiting(store)):
        return
    told = {"companies": [*targets.companies.items()], "skipped": targets.skipped, "product": targets.product}
    text = json.dumps({**told, "about": dict(about)})
    insert = "INSERT INTO plans (plan, sum) VALUES (?, ?)", [[text, checksum([text])]]
    store.write([(_TABLE, None), insert])


def taken(plan: WaitingPlan) -> Statement:
    """The statement by which a plan waits no longer."""
    return "DELETE FROM plans WHERE position = ?", [[plan.position]]


def without_recent(targets: Targets, before: Iterable[CompanyRun], now: datetime) -> Targets:
    """What is left of a plan after the run ``before``; what that has read since an hour ago is among what is skipped.

    A data type of all connections is left out where that run has read it of all connections.
    """
    read = {pair for company in before if company.product == targets.product for pair in _recent(company, now - LATELY)}
    left: dict[str, tuple[Target, ...] | None] = {}
    skipped = list(targets.skipped)
    for id, wanted in targets.companies.items():
        done = [target for target in wanted or () if (id.lower(), *target) in read]
        skipped += [Skipped(id, *target, _REASON) for target in done]
        if wanted is None or len(done) < len(wanted):
            left[id] = wanted if wanted is None else tuple(target for target in wanted if target not in done)
    return replace(targets, companies=left, skipped=tuple(skipped))


def _recent(company: CompanyRun, since: datetime) -> Iterable[tuple[str, str, str | None]]:
    """What a company's run has read since then: id, data type, and connection (``None``: of all that have it)."""
    id, stale = company.company_id.lower(), set()
    read = []
    for row in company.rows:
        ended = instant(row.operation.completed) if row.operation is not None and row.state == "complete" else None
        if row.operation is None or ended is None or ended < since:
            stale.add(row.data_type)
        else:
            read.append((row.data_type, row.operation.connection_id))
    asked = {name for name, connection in company.wanted or () if connection is None}
    yield from ((id, *pair) for pair in read)
    yield from ((id, name, None) for name, _ in read if name not in stale and (company.wanted is None or name in asked))


def kinds(path: Path, company_id: str) -> set[str | None]:
    """The data types of a company that a journal's run refreshes; ``None`` among them: everything of it. Raises
    :class:`JournalError`."""
    with opened(path, "read") as store, closing(store):
        rows = store.read("SELECT data_type FROM operations WHERE lower(company_id) = ?", [company_id.lower()])
        whole = "SELECT 1 FROM companies WHERE lower(company_id) = ? AND wanted IS NULL"
        everything = "product" not in store.about() and store.read(whole, [company_id.lower()])
        return {name for (name,) in rows} | ({None} if everything else set())
