"""The command line: ``codat-notebook demo``, ``lab``, ``app``, ``sandbox``, ``listen``, ``refresh``, ``health``,
``ready``, ``memory`` ...

``main`` reads the arguments and hands over to one function per command (``commands``), which is imported only then, so
that ``--help`` answers at once. ``child`` is JupyterLab, or the console as a page (with ``page_server`` inside).
``refresh`` reads a plan (``plan_file``), has a ``job`` carry it out, and tells how it ended (``outcome``).
``freshness`` is ``health``, which tells what is not fresh; ``doctor`` looks at the machine and at Codat. ``stopping``
holds the errors that are told in one line, and turns Ctrl-C and its relatives into an orderly end; ``printing`` is
where the last four print. All exit codes stand in ``exits``. Whatever ends with another than 0 says at its end which
command to run next.
"""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from codat_notebook import __version__
from codat_notebook.cli.exits import Exit, shown_command, told
from codat_notebook.cli.stopping import ArgumentsError, CommandError, stoppable

#: Where the commands are that give an exit code; the others are in ``commands``.
_MODULES = {"refresh": "refresh", "health": "freshness", "ready": "ready", "doctor": "doctor"}
_MEMORY = "the file that keeps what sessions see (default: CODAT_MEMORY)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code, as the module's docstring says.

    ``argv``: the arguments without the program's name; the process's own by default.

    >>> main(["sandbox", "--companies", "3"])  # doctest: +SKIP
    """
    arguments = parser().parse_args(argv)
    #: As they were given, to be shown again.
    arguments.words = list(sys.argv[1:] if argv is None else argv)
    try:
        with stoppable() as stop:
            if arguments.command == "refresh":
                _check_refresh(arguments)
            module = import_module(f"codat_notebook.cli.{_MODULES.get(arguments.command, 'commands')}")
            code = getattr(module, arguments.command)(arguments, stop)
            return Exit.DONE if code is None else code
    except CommandError as error:
        from codat_notebook.cli.printing import say

        say(f"codat-notebook: {error}")
        say(f"Next: {error.next(arguments.words) or shown_command([arguments.command, '--help'])}")
        return error.code


class _Parser(argparse.ArgumentParser):
    """Says what to do next if the arguments are wrong."""

    def error(self, message: str) -> NoReturn:
        from codat_notebook.models.errors import shown

        self.print_usage(sys.stderr)
        self.exit(Exit.ARGUMENTS, f"{self.prog}: error: {shown(message)}\nNext: {self.prog} --help\n")


class _PrintCompletion(argparse.Action):
    """Prints what a shell reads to complete the commands and options, and files where a path is wanted."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: object, shell: Any, _: object = None) -> NoReturn:
        from codat_notebook.models.errors import needed

        try:
            shtab = needed("shtab", "completion")
        except ModuleNotFoundError as missing:
            parser.error(str(missing))
        commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
        for action in [each for command in commands.choices.values() for each in command._actions]:
            if action.type is Path:
                action.complete = shtab.FILE
        print(shtab.complete(parser, shell))
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """What the command line takes, also for tools that want to read it."""
    whole = _Parser(prog="codat-notebook", description="Refresh and diagnose company data in Codat from Jupyter.")
    whole.add_argument("--version", action="version", version=f"codat-notebook {__version__}")
    completes = "print the completion script for a shell: bash, zsh or tcsh"
    shells = ("bash", "zsh", "tcsh")
    whole.add_argument("--print-completion", action=_PrintCompletion, choices=shells, metavar="SHELL", help=completes)
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    about = {
        "demo": "start an embedded Codat, and JupyterLab with the notebooks; needs no key and no network",
        "lab": "start JupyterLab with the notebooks, copied to a folder of yours",
        "app": "serve the console as a web page, on the sandbox or live; loopback only, no login",
        "sandbox": "start only the embedded Codat, for notebooks, scripts and curl",
        "listen": "print Codat's webhook events as they arrive; set the signing secret in CODAT_WEBHOOK_SECRET",
    }
    shows_defaults = argparse.ArgumentDefaultsHelpFormatter
    made = {name: commands.add_parser(name, help=text, formatter_class=shows_defaults) for name, text in about.items()}
    port = _number(int, 0, 65535, "a port is a number from 0 to 65535")
    for name, command in made.items():
        add = command.add_argument
        if name == "listen":
            add("--sandbox", action="store_true", help="start an embedded Codat that delivers here; needs no secret")
        elif name != "sandbox":
            add("--no-browser", action="store_true", help="print the address instead of opening it")
        if name == "app":
            which = "the port to listen on; 0 takes a free one (default: 26328, or a free one if that is taken)"
            add("--port", type=port, default=argparse.SUPPRESS, help=which)
        else:
            add("--port", type=port, default=0, help="the port to listen on; 0 takes a free one")
        if name in ("demo", "lab"):
            add("--dir", type=Path, default=Path("codat-notebooks"), help="where the notebooks are copied to")
        if name == "app":
            _add_app(command)
        if name == "sandbox":
            _add_sandbox(command)
        if name not in ("lab", "listen"):
            _add_world(command)
    usual = (Exit.DONE, Exit.PROBLEM, Exit.ARGUMENTS)
    for name, add_options, text, codes in (
        ("refresh", _add_refresh, "refresh a company, a plan, or what a rule finds, and wait for the end",
         [code for code in Exit if code < Exit.LATE or code is Exit.NO_MATCH]),
        ("health", _add_health, "check whether all companies' data is as fresh as it should be; queues nothing",
         [*usual, Exit.OPEN, Exit.LATE]),
        ("memory", _add_memory, "delete a company from what sessions remember", usual),
        ("ready", _add_ready, "check whether companies' data is complete enough for a purpose; queues nothing",
         [*usual, Exit.OPEN, Exit.NO_MATCH, Exit.NOT_READY, Exit.NOT_KNOWN]),
        ("doctor", _add_doctor, "check this machine, and whether Codat works as expected",
         [*usual, Exit.OPEN, Exit.NO_MATCH, Exit.DIFFERS]),
    ):  # fmt: skip
        shape = argparse.RawDescriptionHelpFormatter
        add_options(commands.add_parser(name, help=text, formatter_class=shape, epilog=told(*codes)))
    return whole


