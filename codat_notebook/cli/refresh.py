"""``codat-notebook refresh``: refresh companies without a notebook, for cron, the Task Scheduler and pipelines.

The key comes from ``CODAT_API_KEY`` or ``CODAT_AUTH_HEADER`` and nobody is asked for it. Progress goes to stderr, the
table (or with ``--json`` one JSON document) to stdout. With a journal, a run that was interrupted is resumed by
the same command. Names and messages come from third parties, so what could steer a terminal is taken out of what is
printed; JSON escapes it.
"""

import csv
import io
import json
import math
import os
import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from codat_notebook.cli import has_rule
from codat_notebook.cli.stopping import ArgumentsError, CommandError, Stop, Stopped
from codat_notebook.models.errors import CodatLendingError, ConfigurationError, InvalidRequestError, shown
from codat_notebook.models.operations import GetCompanyRequest, RefreshDataTypeRequest, can_be_product, check
from codat_notebook.models.secret import Secret
from codat_notebook.planning.plan import totals
from codat_notebook.runs.rows import Row
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.store import JournalError, JournalUnfinishedError
from codat_notebook.session import Session, connect
from codat_notebook.tables.exports import to_csv

#: Seconds between two lines of progress: where a person looks, and in a log.
_WATCHED, _LOGGED = 1.0, 15.0
#: Columns of a plan; all others are passed over.
_NEEDED = ("company_id", "data_type")
_READ = (*_NEEDED, "connection_id", "action", "reason")

#: State of an operation -> the exit code; of several the highest counts. What is not there is still open.
CODES = {"complete": 0, "failed": 3, "refused": 4, "not queued by Codat": 4, "unknown": 5}
#: Not everything has ended: interrupted, or out of time.
OPEN = 6
#: Rows of the table; beyond that only what did not complete.
WHOLE = 40

_COLUMNS = {"company": 28, "data_type": 24, "platform": 18, "state": 20, "status": 18, "message": 60}


def refresh(arguments: Namespace, stop: Stop) -> int:
    """Refresh what the arguments say, and return the exit code."""
    if arguments.product is not None and not can_be_product(arguments.product):
        raise ArgumentsError(f"--product is an identifier such as credit-monitoring, not {arguments.product[:80]!r}.")
    try:
        with connected(arguments.sandbox) as session:
            plan = stop.unless(lambda: _plan(session, arguments))
            if arguments.dry_run:
                return _show(plan)
            company = stop.unless(lambda: company_id(session, arguments.company))
            run = _begin(session, arguments, plan, company)
            _watch(run, stop, arguments.timeout)
            return _tell(run, arguments.json)
    except Stopped:
        say("Stopped before the refresh began.")
        return 6


@contextmanager
def connected(sandbox: bool, then: str = " Nothing was queued.") -> Iterator[Session]:
    """A session, with the key of the environment. What goes wrong is told in a line that ends with ``then``."""
    try:
        key = None if sandbox else Secret.from_environment()
        if key is None and not sandbox:
            raise CommandError("There is no key. Set CODAT_API_KEY or CODAT_AUTH_HEADER, or try it with --sandbox.")
        memory = None if sandbox else os.environ.get("CODAT_MEMORY") or None
        with connect(key, sandbox=sandbox, memory=memory) as session:
            yield session
    except (ConfigurationError, JournalError) as error:
        raise CommandError(str(error)) from None
    except CodatLendingError as error:
        raise CommandError(f"{error.message}{then}") from None


def _plan(session: Session, arguments: Namespace) -> pd.DataFrame | None:
    """The plan of the file, or the one that the rule makes."""
    if arguments.plan is not None:
        return read_plan(arguments.plan)
    if not has_rule(arguments):
        return None
    try:
        return session.plan(
            older_than=arguments.older_than,
            failed=arguments.failed,
            overdue=arguments.overdue,
            report=arguments.report,
            tags=dict(arguments.tag) if arguments.tag else None,
            platform=arguments.platform,
            reserve=arguments.reserve,
            progress=_reading(),
        )
    except ValueError as error:
        raise ArgumentsError(str(error)) from None


