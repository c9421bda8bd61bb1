"""A company's state as one static HTML file, for an e-mail, a file share, a printer; ``Session.report`` asks for it.

What was found is put into ``sections`` between a heading and a foot. The page needs neither Jupyter nor a network,
allows itself no script and no request (a content security policy says so), follows the reader's light or dark theme and
prints. Times are UTC, since nothing can know the reader's zone, and every one says so.
"""

import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from codat_notebook.markup import Markup, h
from codat_notebook.report import sections
from codat_notebook.report.sections import minute, time
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


def page(findings: Findings) -> str:
    """The whole file."""
    facts = findings.status.facts
    title = f"{facts.name}: Codat report of {minute(findings.now)}"
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
        _heading(findings),
        sections.freshness(findings.status, findings.now),
        sections.connections(findings.status, findings.now),
        sections.remedies(findings.status),
        sections.data_types(findings.status, findings.now),
        sections.errors(findings.errors),
        sections.operations(findings.status, findings.now),
        h(
            "footer",
            f"Not live: this is what Codat answered at {minute(findings.now)}. Made by codat_notebook; the records "
            "themselves stay in Codat.",
        ),
    )
    return f"<!doctype html>\n{h('html', head, h('body', main), lang='en')}\n"


def _heading(findings: Findings) -> Markup:
    facts = findings.status.facts
    where = ("sandbox", "SANDBOX") if findings.is_sandbox else ("live", "LIVE")
    told = {"Company id": h("code", facts.id), "As of": time(findings.now), "Read from": findings.server}
    return h(
        "header",
        h("div", h("h1", facts.name), h("span", where[1], class_=f"badge {where[0]}"), class_="name"),
        h("dl", [h("div", h("dt", name), h("dd", value)) for name, value in told.items()]),
    )


def destination(path: str | os.PathLike[str], overwrite: bool) -> Path:
    """The file's whole path, if a report can be put there.

    Raises ``FileNotFoundError`` where the folder does not exist, ``IsADirectoryError`` for a folder, and
    ``FileExistsError`` for a file that is not to be overwritten.
    """
    target = Path(path).expanduser().absolute()
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder: name a file in it, such as {target / 'report.html'}.")
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


__all__ = ["Findings", "destination", "page", "save"]
