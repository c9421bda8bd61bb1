"""``codat-notebook health``: whether all is as fresh as it should be, for a scheduler that tells people.

Nothing is queued. The exit code says whether all cells are within their goals; with ``--told`` only what has changed
since the last call is printed, a line each, so that whoever mails the output tells people once.
"""

import json
import os
import re
from argparse import Namespace
from pathlib import Path

from codat_notebook.cli.exits import Exit, shown_command
from codat_notebook.cli.printing import print_line, say
from codat_notebook.cli.refresh import connected
from codat_notebook.cli.stopping import CommandError, Stop, Stopped, StoppedError
from codat_notebook.models.errors import shown
from codat_notebook.planning.health import PASS, PortfolioStatus


def health(arguments: Namespace, stop: Stop) -> Exit:
    """Read, tell, and return the exit code."""
    with connected(arguments, "") as session:
        try:
            portfolio = stop.unless(lambda: session.portfolio_status(reserve=arguments.reserve))
        except Stopped:
            raise StoppedError("Stopped before everything was read.", shown_command(arguments.words)) from None
    now = troubles(portfolio)
    before = _read(arguments.told) if arguments.told else {}
    for key, line in now.items():
        if _without_count(before.get(key, "")) != _without_count(line):
            print_line(f"{'changed' if key in before else 'new'}: {line}")
    for line in (before[key] for key in before if key not in now):
        print_line(f"well again: {line}")
    if arguments.told:
        _write(arguments.told, now)
    say(repr(portfolio))
    if not now:
        return Exit.DONE
    rule = ["refresh", "--older-than", "7D", "--dry-run", *(["--sandbox"] if arguments.sandbox else [])]
    say(f"Next: {shown_command(rule)}")
    return Exit.LATE


def troubles(portfolio: PortfolioStatus) -> dict[str, str]:
    """What is not as it should be: a line for each company or cell, under a key that stays."""
    lines = {
        snapshot.id: f"{snapshot.name}: {snapshot.trouble}" for snapshot in portfolio.snapshots if snapshot.trouble
    }
    names = {snapshot.id: snapshot.name for snapshot in portfolio.snapshots}
    for cell in portfolio.current:
        if (verdict := portfolio.verdict(cell)) not in (PASS, None):
            key = f"{cell.company_id} {cell.connection_id} {cell.data_type}"
            again = f", {cell.status}: {cell.lasting}" if cell.lasting else ""
            lines[key] = f"{names[cell.company_id]}, {cell.platform}, {cell.data_type}: {verdict}{again}"
    return {key: shown(line) for key, line in lines.items()}


def _without_count(line: str) -> str:
    """How often something has failed changes each day, and is no news."""
    return re.sub(r"failed \d+ times", "failed", line)


def _read(path: Path) -> dict[str, str]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CommandError(f"The file {path} cannot be read: {error}. Delete it, or name another file.") from None
    if not (isinstance(told, dict) and all(isinstance(line, str) for line in told.values())):
        raise CommandError(f"{path} was not written by this command. Name another file.")
    return told


def _write(path: Path, lines: dict[str, str]) -> None:
    """All of it or nothing: a file that is cut off would tell everything anew."""
    try:
        whole = path.with_name(f"{path.name}.new")
        whole.write_text(json.dumps(lines, indent=1), encoding="utf-8")
        os.replace(whole, path)
    except OSError as error:
        raise CommandError(f"The file {path} cannot be written: {error.strerror}. Name another file.") from None