def read_plan(path: Path) -> pd.DataFrame:
    """The plan of a CSV file, as ``plan.to_csv("plan.csv")`` or a spreadsheet writes it, for ``session.refresh``.

    Needed are ``company_id`` and ``data_type``; rows with an ``action`` other than ``queue`` are left out. Raises
    :class:`ArgumentsError` with the line and the column at fault, before anything is sent: half a plan is worse than
    none.
    """
    lines = _lines(path)
    names = _headings(path, next(lines, (1, []))[1])
    rows = [_row(path, number, names, fields) for number, fields in lines]
    if not rows:
        raise ArgumentsError(f"{path} has no row below its headings.")
    return pd.DataFrame(rows, columns=list(_READ), dtype="object")


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number of its first line and the fields of each row; spreadsheets of some languages write semicolons."""
    number = 1
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
        first = text.partition("\n")[0]
        delimiter = ";" if ";" in first and "," not in first else ","
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
        for fields in reader:
            if any(fields):
                yield number, fields
            number = reader.line_num + 1
    except OSError as error:
        raise ArgumentsError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise ArgumentsError(f"{path}, line {number}: this is not UTF-8. Save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise ArgumentsError(f"{path}, line {number}: {error}.") from None


def _headings(path: Path, headings: list[str]) -> list[str]:
    """The columns' names, among which those that are needed stand, and those that are read stand once."""
    names = [heading.strip() for heading in headings]
    for name in _NEEDED:
        if name not in names:
            there = ", ".join(repr(each[:40]) for each in names[:20]) or "none"
            raise ArgumentsError(f"{path}, line 1: the column {name} is missing. There are: {there}.")
    twice = next((name for name in _READ if names.count(name) > 1), None)
    if twice:
        raise ArgumentsError(f"{path}, line 1: the column {twice} stands there twice.")
    return names


def _row(path: Path, number: int, names: list[str], fields: list[str]) -> list[str | None]:
    """The columns of a row that are read, checked if it is to be queued."""
    if len(fields) != len(names):
        raise ArgumentsError(f"{path}, line {number}: {len(fields)} columns, where the headings have {len(names)}.")
    values = {name: field.strip() or None for name, field in zip(names, fields, strict=True)}
    action = values.get("action") or "queue"
    if action not in ("queue", "skip"):
        raise ArgumentsError(f"{path}, line {number}: action is {action[:80]!r}, not queue or skip.")
    if action == "queue":
        request = {name: values.get(name) or "" for name in _NEEDED}
        try:
            check(RefreshDataTypeRequest, {**request, "connection_id": values.get("connection_id")})
        except InvalidRequestError as error:
            raise ArgumentsError(f"{path}, line {number}: {error.message}") from None
    return [values.get(name) for name in _READ]


def _reading() -> Callable[[int, int], object]:
    """Tells how many companies are read, every now and then."""
    told = [time.monotonic()]

    def tell(read: int, of: int) -> None:
        if time.monotonic() - told[0] >= _LOGGED:
            told[0] = time.monotonic()
            say(f"{read:,} of {of:,} companies looked at")

    return tell


def _show(plan: pd.DataFrame | None) -> int:
    """Print a plan as CSV, and what it comes to."""
    if plan is not None:
        _print("\n".join(map(shown, to_csv(plan).splitlines())), sys.stdout)
        say(totals(zip(plan["action"], plan["reason"], strict=True)))
    return 0


def _begin(session: Session, arguments: Namespace, plan: pd.DataFrame | None, company: str | None) -> RefreshRun:
    """The run: of the plan, of the company, or of the journal where one is unfinished."""
    what = plan if company is None else company
    if what is None:
        return session.resume(arguments.journal)
    try:
        return session.refresh(
            what,
            *arguments.types,
            connection_id=arguments.connection,
            product=arguments.product,
            journal=arguments.journal,
            reserve=arguments.reserve,
        )
    except JournalUnfinishedError:
        say(f"Resuming the unfinished run in {arguments.journal}; run again for a new one.")
        return session.resume(arguments.journal)


def company_id(session: Session, company: str | None) -> str | None:
    """The id that was given, or that of the company of that name; ``None`` where there is no company."""
    if not company:
        return None
    try:
        return check(GetCompanyRequest, {"company_id": company}).company_id
    except InvalidRequestError:
        companies = session.companies(search=company, limit=1000)
    named = companies[companies["name"].str.casefold() == company.casefold()]["id"].tolist()
    if len(named) == 1:
        return str(named[0])
    if named:
        raise ArgumentsError(f"There are {len(named)} companies of that name: {', '.join(named[:5])}. Give the id.")
    raise ArgumentsError("There is no company of that name: give its whole name, or its id.")


