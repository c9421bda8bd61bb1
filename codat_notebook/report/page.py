"""The report as one HTML page: what was found, put into sections between a heading and a foot.

The page allows itself no script and no request (a content security policy says so), follows the reader's light or dark
theme and prints. Times are UTC, since nothing can know the reader's zone, and every one says so.
"""

from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

from codat_notebook.markup import Child, Markup, h, raw
from codat_notebook.report import sections
from codat_notebook.report.elements import minute, time
from codat_notebook.runs.cells import CompanyStatus
from codat_notebook.runs.records import ErrorRecord

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a report tells: a company's state, and what went wrong with it in this session.

    ``now`` is the server's time at which it was read, ``server`` the address it was read from.
    """

    status: CompanyStatus
    errors: list[ErrorRecord]
    now: datetime
    server: str
    is_sandbox: bool


def page(found: Findings) -> str:
    """The whole file."""
    facts = found.status.facts
    title = f"{facts.name}: Codat report of {minute(found.now)}"
    head = h(
        "head",
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="color-scheme", content="light dark"),
        h("title", title),
        h("style", raw(files(__package__).joinpath("static", "report.css").read_text("utf-8"))),
    )
    body = h(
        "body",
        h(
            "main",
            _heading(found),
            sections.freshness(found.status, found.now),
            sections.connections(found.status, found.now),
            sections.remedies(found.status),
            sections.data_types(found.status, found.now),
            sections.errors(found.errors),
            sections.operations(found.status, found.now),
            _foot(found),
        ),
    )
    return f"<!doctype html>\n{h('html', head, body, lang='en')}\n"


def _heading(found: Findings) -> Markup:
    facts = found.status.facts
    where = ("sandbox", "SANDBOX") if found.is_sandbox else ("live", "LIVE")
    return h(
        "header",
        h("div", h("h1", facts.name), h("span", where[1], class_=f"badge {where[0]}"), class_="name"),
        h(
            "dl",
            _fact("Company id", h("code", facts.id)),
            _fact("As of", time(found.now)),
            _fact("Read from", found.server),
        ),
    )


def _fact(name: str, value: Child) -> Markup:
    return h("div", h("dt", name), h("dd", value))


def _foot(found: Findings) -> Markup:
    return h(
        "footer",
        f"Not live: this is what Codat answered at {minute(found.now)}. Made by codat_notebook; the records "
        "themselves stay in Codat.",
    )
