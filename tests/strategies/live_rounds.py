"""Rounds of a strategy on the sandbox in virtual time, and what its books say of them."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import numpy as np
import pandas as pd

from codat_notebook.client.clock import ServerClock
from codat_notebook.live import run_strategy
from codat_notebook.models.shared import Security
from codat_notebook.runs.context import RunContext
from codat_notebook.session import Session
from codat_notebook.strategies import Limits, Portfolio
from codat_notebook.strategies.budget import days
from tests.runs.virtual import START, Line, Stage, staged

FREE = Limits(keep_alive=None)
#: Types that change and last differently, on platforms that are read at any hour.
WHOM: dict[str, Any] = {
    "data_types": ["invoices", "bills", "customers", "suppliers", "chartOfAccounts", "balanceSheet"],
    "platform": ["Xero", "QuickBooks Online", "FreeAgent", "Oracle NetSuite"],
}


class Counting(Session):
    """A session that counts the requests that read the cells."""

    reading = 0

    def cells(self, *arguments: Any, **options: Any) -> pd.DataFrame:
        """The cells, counted."""
        before = self.request_log.appended
        frame = super().cells(*arguments, **options)
        self.reading += self.request_log.appended - before
        return frame


class Live:
    """A session on a stage of so many companies, and what the stage's books say of its rounds."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.session = Counting(
            Security(auth_header="key"),
            server_url="https://codat.test",
            async_client=httpx.AsyncClient(transport=Line(stage.service, stage.latency)),
            clock=ServerClock(stage.loop.time, lambda: START.timestamp()),
        )
        pacing = self.session.context.pacing
        self.session.context = RunContext(self.session.client, stage.engine, self.session.error_log, pacing)

    def portfolio(self) -> Portfolio:
        """The cells as they are now, but for those that cannot be refreshed."""
        return Portfolio.from_session(self.session, **WHOM)

    def books(self) -> dict[str, int]:
        """The requests so far, by kind."""
        reading, queueing = self.session.reading, len(self.stage.world.accepted)
        rest = self.stage.service.traffic.requests - reading - queueing
        return {"reading": reading, "queueing": queueing, "following": rest}

    def rounds(self, strategy: Any, budget: str, every: str, number: int) -> Counter[str]:
        """So many rounds; gives the requests that they took, by kind."""
        before, begun, saved = self.books(), self.stage.loop.time(), dict[str, Any]()
        for place in range(1, number + 1):
            run = run_strategy(self.session, strategy, budget, every=every, saved=saved, limits=FREE, **WHOM)
            assert run.wait(60).phase == "done"
            left = begun + place * days(every) * 86_400 - self.stage.loop.time()
            self.stage.engine.call(asyncio.sleep(max(left, 0.0)))
        return Counter(self.books()) - Counter(before)

    def history(self, cells: Portfolio) -> pd.DataFrame:
        """Every operation of the cells' companies."""
        return pd.concat([self.session.history(id, limit=None) for id in cells.cells["company"].unique()])

    def failing_as_here(self, cells: Portfolio, begun: datetime) -> Portfolio:
        """The cells, with the share of failures that this one draw of the world's chances had since then."""
        history = self.history(cells)
        failed = history["is_errored"][history["requested"] > begun - pd.Timedelta(minutes=1)]  # whose clock is behind
        return replace(cells, truth=cells.truth.assign(failure_rate=failed.sum() / max(len(failed), 1)))

    def freshness(self, cells: Portfolio, begun: datetime, lasts: float) -> float:
        """The freshness to expect of so many days from what was really read when, weighted as ``cells``."""
        done = self.history(cells)
        done = done[done["is_completed"] & ~done["is_errored"]].sort_values("completed")
        done = done.assign(
            snapshot=(done["requested"] - begun) / pd.Timedelta(days=1),
            shown=(done["completed"] - begun) / pd.Timedelta(days=1),
        )
        keys = ["company_id", "connection_id", "data_type"]
        by_cell = dict(iter(done.astype(dict.fromkeys(keys, "string")).groupby(keys)))
        worth = 0.0
        named = cells.cells[["company", "connection", "data_type"]].astype(str).itertuples(index=False, name=None)
        for key, rate, weight in zip(named, cells.truth["true_rate"], cells.cells["weight"], strict=True):
            if key in by_cell:
                own = by_cell[key]
                edges, snapshot = np.clip(np.append(own["shown"], lasts), 0.0, lasts), own["snapshot"].to_numpy()
                fresh = np.exp(-rate * (edges[:-1] - snapshot)) - np.exp(-rate * (edges[1:] - snapshot))
                worth += weight * float(fresh[edges[1:] > edges[:-1]].sum()) / rate
        return worth / float(cells.cells["weight"].sum()) / lasts


@contextmanager
def live(companies: int) -> Iterator[Live]:
    """Rounds on a sandbox of so many companies."""
    with staged(companies) as stage:
        played = Live(stage)
        with played.session:
            yield played
