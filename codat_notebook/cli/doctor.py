"""``codat-notebook doctor``: looks at this machine, and with ``--deep`` at Codat as it really is.

What is found on the machine goes to stderr, the report to stdout. Exit codes: 0 no problem, 1 a problem on this machine
or with the server, 2 wrong arguments, 3 Codat is otherwise than this version takes it to be (``--deep``).
"""

import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codat_notebook.checkup import examine
from codat_notebook.checkup.machine import Observation, observe, reach
from codat_notebook.cli.refresh import company_id, plain
from codat_notebook.cli.stopping import ArgumentsError, CommandError, Stop, Stopped
from codat_notebook.client import CodatLending
from codat_notebook.connecting import connect
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.secret import Secret
from codat_notebook.session import Session


def doctor(arguments: Namespace, stop: Stop) -> int:
    """Look, tell, and return the exit code."""
    if (arguments.output or arguments.write_probes) and not arguments.deep:
        raise ArgumentsError("--output and --write-probes go with --deep.")
    if _tell(observe(needs_key=not arguments.sandbox)):
        return 1
    try:
        with connected(arguments) as (client, session):
            if _tell(stop.unless(lambda: list(reach(client, session is not None, arguments.sandbox)))):
                return 1
            if not arguments.deep:
                return 0
            if session is None:
                raise CommandError("--deep needs a key: set CODAT_API_KEY or CODAT_AUTH_HEADER, or use --sandbox.")
            return _deep(session, arguments.write_probes, arguments.output, stop)
    except CodatLendingError as error:
        raise CommandError(f"{error.message} Nothing was queued.") from None
    except Stopped:
        raise CommandError("Stopped.") from None


def _tell(observations: Iterator[Observation] | list[Observation]) -> bool:
    """Print what is observed, line by line; whether there is a problem."""
    problem = False
    for each in observations:
        print(plain(str(each)), file=sys.stderr, flush=True)
        problem = problem or each.state == "problem"
    return problem


@contextmanager
def connected(arguments: Namespace) -> Iterator[tuple[CodatLending, Session | None]]:
    """A client and its session, read-only unless a refresh is wanted; without a key there is no session."""
    key = None if arguments.sandbox else Secret.from_environment()
    if key is None and not arguments.sandbox:
        with CodatLending(server_url=os.environ.get("CODAT_BASE_URL") or None, read_only=True) as client:
            yield client, None
        return
    with connect(key, sandbox=arguments.sandbox, read_only=not arguments.write_probes) as session:
        yield session.client, session


def _deep(session: Session, wanted: str | None, output: Path | None, stop: Stop) -> int:
    company = company_id(session, wanted)
    if company is not None:
        _confirm(session, company, stop)
    result = stop.unless(lambda: examine(session, company))
    print(result.report, end="", flush=True)
    try:
        if output is not None:
            output.write_text(result.report, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}.") from None
    return 3 if result.named("contradicted") else 0


def _confirm(session: Session, company: str, stop: Stop) -> None:
    """Have the company's name typed, or piped, before anything is queued."""
    name = session.client.companies.get(request={"company_id": company}).name.strip()
    where = "the sandbox" if session.is_sandbox else "LIVE"
    print(f"This queues ONE refresh of {plain(name)} ({where}). Type its name:", file=sys.stderr, flush=True)
    typed = b"" if sys.stdin is None else stop.unless(lambda: os.read(sys.stdin.fileno(), 1_000))
    if not name or typed.decode("utf-8", "replace").strip() != name:
        raise CommandError("The name was not typed. Nothing was queued.")
