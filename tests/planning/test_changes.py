"""What has changed: from what was remembered, each change once, with the times between which it was."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from codat_notebook.models.secret import Secret
from codat_notebook.models.shared import Connection, PullOperation, Security
from codat_notebook.models.vocabulary import DatasetStatus, SchemaDataType
from codat_notebook.planning.changes import KINDS, changes
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.runs.memory import Look, Memory
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def read(day: float, status: str = "Complete", data_type: str = "bills") -> PullOperation:
    """An operation some days after noon."""
    at = (NOON + day * DAY).isoformat()
    return PullOperation(id=f"{data_type}{day}", connection_id="k", data_type=SchemaDataType(data_type),
                         status=DatasetStatus(status), requested=at, completed=at)  # fmt: skip


def facts(status: str = "Linked", *products: str, connections: tuple[str, ...] = ("k",)) -> CompanyFacts:
    """A company with connections in a state."""
    created = {"k": "2026-01-01", "new": "2026-11-25"}
    made = {id: Connection(id=id, platform_name="Xero", status=status, created=created[id]) for id in connections}
    return CompanyFacts("c", "C", made, {}, {}, products)


def told(path: Path, *looks: Look, since: float = 0) -> list[tuple[str, str | None, float, float]]:
    """The changes that are told of these looks, oldest first: change, data type, and the days between which it was."""
    memory = Memory(path / "m", "https://codat.test", Secret.of("an-api-key"))
    for look in looks:
        memory.saw([look])
    now = looks[-1].at
    found = changes(memory.sightings(KINDS), {}, NOON + since * DAY, now)
    return [(e.change, e.data_type, (e.after - NOON) / DAY, (e.by - NOON) / DAY) for e in reversed(found)]


def look(day: float, *operations: PullOperation, of: CompanyFacts | None = None, **more: dict[str, str]) -> Look:
    """A look some days after noon."""
    return Look(of or facts(), NOON + day * DAY, operations, **more)  # type: ignore[arg-type]


def test_failures_and_recoveries_are_told_once(tmp_path: Path) -> None:
    """However often it fails; what failed or worked before is no news, and what the platform lacks is none."""
    operations = (
        read(-2), read(1, "FetchError"), read(2, "MapError"), read(3), read(4),
        read(1, "NotSupported", "items"), read(-3, "FetchError", "invoices"), read(2, "FetchError", "invoices"),
    )  # fmt: skip
    assert told(tmp_path, look(5, *operations), since=0.5) == [("failed", "bills", 1, 1), ("recovered", "bills", 3, 3)]


def test_a_lost_connection_is_one_change(tmp_path: Path) -> None:
    """And not one for each of its data types; so is its being linked again."""
    types = "bills", "invoices", "items"
    before = [read(-1 - 0.1 * n, data_type=name) for n, name in enumerate(types)]
    refused = [read(2 + 0.1 * n, "AuthError", name) for n, name in enumerate(types)]
    again = [read(6 + 0.1 * n, data_type=name) for n, name in enumerate(types)]
    looks = (
        look(0, *before), look(3, *refused, of=facts("Deauthorized")), look(4, of=facts("Deauthorized")),
        look(7, *again),
    )  # fmt: skip
    assert told(tmp_path, *looks, since=1) == [("lost", None, 0, 2), ("relinked", None, 4, 6)]


def test_what_begins_and_ceases_to_be_read(tmp_path: Path) -> None:
    """Begins: nothing of it was there when the company was first seen. Ceases: others of the connection go on."""
    regular = [read(day) for day in range(-6, 21)]
    stopped = [read(day, data_type="invoices") for day in range(-6, 3)]
    new = [read(day, data_type="items") for day in range(8, 21)]
    looks = look(0, *regular[:7], *stopped[:7]), look(20, *regular, *stopped, *new)
    assert told(tmp_path, *looks) == [("ceased", "invoices", 5, 5), ("began", "items", 8, 8)]


def test_products_and_settings(tmp_path: Path) -> None:
    """As they differ between two looks; how they were at the first is no change."""
    looks = (
        look(0, of=facts("Linked", "lending"), settings={"bills": "not scheduled"}),
        look(
            2, of=facts("Linked", "lending", "expenses"), settings={"bills": "Codat reads it every day", "items": "x"}
        ),
        look(3, of=facts("Linked", "expenses"), settings={"bills": "Codat reads it every day", "items": "x"}),
    )
    assert sorted(told(tmp_path, *looks)) == [
        ("product added", None, 0, 2), ("product removed", None, 2, 3), ("setting", "bills", 0, 2),
    ]  # fmt: skip


def test_a_connection_that_comes_or_goes(tmp_path: Path) -> None:
    """A new one that is linked, one that was removed."""
    looks = look(0), look(2, of=facts(connections=("k", "new"))), look(3, of=facts(connections=("new",)))
    assert told(tmp_path, *looks) == [("linked", None, 1.5, 2), ("removed", None, 2, 3)]


def test_a_session_tells_what_its_file_knows(tmp_path: Path) -> None:
    """What one session has seen, the next one tells with the companies' names, and without a request."""
    with Sandbox(companies=12, start=NOON) as sandbox:
        sandbox.clock.pause()

        def session() -> Session:
            made = Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True)
            made.remember(tmp_path / "codat.sqlite")
            return made

        with session() as first:
            toft = str(first.companies("Toft").id[0])
            first.portfolio_status()
        plaid = next(c for c in sandbox.world.find_company(toft).connections if c.platform.name == "Plaid")
        sandbox.clock.advance("2d")
        sandbox.faults.deauthorize(toft, plaid.id)
        with session() as second:
            second.portfolio_status()
            sent = len(second.requests)
            found = second.changes("3D")
            assert len(second.requests) == sent
            [row] = found[(found.change == "lost") & (found.company_id == toft)].itertuples()
            assert (row.company, row.platform, row.connection_id) == ("Toft Stores UK", "Plaid", plaid.id)
            assert row.after <= sandbox.clock.now() <= row.by + timedelta(seconds=1)
            assert second.changes("1h").empty == (row.by < second.context.now - timedelta(hours=1))