def _add_world(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    speed = _number(float, 1e-9, 1e9, "a speed is a number above 0")
    add("--speed", type=speed, default=60.0, help="how many seconds pass in the sandbox in one real second")
    add("--seed", type=int, default=7, help="the same seed gives the same companies and outcomes")
    story = "play a fixed story, which has its own start date: month-end, situations"
    add("--scenario", choices=("month-end", "situations"), default=argparse.SUPPRESS, metavar="NAME", help=story)


def _add_app(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--live", action="store_true", help="use the real Codat, with the key in CODAT_API_KEY or CODAT_AUTH_HEADER")
    add("--read-only", action="store_true", help="refuse everything that queues a refresh")
    add("--memory", type=Path, default=argparse.SUPPRESS, metavar="FILE", help=_MEMORY)
    kept = "folder for journals: with it a run outlives its page, and whoever opens its address continues it"
    add("--journals", type=Path, metavar="FOLDER", help=kept)
    add("--no-memory", action="store_true", help="remember nothing; --live needs this or --memory")
    add(
        "--connect-form",
        action="store_true",
        help="ask visitors how to connect, also with their own key; without it nobody can change what you started",
    )
    visitors = _number(int, 1, math.inf, "at least one visitor")
    add("--visitors", type=visitors, default=20, help="how many visitors there may be at once")
    minutes = _number(float, 1 / 60, 1e6, "a number of minutes above 0")
    add("--idle", type=minutes, default=10.0, help="minutes after which a kernel with no open page ends")
    _add_limits(command, ", for each visitor")


def _add_sandbox(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    companies = _number(int, 1, math.inf, "at least one company")
    add("--companies", type=companies, default=12, help="how many companies to make up")
    add("--key", type=_key, default=argparse.SUPPRESS, help="the API key it accepts (default: made from the seed)")


def _add_health(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--told", type=Path, metavar="FILE", help="print only what has changed since the last call with this file")
    add("--reserve", type=float, default=0.1, help="share of the day's quota to leave for others")
    _add_limits(command)
    add("--sandbox", action="store_true", help="an embedded Codat; needs no key and no network")


def _add_memory(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--memory", type=Path, metavar="FILE", help=_MEMORY)
    add("--forget", required=True, metavar="COMPANY", help="delete everything about this company, given by id")


def _add_ready(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("companies", nargs="+", metavar="COMPANY", help="a company's id, or its whole name")
    add("--purpose", default="lending", help="lending, financials, bank, ...; or data types, separated by commas")
    add("--period-end", metavar="DATE", help="last day of the period, such as 2026-10-31; without it none is ready")
    add("--months", type=int, help="months of history needed before the period's end")
    add("--source", action="append", help="connections that count: accounting, bank, commerce (default: all)")
    add("--max-age", metavar="AGE", help="how old data may be (default: 31D)")
    skew = "how far apart the data of one source may have been read; 1D,7D: the second is for all sources"
    add("--max-skew", metavar="AGE", default="1D", help=skew)
    add("--json", action="store_true", help="print one JSON document")
    _add_limits(command)
    add("--sandbox", action="store_true", help="an embedded Codat; needs no key and no network")


def _add_doctor(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--deep", action="store_true", help="probe Codat by reading: at most 60 requests, one by one; no refresh")
    add("--output", type=Path, metavar="FILE", help="also write the report of --deep to this file")
    add("--write-probes", metavar="COMPANY", help="with --deep: queue ONE refresh of this company, by id or whole name")
    add("--sandbox", action="store_true", help="an embedded Codat; needs no key and no network")


def _add_refresh(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("company", nargs="?", metavar="COMPANY", help="a company's id, or its whole name")
    add("types", nargs="*", metavar="TYPE", help="data types, as Codat names them, such as invoices")
    add("--connection", metavar="ID", help="only this connection (default: every connection that has the type)")
    add("--product", metavar="NAME", help="a custom product of the company: all of it, or these types")
    add("--plan", type=Path, help="a CSV file with company_id and data_type, such as session.plan() makes")
    rule = command.add_argument_group("or a rule", "refresh what meets all conditions")
    add_rule = rule.add_argument
    add_rule("--older-than", metavar="AGE", help="data not read successfully for this long, such as 7D")
    add_rule("--failed", action="store_true", help="data whose last attempt failed")
    add_rule("--overdue", action="store_true", help="also refresh what has been in progress for more than 7 days")
    add_rule("--report", action="append", help="the data types of a report: financials, receivables, ...")
    add_rule("--tag", action="append", type=_tag, metavar="NAME=VALUE", help="companies with this tag")
    add_rule("--platform", action="append", help="connections to this platform, by name or key")
    add_rule("--dry-run", action="store_true", help="queue nothing: print the plan as CSV")
    add("--journal", type=Path, help="a file that keeps the run; an unfinished run in it is finished first")
    add("--new-run", action="store_true", help="after that, start a new run even if it was a run of the same plan")
    add("--wait-lock", type=float, default=0.0, metavar="SECONDS", help="how long to wait for a journal in use")
    add("--reserve", type=float, default=0.0, help="share of the day's quota to leave for others")
    _add_limits(command)
    add("--timeout", type=float, metavar="SECONDS", help="stop after this time, even if operations are running")
    add("--allow-empty", action="store_true", help="exit with 0 even if no company, tag or platform matches")
    add("--allow-unknown", action="store_true", help="accept data types that no company is known to have")
    add("--json", action="store_true", help="print one JSON document instead of the table")
    add("--sandbox", action="store_true", help="an embedded Codat; needs no key and no network")


def _add_limits(command: argparse.ArgumentParser, whose: str = "") -> None:
    add = command.add_argument
    requests = _number(int, 1, math.inf, "at least one request")
    add("--per-minute", type=requests, default=1000, help=f"most requests in any minute{whose}")
    add("--concurrent", type=requests, default=10, help=f"most requests at a time for each company{whose}")


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError("a tag is NAME=VALUE, such as region=uk")
    return name, value


def _check_refresh(arguments: argparse.Namespace) -> None:
    """Refuse what does not go together."""
    company, product, rule = arguments.company, arguments.product is not None, has_rule(arguments)
    ways = [bool(company), arguments.plan is not None, rule]
    no_text = any("\ud800" <= letter <= "\udfff" for letter in company or "")  # bytes that are no text
    for wrong, why in (
        (sum(ways) > 1, "Give a company with data types, or a plan, or a rule, not several of them."),
        (company and not arguments.types and not product, "Name at least one data type, such as invoices."),
        ((arguments.connection or product) and not company, "--connection and --product go with a company."),
        (arguments.connection and product, "The refresh of a product takes no --connection."),
        (
            not any(ways) and (arguments.dry_run or arguments.journal is None),
            "Give a company with data types, or a plan, or a rule such as --older-than 7D.",
        ),
        (arguments.dry_run and not rule, "--dry-run goes with a rule."),
        (no_text, "The company's name cannot be read in the terminal's encoding: give its id."),
        (arguments.timeout is not None and not arguments.timeout > 0, "--timeout is a number of seconds above 0."),
        (not 0 <= arguments.wait_lock < math.inf, "--wait-lock is a number of seconds, 0 or more."),
        (arguments.new_run and arguments.journal is None, "--new-run goes with --journal."),
        (not 0 <= arguments.reserve < 1, "--reserve is a share from 0 to below 1."),
    ):
        if wrong:
            raise ArgumentsError(why)


def has_rule(arguments: argparse.Namespace) -> bool:
    """Whether a rule says what is refreshed."""
    return bool(arguments.older_than or arguments.failed or arguments.report or arguments.tag or arguments.platform)


def _number(kind: type[int] | type[float], least: float, most: float, wanted: str) -> Callable[[str], float]:
    """Reads a number from ``least`` to ``most``; what is none is answered with what is ``wanted``."""

    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(wanted) from None
        if not least <= number <= most:  # also refuses NaN, which compares false
            raise argparse.ArgumentTypeError(wanted)
        return number

    return read


def _key(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("a key is some text; leave it out for one made of the seed")
    return text
