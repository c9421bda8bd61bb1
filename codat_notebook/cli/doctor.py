"""``codat-notebook doctor``: looks at this machine, and with ``--deep`` at Codat as it really is.

Exit codes: 0 no problem, 1 a problem on this machine or with the server, 2 wrong arguments, 3 Codat is otherwise than
this version takes it to be (``--deep``).
"""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from codat_notebook.cli.stopping import ArgumentsError, CommandError

if TYPE_CHECKING:
    from codat_notebook.checkup.machine import Observation
    from codat_notebook.client import CodatLending
    from codat_notebook.session import Session


def add_arguments(command: ArgumentParser) -> None:
    """What the command takes."""
    command.add_argument("--deep", action="store_true", help="probe Codat by reading: at most 60 requests, no refresh")
    command.add_argument("--output", type=Path, metavar="FILE", help="write the report of --deep there, too")
    command.add_argument(
        "--write-probes", metavar="COMPANY", help="with --deep: queue ONE refresh of this company, by id or whole name"
    )
    command.add_argument("--sandbox", action="store_true", help="an embedded Codat; needs no key and no network")


def doctor(arguments: Namespace) -> int:
    """Look, tell, and return the exit code."""
    from codat_notebook.checkup.machine import Machine, reach

    try:
        if (arguments.output or arguments.write_probes) and not arguments.deep:
            raise ArgumentsError("--output and --write-probes go with --deep.")
        if any(_told(each).state == "problem" for each in Machine().observations(not arguments.sandbox)):
            return 1
        with _connected(arguments) as (client, session):
            is_sandbox = session is not None and session.is_sandbox
            if any(_told(each).state == "problem" for each in reach(client, session is not None, is_sandbox)):
                return 1
            if not arguments.deep:
                return 0
            if session is None:
                raise CommandError("--deep needs a key: set CODAT_API_KEY or CODAT_AUTH_HEADER, or use --sandbox.")
            return _deep(session, arguments.write_probes, arguments.output)
    except ArgumentsError as error:
        print(f"codat-notebook: {error}", file=sys.stderr)
        return 2


def _told(observation: "Observation") -> "Observation":
    from codat_notebook.cli.outcome import plain

    print(plain(str(observation)), file=sys.stderr)
    return observation


@contextmanager
def _connected(arguments: Namespace) -> "Iterator[tuple[CodatLending, Session | None]]":
    """A client and its session, read-only unless a refresh is wanted; without a key there is no session."""
    from codat_notebook.client import CodatLending
    from codat_notebook.connecting import connect
    from codat_notebook.models.errors import CodatLendingError
    from codat_notebook.models.secret import Secret

    try:
        key = None if arguments.sandbox else Secret.from_environment()
        if key is None and not arguments.sandbox:
            with CodatLending(server_url=os.environ.get("CODAT_BASE_URL") or None, read_only=True) as client:
                yield client, None
            return
        with connect(key, sandbox=arguments.sandbox, read_only=not arguments.write_probes) as session:
            yield session.client, session
    except CodatLendingError as error:
        raise CommandError(f"{error.message} Nothing was queued.") from None


def _deep(session: "Session", wanted: str | None, output: Path | None) -> int:
    from codat_notebook.checkup import examine
    from codat_notebook.cli.refresh import company_id

    company = company_id(session, wanted)
    if company is not None:
        _confirm(session, company)
    result = examine(session, company)
    print(result.report, end="")
    try:
        if output is not None:
            output.write_text(result.report, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}.") from None
    return 3 if result.named("contradicted") else 0


def _confirm(session: "Session", company: str) -> None:
    """Have the company's name typed, or piped, before anything is queued."""
    from codat_notebook.cli.outcome import plain

    name = session.client.companies.get(request={"company_id": company}).name
    where = "the sandbox" if session.is_sandbox else "LIVE"
    print(f"This queues ONE refresh of {plain(name)} ({where}). Type its name:", file=sys.stderr, flush=True)
    typed = sys.stdin.readline().strip() if sys.stdin is not None else ""
    if not name or typed != name.strip():
        raise CommandError("The name was not typed. Nothing was queued.")
