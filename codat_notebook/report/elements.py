"""What a report's sections are made of: times, states as pills, tables."""

from collections.abc import Sequence
from datetime import datetime

from codat_notebook.markup import Child, Markup, h
from codat_notebook.models.status import sign, tone


def minute(at: datetime) -> str:
    """A time in words, to the minute."""
    return at.strftime("%Y-%m-%d %H:%M UTC")


def time(at: datetime | None) -> Child:
    """A time to the second, for machines as well."""
    return h("time", at.strftime("%Y-%m-%d %H:%M:%S UTC"), datetime=at.isoformat()) if at else None


def pill(colour: str, text: str) -> Markup:
    """A state in words, with its sign and colour."""
    return h("span", f"{sign(colour)} {text}", class_=f"pill {colour}")


def status_pill(status: str) -> Markup:
    """The status of an operation or of a connection."""
    return pill(tone(status), status)


def section(title: str, *children: Child) -> Markup:
    """A part of the page under its heading."""
    return h("section", h("h2", title), *children)


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[Child]], empty: str) -> Markup:
    """A table that scrolls sideways where it must; ``empty`` where it has no rows."""
    if not rows:
        return h("p", empty, class_="dim")
    head = h("thead", h("tr", [h("th", name, scope="col") for name in heads]))
    lines = [[h("td", h("div", cell) if cell else None, data_name=name) for name, cell in zip(heads, row, strict=True)]
             for row in rows]  # fmt: skip
    body = h("tbody", [h("tr", cells) for cells in lines])
    return h("div", h("table", head, body), class_="wide", tabindex="0", role="region", aria_label=title)
