"""The handle of a refresh: what a notebook user holds while Codat works and afterwards.

A :class:`RefreshRun` starts its work on the engine thread when it is made (``queueing``, then ``following``); whoever
holds it reads what it knows, waits for it, or watches it. What goes wrong on the way ends in the row that it belongs
to and in the session's error log; a failed operation is an outcome and raises nothing.
"""

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from codat_notebook import display, frames
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.runs.desk import CompanyFacts, Desk
from codat_notebook.runs.engine import wait
from codat_notebook.runs.following import follow
from codat_notebook.runs.job import Job
from codat_notebook.runs.queueing import queue
from codat_notebook.runs.rows import Row, counts

if TYPE_CHECKING:
    import pandas as pd


class RefreshRun:
    """A refresh of one company, live. Made by ``Session.refresh`` and ``Session.refresh_all``.

    As a cell's last line it is its live view. ``await run`` and ``run.wait()`` wait for the end; cancelling a waiter
    stops the waiting, not the following.

    >>> run = session.refresh(company_id, "invoices", "bills")  # doctest: +SKIP
    >>> run.wait(timeout=60).operations                         # doctest: +SKIP
    """

    def __init__(
        self, desk: Desk, company_id: str, data_types: Sequence[str] | None, connection_id: str | None = None
    ) -> None:
        names = None if data_types is None else tuple(dict.fromkeys(data_types))
        self._job = Job(desk, company_id, names, connection_id)
        self._future: concurrent.futures.Future[None] = desk.engine.submit(self._work())

    async def _work(self) -> None:
        job = self._job
        try:
            job.company = await job.desk.company(job.company_id)
            await queue(job, job.company)
            job.set_phase("following")
            await follow(job)
            job.set_phase("done")
        except CodatLendingError as error:
            self._give_up(error)
        except asyncio.CancelledError:
            job.set_phase("stopped", "no longer watched; Codat carries on")
            raise
        except Exception as error:
            job.desk.report(error, "The refresh was ended by an error of codat_notebook itself", job.subject())
            job.set_phase("failed", str(error))
            raise

    def _give_up(self, error: CodatLendingError) -> None:
        """End the run by trouble that concerns all of it; rows that have no operation yet were refused."""
        job = self._job
        doing = "followed" if job.phase == "following" else "started"
        record = job.desk.report(error, f"The refresh of {job.name} could not be {doing}", job.subject())
        rows = job.rows or (Row("all data types"),)
        job.set_rows(replace(row, outcome="refused", error=record) if row.state == "queueing" else row for row in rows)
        job.set_phase("failed", record.why)

    # What it knows: from memory, at any time, from any thread.

    @property
    def company_id(self) -> str:
        """The company's id."""
        return self._job.company_id

    @property
    def company_name(self) -> str:
        """The company's name; its id until Codat has told the name."""
        return self._job.name

    @property
    def company(self) -> CompanyFacts | None:
        """The company and its connections when the run began; ``None`` until Codat has told."""
        return self._job.company

    @property
    def rows(self) -> tuple[Row, ...]:
        """The run's rows, a snapshot."""
        return self._job.rows

    @property
    def phase(self) -> str:
        """``queueing``, ``following``, or how it ended: ``done``, ``stopped`` (watching), ``failed``."""
        return self._job.phase

    @property
    def note(self) -> str | None:
        """A remark about the phase: what is waited for, or why the run ended early."""
        return self._job.note

    @property
    def done(self) -> bool:
        """Whether nothing more is to come."""
        return self._job.phase in ("done", "stopped", "failed")

    @property
    def counts(self) -> dict[str, int]:
        """State -> number of rows."""
        return counts(self.rows)

    @property
    def now(self) -> datetime:
        """The server's time."""
        return self._job.desk.now

    @property
    def speed(self) -> float:
        """The server's seconds in a second: 1, but on a sandbox."""
        return self._job.desk.client.clock.speed

    @property
    def operations(self) -> "pd.DataFrame":
        """The operations as a frame: ``origin``, then the columns of ``frames.pull_operations``."""
        rows = [row for row in self.rows if row.operation is not None]
        return frames.pull_operations(
            [row.operation for row in rows],
            self.company.platforms if self.company else None,
            self.now,
            extra={"origin": ("category", [row.origin for row in rows])},
        )

    @property
    def errors(self) -> "pd.DataFrame":
        """What went wrong in this run as a frame: requests that failed and operations that ended in a failure."""
        return frames.errors(row.error for row in self.rows if row.error is not None)

    def __repr__(self) -> str:
        parts = ", ".join(f"{number} {state}" for state, number in self.counts.items()) or self.phase
        return f"<RefreshRun of {self.company_name}: {parts}{'; ' + self.note if self.note else ''}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return display.mimebundle(self, **options)

    # Waiting and watching.

    def wait(self, timeout: float | None = None) -> "RefreshRun":
        """Wait until the run has ended or ``timeout`` (seconds) is over, and return the run either way.

        Raises ``RuntimeError`` on the engine's own thread, where it would wait for itself.
        """
        if self._job.desk.engine.on_thread:
            raise RuntimeError("run.wait() would wait for its own thread: use `await run` there.")
        with contextlib.suppress(TimeoutError, concurrent.futures.CancelledError):  # outcomes: `phase` tells
            wait(self._future, timeout)
        return self

    def __await__(self) -> Generator[Any, None, "RefreshRun"]:
        try:
            yield from asyncio.shield(asyncio.wrap_future(self._future)).__await__()
        except asyncio.CancelledError:
            if not self._future.cancelled():
                raise  # the waiter was cancelled, not the run
        return self

    def stop_watching(self) -> None:
        """Stop following. Codat carries on with what is queued: its API cannot cancel."""
        self._future.cancel()

    def observe(self, observer: Callable[[], object]) -> Callable[[], None]:
        """Have ``observer`` called, on the engine thread, after every change; returns the function that ends it."""
        self._job.observers.append(observer)
        return lambda: self._job.observers.remove(observer)