def _watch(run: RefreshRun, stop: Stop, timeout: float | None) -> None:
    """Tell the progress until the run has ended, the time is over, or somebody asks to stop."""
    every = _WATCHED if sys.stderr.isatty() else _LOGGED
    until = math.inf if timeout is None else time.monotonic() + timeout
    told, next_line = None, 0.0
    while not run.done and not stop.asked and (now := time.monotonic()) < until:
        if now >= next_line and (line := run.line) != told:
            say(line)
            told, next_line = line, now + every
        run.wait(0.2)
    if not run.done:
        say("Stopped watching. Codat carries on with what is queued; with its journal the run can be resumed.")
        run.stop_watching()
        run.wait(30)


def _tell(run: RefreshRun, as_json: bool) -> int:
    """Print the outcome, and give the exit code."""
    code = exit_code(run.counts)
    operations = [record(run, row) for row in run.rows]
    skipped = len(run.skipped)
    if as_json:
        about = {"exit_code": code, "phase": run.phase, "note": run.note, "counts": run.counts, "skipped": skipped}
        _print(json.dumps({**about, "operations": operations}, indent=1), sys.stdout)
    else:
        _print(f"{table(operations)}\n\n{remedies(operations)}".strip(), sys.stdout)
    say(f"{run.line}; {skipped:,} skipped" if skipped else run.line)
    return code


def exit_code(counts: Mapping[str, int]) -> int:
    """The exit code for so many operations in each state.

    >>> exit_code({"complete": 5}), exit_code({"complete": 5, "failed": 1, "running": 2}), exit_code({})
    (0, 6, 0)
    """
    return max((CODES.get(state, OPEN) for state, number in counts.items() if number), default=0)


def record(run: RefreshRun, row: Row) -> dict[str, Any]:
    """A row of a run as plain values."""
    operation, error, facts = row.operation, row.error, run.facts_of(row.company_id)
    connection_id = operation.connection_id if operation else row.connection_id
    return {
        "company_id": row.company_id,
        "company": facts.name if facts else None,
        "data_type": str(row.data_type),
        "connection_id": connection_id,
        "platform": facts.platforms.get(connection_id or "") if facts else None,
        "state": row.state,
        "origin": row.origin,
        "attempt": row.attempt,
        "status": str(operation.status) if operation else None,
        "operation_id": operation.id if operation else None,
        "requested": operation.requested if operation else None,
        "completed": operation.completed if operation else None,
        "message": (operation.error_message or operation.status_description) if operation else None,
        **{name: getattr(error, name, None) for name in ("why", "action", "retry", "who", "link_url")},
    }


def table(operations: list[dict[str, Any]]) -> str:
    """The outcome as text: all operations, or those that did not complete where there are many."""
    shown = [each for each in operations if len(operations) <= WHOLE or each["state"] != "complete"]
    rows = [list(_COLUMNS), *([_cell(each, name) for name in _COLUMNS] for each in shown)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    hidden = len(operations) - len(shown)
    return "\n".join(lines if shown else []) + (f"\n{hidden:,} complete" if hidden else "")


def remedies(operations: Iterable[Mapping[str, Any]]) -> str:
    """What helps, and how many operations it would help; a line each, the most frequent first."""
    counted = Counter((each["status"] or each["state"], each["action"]) for each in operations if each["action"])
    helps = counted.most_common()
    return "\n".join(f"{number:,} {shown(status)}: {shown(action)}" for (status, action), number in helps)


def _cell(operation: Mapping[str, Any], name: str) -> str:
    value = operation[name] if name != "message" else operation["why"] or operation["message"]
    text = shown(str(value)) if value is not None else ""
    width = _COLUMNS[name]
    return text if len(text) <= width else f"{text[: width - 1]}…"


def print_line(text: str) -> None:
    """A line of the outcome."""
    _print(shown(text), sys.stdout)


def say(line: str) -> None:
    """A line about how it goes."""
    _print(shown(line), sys.stderr)


def _print(text: str, stream: TextIO) -> None:
    """Print, also where the terminal lacks a letter (Windows, cron without a locale)."""
    encoding = stream.encoding or "utf-8"
    try:
        print(text.encode(encoding, "replace").decode(encoding), file=stream, flush=True)
    except BrokenPipeError:  # who reads it (head, less) has seen enough: the refresh and its exit code go on
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
