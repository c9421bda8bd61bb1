"""Companies' state as one static HTML file, for an e-mail, a file share, a printer; ``Session.report`` asks for it.

It tells what the console tells: how fresh the data is, which connections there are, what to do about each failure,
which records Codat's checks refused, every cell, the session's errors, the newest pull operations. Of several
companies a summary comes first, then a part for each. The page needs neither Jupyter nor a network, allows
itself no script and no request (a content security policy says so), follows the reader's light or dark theme and
prints. Times are UTC, since nothing can know the reader's zone, and every one says so.
"""

import asyncio
import os
import re
import tempfile
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from codat_notebook import markup
from codat_notebook.diagnosis import Advice
from codat_notebook.markup import Child, Markup, h, link, text_of
from codat_notebook.models import vocabulary
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import Connection, PullOperation, ValidationResults
from codat_notebook.models.status import (
    OLD,
    STALE,
    can_be_relinked,
    is_running,
    meaning,
    plain_status,
    sign,
    tone,
)
from codat_notebook.runs.cells import Cell, CompanyStatus, company_status
from codat_notebook.runs.context import RunContext
from codat_notebook.runs.records import ErrorRecord, Subject, repeats
from codat_notebook.tables import exports
from codat_notebook.words import ago, and_more, count, duration, whole_seconds

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
#: Pull operations in the table; more are in ``session.history``.
MOST = 200
#: Companies that are read at the same time.
_AT_ONCE = 8
#: How the ages are counted: name, tone.
_AGES = (
    (f"read within {OLD} days", "ok"),
    (f"{OLD} to {STALE - 1} days old", "warn"),
    (f"{STALE} days and older", "bad"),
    ("never read", "idle"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a report tells: a company's state, and what went wrong with it in this session; if asked for, a verdict.

    ``now`` is the server's time at which it was read, ``server`` the address it was read from.
    """

    status: CompanyStatus
    errors: list[ErrorRecord]
    now: datetime
    server: str
    is_sandbox: bool
    ready: Markup | None = None
    #: Operation -> what Codat's checks found in what it read.
    checks: Mapping[str, ValidationResults] = field(default_factory=dict)


async def read(context: RunContext, company_id: str, ready: Markup | None = None) -> Findings:
    """A company's state, and Codat's findings where its checks refused what was read: a request for each of these."""
    status = await company_status(context, company_id)
    refused = {cell.operation_id for cell in status.cells if cell.status == "ValidationError" and cell.operation_id}
    get = context.client.manage_data.pull_operations.get_validation_async
    asked = {each: get(request={"company_id": company_id, "dataset_id": each}) for each in refused}
    return Findings(
        status=status,
        checks=dict(zip(asked, await asyncio.gather(*asked.values()), strict=True)),
        errors=[error for error in context.errors if error.company_id == status.facts.id],
        now=context.now,
        server=context.client.server_url,
        is_sandbox=context.is_sandbox,
        ready=ready,
    )


async def read_several(
    context: RunContext, company_ids: Sequence[str], ready: Markup | None = None
) -> tuple[list[Findings], list[ErrorRecord]]:
    """The same of several companies, and why others could not be read. Raises the client's error if none could.

    ``ready`` is a verdict about the only one."""
    places, troubles = asyncio.Semaphore(_AT_ONCE), list[CodatLendingError]()
    unread: list[ErrorRecord] = []

    async def one(company_id: str) -> Findings | None:
        async with places:
            try:
                return await read(context, company_id, ready)
            except CodatLendingError as error:
                troubles.append(error)
                if len(company_ids) > 1:
                    unread.append(context.report(error, "A company could not be read", Subject(company_id=company_id)))
        return None

    found = [each for each in await asyncio.gather(*map(one, company_ids)) if each is not None]
    if not found:
        raise troubles[0]
    return found, unread


async def pieces(context: RunContext, company_ids: Sequence[str]) -> Generator[exports.Piece]:
    """The messages that bring the file to a browser, which adds to its name when it was saved.

    Raises the client's error if no company could be read.
    """
    several, unread = await read_several(context, company_ids)
    text = await context.engine.in_worker(page, several, unread)
    await hand_out(context, several)
    return exports.text_pieces(text, exports.safe_name(name_of(several), "report"))


async def hand_out(context: RunContext, several: Sequence[Findings]) -> None:
    """Remember which links for customers a report has told."""
    links = [
        (each.status.facts.id, id)
        for each in several
        for id, connection in each.status.facts.connections.items()
        if can_be_relinked(connection.status) and connection.link_url
    ]
    await context.remember(lambda memory: memory.handed_out(links, "reported", several[0].now))


def page(several: Sequence[Findings], unread: Sequence[ErrorRecord] = ()) -> str:
    """The whole file, of one company or of several, of which some may not have been read."""
    first = several[0]
    title = f"{name_of(several)}: Codat report of {minute(first.now)}"
    alone = len(several) == 1 and not unread
    head = h(
        "head",
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="color-scheme", content="light dark"),
        h("title", title),
        h("style", Markup(files(__package__).joinpath("static", "report.css").read_text("utf-8"))),
    )
    main = h(
        "main",
        None if alone else [_title(name_of(several), first, []), summary(several, unread)],
        [
            h("div", parts if alone else _below(parts), class_="company", id=f"c{number}")
            for number, parts in enumerate(map(_company, several), 1)
        ],
        h(
            "footer",
            f"Not live: this is what Codat answered at {minute(first.now)}. Made by codat_notebook; the records "
            "themselves stay in Codat.",
        ),
    )
    return f"<!doctype html>\n{h('html', head, h('body', main), lang='en')}\n"


def name_of(several: Sequence[Findings]) -> str:
    """What a report is called: the company's name, or how many there are."""
    return several[0].status.facts.name if len(several) == 1 else count(len(several), "company")


def _below(parts: Child) -> Markup:
    """The same with each heading one level further down, under that of the whole page."""
    return Markup(re.sub(r"(?<=<h|/h)[1-3](?=>)", lambda level: str(int(level[0]) + 1), text_of(parts)))


def _company(findings: Findings) -> list[Child]:
    status, now = findings.status, findings.now
    return [
        _title(status.facts.name, findings, [("Company id", h("code", status.facts.id))]),
        findings.ready and section("Is it ready?", findings.ready),
        freshness(status, now),
        connections(status, now),
        remedies(status),
        refused(findings),
        data_types(status, now),
        errors(findings.errors),
        operations(status, now),
    ]


def _title(name: str, findings: Findings, facts: Sequence[tuple[str, Child]]) -> Markup:
    where = ("sandbox", "SANDBOX") if findings.is_sandbox else ("live", "LIVE")
    told = [*facts, ("As of", time(findings.now)), ("Read from", findings.server)]
    return h(
        "header",
        h("div", h("h1", name), h("span", where[1], class_=f"badge {where[0]}"), class_="name"),
        h("dl", [h("div", h("dt", name), h("dd", value)) for name, value in told]),
    )


def summary(several: Sequence[Findings], unread: Sequence[ErrorRecord]) -> Markup:
    """A row for each company, those with most failures first; before them, which ones are not in the report."""
    rows = []
    for number, each in enumerate(several, 1):
        status = each.status
        failed = sum(cell.unhealthy for cell in status.cells)
        lost = [c.platform_name for c in status.facts.connections.values() if can_be_relinked(c.status)]
        oldest = min((cell.last_success for cell in status.cells if cell.last_success), default=None)
        about: list[Child] = [
            h("a", status.facts.name, href=f"#c{number}"), str(failed), ", ".join(lost),
            str(sum(len(found.errors) for found in each.checks.values())),
            ago((each.now - oldest).total_seconds()) if oldest else "never",
        ]  # fmt: skip
        rows.append((failed, about))
    rows.sort(key=lambda row: -row[0])
    heads = ("company", "failed data types", "to be linked again", "records to correct", "oldest data read")
    missing = [h("p", "Not in this report: ", h("code", each.company_id), f". {each.why}") for each in unread]
    return table_section("Summary", heads, [row for _, row in rows], "", missing)


def refused(findings: Findings) -> Markup | None:
    """The records that Codat's checks refused, and the rules: what somebody corrects at the source."""
    cells = {cell.operation_id: cell for cell in findings.status.cells if cell.operation_id in findings.checks}
    rows: list[list[Child]] = []
    for id, cell in cells.items():
        found = findings.checks[id or ""]
        for items, colour, text in ((found.errors, "bad", "refused"), (found.warnings, "warn", "warning")):
            rows += [
                [data_type(cell.data_type), cell.platform, pill(colour, text), item.item_id, item.message,
                 item.validator_name or item.rule_id]
                for item in items
            ]  # fmt: skip
    heads = ("data type", "platform", "check", "record", "message", "rule")
    told = "Correct these records at the source, then refresh the data type."
    more = and_more(len(rows) - MOST, "record")
    shown = table_section("Records to correct", heads, rows[:MOST], "", h("p", told, " ", " ".join(more)))
    return shown if rows else None


def freshness(status: CompanyStatus, now: datetime) -> Markup:
    """The shares of the linked connections' cells by age, as a bar and in words."""
    linked = {connection.id for connection in status.facts.linked}
    cells = [cell for cell in status.cells if cell.connection_id in linked and not cell.expected]
    counts = Counter(_age_class(cell, now) for cell in cells)
    pairs = [(counts[place], *age) for place, age in enumerate(_AGES) if counts[place]]
    failed = sum(cell.unhealthy for cell in cells)
    none = status.facts.unconnected if status.facts.only_parent else "No connection is linked, so nothing can be read."
    read = f"{count(len(cells), 'data type')} on {count(len(linked), 'linked connection')}"
    tried = f"the last attempt of {failed} failed" if failed else "no last attempt failed"
    bar = [h("i", class_=tone, style=f"flex:{number}") for number, _, tone in pairs]
    legend = [h("li", h("i", class_=tone), h("b", str(number)), f" {name}") for number, name, tone in pairs]
    return section(
        "Freshness",
        h("p", f"{read}: {tried}." if cells else none),
        h("div", bar, class_="bar", aria_hidden="true"),
        h("ul", legend, class_="legend"),
    )


def _age_class(cell: Cell, now: datetime) -> int:
    if cell.last_success is None:
        return 3
    days = (now - cell.last_success).days
    return 0 if days < OLD else 1 if days < STALE else 2


def connections(status: CompanyStatus, now: datetime) -> Markup:
    """A row for each connection; the relink address where relinking is the way."""
    ordered = sorted(status.facts.connections.values(), key=lambda c: (c.status != "Linked", c.platform_name))
    return table_section(
        "Connections",
        ("platform", "kind", "state", "last sync", "link for the customer", "id"),
        [_connection(connection, now) for connection in ordered],
        status.facts.unconnected,
    )


def _connection(connection: Connection, now: datetime) -> list[Child]:
    synced = instant(connection.last_sync)
    relink = connection.link_url if can_be_relinked(connection.status) else ""
    return [
        connection.platform_name, connection.source_type,
        status_pill(connection.status),
        [time(synced), h("small", ago((now - synced).total_seconds()))] if synced else "never",
        link(relink, relink) if relink else None, h("code", connection.id),
    ]  # fmt: skip


def remedies(status: CompanyStatus) -> Markup | None:
    """What to do: one card for each connection and diagnosis, with the data types that it stops. That a platform has no
    such data needs no card."""
    failed = [(cell, cell.advice) for cell in status.cells if cell.advice and cell.advice.rule != "not supported"]
    cards: dict[tuple[str, str, str], list[tuple[Cell, Advice]]] = {}
    for cell, advice in sorted(failed, key=lambda pair: (pair[1].expected, pair[0].platform, pair[0].data_type)):
        cards.setdefault((cell.connection_id, advice.rule, cell.status or ""), []).append((cell, advice))
    drawn = [_remedy(status, [cell for cell, _ in group], group[0][1]) for group in cards.values()]
    return section("What to do", h("div", drawn, class_="cards")) if drawn else None


def _remedy(status: CompanyStatus, cells: Sequence[Cell], advice: Advice) -> Markup:
    cell = cells[0]
    connection = status.facts.connections.get(cell.connection_id)
    address = connection.link_url if connection and advice.relink else ""
    shown = meaning(cell.status or "")
    message = None if repeats(cell.message or "", advice.cause, cell.platform) else cell.message
    return h(
        "article",
        h("h3", cell.platform or "Unknown platform", " ", pill("idle" if advice.expected else shown.tone, shown.text)),
        h(
            "p",
            h("b", ", ".join(vocabulary.plain_name(each.data_type) for each in cells)),
            h("small", f" {cell.status}") if shown.text != cell.status else None,
        ),
        h("p", f"{advice.cause} {advice.action}"),
        h("p", f"Codat says: “{message}”", class_="dim") if message else None,
        h("p", "Link for the customer: ", link(address, address)) if address else None,
    )


def data_types(status: CompanyStatus, now: datetime) -> Markup:
    """Every cell: connection by data type, with its age in words and colour and how its last attempt ended."""
    rows = sorted(
        status.cells, key=lambda cell: (cell.platform, cell.connection_id, vocabulary.plain_name(cell.data_type))
    )
    return table_section(
        "Data types",
        ("data type", "platform", "last successful read", "age", "last attempt", "attempted", "message"),
        [_data_type(cell, now) for cell in rows],
        "No data of this company has been read yet.",
    )


def _data_type(cell: Cell, now: datetime) -> list[Child]:
    tone = _AGES[_age_class(cell, now)][1]
    age = ago((now - cell.last_success).total_seconds()) if cell.last_success else "never"
    return [
        [data_type(cell.data_type), h("small", cell.data_type)], cell.platform,
        time(cell.last_success), h("span", age, class_=f"age {tone}"),
        status_pill(cell.status) if cell.status else None, time(cell.last_requested), cell.message,
    ]  # fmt: skip


def errors(records: Iterable[ErrorRecord]) -> Markup:
    """What went wrong with this company in the session, newest first."""
    newest = sorted(records, key=lambda record: record.time, reverse=True)
    return table_section(
        "Errors in this session",
        ("time", "what happened", "why", "what to do", "status", "correlation id"),
        [_error(record) for record in newest],
        "Nothing has gone wrong with this company in this session.",
    )


def _error(record: ErrorRecord) -> list[Child]:
    return [
        time(record.time), record.what, record.why, record.action, record.status and status_pill(record.status, "bad"),
        record.correlation_id and h("code", record.correlation_id),
    ]  # fmt: skip


def operations(status: CompanyStatus, now: datetime) -> Markup:
    """The newest pull operations."""
    shown = status.operations[:MOST]
    more = f"The newest {MOST}; session.history has them all." if len(status.operations) > MOST else None
    return table_section(
        "Pull operations",
        ("data type", "platform", "status", "requested", "duration", "message", "id"),
        [_operation(operation, status.facts.platforms, now) for operation in shown],
        "No data of this company has been pulled yet.",
        more and h("p", more, class_="dim"),
    )


def _operation(operation: PullOperation, platforms: dict[str, str], now: datetime) -> list[Child]:
    running = is_running(operation.status, operation.completed)
    start, until = instant(operation.requested), now if running else instant(operation.completed)
    took = duration(whole_seconds(start, until)) if start and until else None
    return [
        data_type(operation.data_type), platforms.get(operation.connection_id, ""), status_pill(operation.status),
        time(start),
        took and (f"{took} so far" if running else took), operation.error_message or operation.status_description,
        h("code", operation.id),
    ]  # fmt: skip


def minute(at: datetime) -> str:
    """A time in words, to the minute."""
    return at.strftime("%Y-%m-%d %H:%M UTC")


def time(at: datetime | None) -> Child:
    """A time to the second, for machines as well."""
    return h("time", at.strftime("%Y-%m-%d %H:%M:%S UTC"), datetime=at.isoformat()) if at else None


def data_type(key: str) -> Markup:
    """A data type by its name, with its key in the tooltip."""
    return h("span", vocabulary.plain_name(key), title=key)


def pill(colour: str, text: str, key: str = "") -> Markup:
    """A state in words, with its sign and colour; Codat's own word for it in the tooltip."""
    return h("span", f"{sign(colour)} {text}", class_=f"pill {colour}", title=key if key not in ("", text) else None)


def status_pill(status: str, colour: str = "") -> Markup:
    """The status of an operation, a connection or a request."""
    return pill(colour or tone(status), plain_status(status), status)


def section(title: str, *children: Child) -> Markup:
    """A part of the page under its heading."""
    return h("section", h("h2", title), *children)


def table_section(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[Child]], empty: str, before: Child = None
) -> Markup:
    """A section whose table scrolls sideways where it must; ``empty`` where it has no rows."""
    if not rows:
        return section(title, h("p", empty, class_="dim"))
    cells = [[h("div", cell) if cell else None for cell in row] for row in rows]
    table = markup.table(heads, cells, named=True)
    return section(title, before, h("div", table, class_="wide", tabindex="0", role="region", aria_label=title))


def file_name(name: str, at: datetime) -> str:
    """A name for the file, whatever a company is called: letters, digits and few signs, no folder, not hidden.

    >>> file_name("../Toft & <Co>", datetime(2026, 11, 23))
    'Toft & Co 2026-11-23.html'
    """
    plain = re.sub(r"[^\w&'+,.-]+", " ", name).strip(" .-").encode()[:120].decode("utf-8", "ignore").strip()
    return f"{plain or 'company'} {at:%Y-%m-%d}.html"


def destination(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """The whole path of the file, or of the folder that it goes into, if a report can be put there.

    Raises ``FileNotFoundError`` where the folder does not exist, and ``FileExistsError`` for a file that is not to be
    overwritten.
    """
    target = Path(path).expanduser().absolute()
    if target.is_dir():
        return target
    if not target.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {target.parent}: create it, or name another one.")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists: name another file, or say overwrite=True.")
    return target


def save(text: str, path: Path, overwrite: bool) -> Path:
    """Write the file in one step, so that a reader finds all of it or what was there before; returns its path."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        file.write(text)
    made = Path(file.name)
    try:
        destination(path, overwrite)  # a file may have come there since
        made.chmod(0o644)
        made.replace(path)
    except OSError:
        made.unlink()
        raise
    return path


__all__ = ["Findings", "destination", "file_name", "hand_out", "name_of", "page", "pieces", "read_several", "save"]
