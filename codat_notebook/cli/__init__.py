"""The command line: ``codat-notebook demo``, ``lab``, ``app``, ``sandbox``, ``refresh`` and ``doctor``.

``main`` reads the arguments and hands over to one function per command (``commands``), which is imported only then, so
that ``--help`` answers at once. It starts ``lab`` (JupyterLab and its notebooks) or ``console_page`` (the console
through Voila, with ``page_server`` inside) as a ``child``. ``refresh`` reads a plan and waits, ``outcome`` words how it
ended; ``doctor`` looks at the machine and at Codat. ``stopping`` holds the errors that are told in one line, and turns
Ctrl-C and its relatives into an orderly end.
Exit codes: 0 done (also by Ctrl-C), 1 an error, told in one line, 2 wrong arguments; 3 and more are ``refresh``'s own
and ``doctor``'s.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from codat_notebook import __version__
from codat_notebook.cli.doctor import add_arguments as add_doctor
from codat_notebook.cli.refresh import add_arguments as add_refresh
from codat_notebook.cli.stopping import CommandError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code (0, 1 or 2 as the module's docstring says).

    ``argv``: the arguments without the program's name; the process's own by default.

    >>> main(["sandbox", "--companies", "3"])  # doctest: +SKIP
    """
    arguments = parser().parse_args(argv)
    from codat_notebook.cli import commands

    try:
        return commands.RUN[arguments.command](arguments)
    except CommandError as error:
        print(f"codat-notebook: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """What the command line takes, also for tools that want to read it."""
    whole = argparse.ArgumentParser(
        prog="codat-notebook", description="Refresh and diagnose company data in Codat from Jupyter."
    )
    whole.add_argument("--version", action="version", version=f"codat-notebook {__version__}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    about = {
        "demo": "an embedded Codat and JupyterLab with the notebooks; needs no key and no network",
        "lab": "JupyterLab with the notebooks, copied to where you may write",
        "app": "the console as a web page without code, on the sandbox or live; loopback only, no login",
        "sandbox": "an embedded Codat alone, for notebooks, scripts and curl",
    }
    shows_defaults = argparse.ArgumentDefaultsHelpFormatter
    made = {name: commands.add_parser(name, help=text, formatter_class=shows_defaults) for name, text in about.items()}
    for name in ("demo", "lab", "app"):
        made[name].add_argument("--no-browser", action="store_true", help="print the address instead of opening it")
    for name in made:
        made[name].add_argument("--port", type=_port, default=0, help="the port to listen on; 0 takes a free one")
    for name in ("demo", "lab"):
        made[name].add_argument(
            "--dir", type=Path, default=Path("codat-notebooks"), help="where the notebooks are copied to"
        )
    _add_app(made["app"])
    _add_sandbox(made["sandbox"])
    for name in ("demo", "app", "sandbox"):
        made[name].add_argument("--speed", type=_speed, default=60.0, help="seconds that pass there in one of ours")
        made[name].add_argument("--seed", type=int, default=7, help="the same seed, the same companies and outcomes")
        made[name].add_argument(
            "--scenario", choices=("month-end",), default=argparse.SUPPRESS, metavar="NAME",
            help="a fixed story that begins on a date of its own: month-end",
        )  # fmt: skip
    add_refresh(
        commands.add_parser("refresh", help="refresh a company, a plan, or what a rule finds; wait for the end")
    )
    add_doctor(commands.add_parser("doctor", help="look at this machine, and whether Codat is as we take it to be"))
    return whole


def _add_app(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--live", action="store_true", help="Codat itself, with the key in CODAT_API_KEY or CODAT_AUTH_HEADER"
    )
    command.add_argument("--read-only", action="store_true", help="refuse everything that queues a refresh")
    command.add_argument(
        "--connect-form",
        action="store_true",
        help="ask each visitor how to connect, also with a key of their own; else nobody can change what you started",
    )
    command.add_argument("--visitors", type=_visitors, default=20, help="how many there may be at a time")
    command.add_argument(
        "--idle", type=_minutes, default=10.0, help="minutes after which a kernel ends that no page holds any more"
    )


def _add_sandbox(command: argparse.ArgumentParser) -> None:
    command.add_argument("--companies", type=_count, default=12, help="how many companies there are")
    command.add_argument(
        "--key", type=_key, default=argparse.SUPPRESS, help="the API key it accepts (default: one made of the seed)"
    )


def _port(text: str) -> int:
    return int(_number(text, 0, 65535, whole=True, wanted="a port is a number from 0 to 65535"))


def _count(text: str) -> int:
    return int(_number(text, 1, float("inf"), whole=True, wanted="at least one company"))


def _visitors(text: str) -> int:
    return int(_number(text, 1, float("inf"), whole=True, wanted="at least one visitor"))


def _key(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("a key is some text; leave it out for one made of the seed")
    return text


def _speed(text: str) -> float:
    return _number(text, 1e-9, 1e9, whole=False, wanted="a speed is a number above 0")


def _minutes(text: str) -> float:
    return _number(text, 1 / 60, 1e6, whole=False, wanted="a number of minutes above 0")


def _number(text: str, least: float, most: float, *, whole: bool, wanted: str) -> float:
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(wanted) from None
    if not least <= number <= most:  # also refuses NaN, which compares false
        raise argparse.ArgumentTypeError(wanted)
    return number
