"""A long walk through the console by chance: after each step all its parts say the same of the same fact."""

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from codat_notebook.models.shared import Security
from codat_notebook.models.status import is_failed, is_running
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from .test_console import ConsoleBench

#: Real seconds within which the parts agree once nothing moves any more.
PATIENCE = 30.0
TYPES = ("customers", "invoices", "items", "creditNotes", "bills", "suppliers", "payments")


class Walk:
    """A console, somebody else's session on the same account, and what the parts say."""

    def __init__(self, sandbox: Sandbox, session: Session, other: Session, seed: int) -> None:
        self.sandbox, self.other = sandbox, other
        self.bench = ConsoleBench(session)
        self.chance = random.Random(seed)
        self.ids = [str(id) for id in session.companies().id[:5]]
        self.company = ""
        self.seq = 10
        self.steps: list[str] = []

    def send(self, part: str, /, **message: Any) -> None:
        """A message from the browser."""
        self.seq += 1
        self.bench.send(part, seq=self.seq, **message)

    def step(self) -> None:
        """Something that a reader, or somebody else, does; then the sandbox goes on for a while and stands still."""
        act = self.chance.choice(
            [self.pick, self.refresh, self.refresh, self.all, self.elsewhere, self.elsewhere, self.stop, self.again,
             self.read, self.retry, self.fleet, self.tab, self.connection, self.connection]
        )  # fmt: skip
        self.steps.append(act.__name__)
        (act if self.company else self.pick)()
        self.sandbox.clock.resume()
        time.sleep(self.chance.choice([0.0, 0.05, 0.3]))
        self.sandbox.clock.pause()

    def pick(self) -> None:
        """Another company, or the same one once more."""
        self.company = self.chance.choice(self.ids)
        self.send("codat-company", type="pick", id=self.company)

    def types(self) -> list[str]:
        """Some data types."""
        return self.chance.sample(TYPES, self.chance.randint(1, 4))

    def refresh(self) -> None:
        """The ticked ones."""
        self.send("codat-bar", type="refresh", company=self.company, data_types=self.types())

    def all(self) -> None:
        """Everything."""
        self.send("codat-bar", type="refresh_all", company=self.company)

    def elsewhere(self) -> None:
        """Somebody else refreshes the company."""
        self.other.refresh(self.company, *self.types()).stop_watching()

    def fleet(self) -> None:
        """A run of several companies beside the console."""
        self.bench.session.refresh({id: self.types() for id in self.chance.sample(self.ids, 2)})

    def stop(self) -> None:
        """Stop watching."""
        self.send("codat-progress", type="stop")

    def again(self) -> None:
        """Watch again."""
        self.send("codat-progress", type="watch_again")

    def read(self) -> None:
        """Read again."""
        self.send("codat-company", type="read")

    def retry(self) -> None:
        """What failed."""
        self.send("codat-progress", type="retry")

    def tab(self) -> None:
        """Look at another tab."""
        self.send("codat-tabs", type="tab", name=self.chance.choice(["operations", "freshness", "timeline", "errors"]))

    def connection(self) -> None:
        """One connection, or all."""
        there = [each["id"] for each in self.said("connection")["connections"]]
        self.send("codat-connection", type="connection", id=self.chance.choice([None, *there]))

    def said(self, part: str) -> Any:
        """What a part shows."""
        return self.bench.parts[f"codat-{part}"].state

    def contradictions(self) -> list[str]:
        """What two parts say differently."""
        said = {part: self.said(part) for part in ("status", "progress", "data-types", "company", "heatmap")}
        if said["company"]["loading"] or said["company"]["company"] is None:
            return ["still reading"]
        frame = self.bench.parts["codat-operations"].frame
        if frame is None or not (frame["company_id"] == said["company"]["company"]["id"]).all():
            return ["the table is of another company"]
        rows = {row["key"]: row for row in said["progress"]["rows"]}
        table = {
            id: (str(data_type), str(status), is_running(str(status), completed if completed == completed else None))
            for id, data_type, status, completed in zip(
                frame["id"], frame["data_type"], frame["status"], frame["completed"], strict=True
            )
        }
        wrong = [f"{id}: {rows[id]['kind']} and {table.get(id)}" for id in rows if differs(rows[id], table.get(id))]
        running = {data_type for data_type, _, runs in table.values() if runs}
        listed = {row["key"] for row in said["data-types"]["types"] if row["state"] == "running"}
        offered = {row["key"] for row in said["data-types"]["types"]}
        queueing = {row["type"] for row in rows.values() if row["kind"] == "running" and "since" not in row}
        whole = said["progress"]["counts"]["total"] == len(rows)  # else this is one page of them
        if whole and listed - queueing != running & offered - queueing:
            wrong.append(
                f"running in the list alone {listed - running}, in the table alone {running & offered - listed}"
            )
        here = sum(runs for _, _, runs in table.values())
        shown = said["status"]["running"]
        runs = [run for run in self.bench.session.runs if not run.done]
        there = sum(
            row.state == "running"
            for run in runs
            for row in run.rows
            if row.company_id != said["company"]["company"]["id"]
        )
        # The header counts the whole company, whichever connection is chosen.
        if shown < here + there or (shown > here + there and self.said("connection")["value"] is None):
            wrong.append(f"running in the header {shown}, in the table {here}, in other companies {there}")
        under_way = sum(row["kind"] == "running" and "since" in row for row in rows.values())
        if whole and under_way != here:
            wrong.append(f"running in the progress {under_way}, in the table {here}")
        failed = said["progress"]["counts"]["failed"]
        if whole and failed != sum(row["kind"] == "failed" for row in rows.values()):
            wrong.append("the total of failures is not that of the rows")
        return wrong


def differs(row: dict[str, Any], there: tuple[str, str, bool] | None) -> bool:
    """Whether a row of the progress says something else than the table of the same operation."""
    if there is None:
        return "since" in row
    kind = "running" if there[2] else "failed" if is_failed(there[1]) else "complete"
    return bool(row["kind"] != kind or row["type"] != there[0])


def walk(seed: int, steps: int) -> None:
    """So many steps; after each one the parts come to agree."""
    with Sandbox(speed=600) as sandbox:
        key, url = Security(auth_header=sandbox.key), sandbox.url
        with Session(key, server_url=url, is_sandbox=True) as session, Session(key, server_url=url) as other:
            way = Walk(sandbox, session, other, seed)
            for _ in range(steps):
                way.step()
                agree(way.contradictions, way.steps)
            sandbox.clock.resume()
            way.bench.frame.close()


def agree(contradictions: Callable[[], list[str]], steps: list[str]) -> None:
    """Wait until nothing contradicts."""
    deadline = time.monotonic() + PATIENCE
    while wrong := contradictions():
        assert time.monotonic() < deadline, (steps[-6:], wrong)
        time.sleep(0.05)


def test_a_walk_finds_no_contradiction() -> None:
    """Forty steps."""
    walk(1, 40)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(5))
def test_long_walks_find_no_contradiction(seed: int) -> None:
    """Two hundred steps each."""
    walk(seed, 200)
