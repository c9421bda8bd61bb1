"""``codat-notebook refresh``: refresh companies without a notebook, for cron, the Task Scheduler and pipelines.

The key comes from ``CODAT_API_KEY`` or ``CODAT_AUTH_HEADER`` and nobody is asked for it. Progress goes to stderr, the
table (or with ``--json`` one JSON document) to stdout. What is left over in a journal is finished first (``job``); how
it ended is told by ``outcome``; and whatever ends with a code other than 0 names the one command to run next.
"""

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

from codat_notebook.cli import has_rule, outcome
from codat_notebook.cli.exits import Exit, shown_command, without
from codat_notebook.cli.job import Job
from codat_notebook.cli.plan_file import read_plan
from codat_notebook.cli.printing import put, say
from codat_notebook.cli.stopping import ArgumentsError, CommandError, NoMatchError, Stop, Stopped
from codat_notebook.models.errors import CodatLendingError, ConfigurationError, InvalidRequestError, shown
from codat_notebook.models.operations import GetCompanyRequest, check
from codat_notebook.models.secret import Secret
from codat_notebook.models.vocabulary import ID, did_you_mean, nearest
from codat_notebook.planning.plan import totals
from codat_notebook.planning.selection import select
from codat_notebook.planning.snapshots import names_and_tags, read_facts
from codat_notebook.runs.context import find_companies, meant
from codat_notebook.runs.polling import LARGEST_PAGE
from codat_notebook.runs.refreshing import check_words
from codat_notebook.runs.store import JournalError, JournalUnwritableError
from codat_notebook.runs.targets import Targets, read_targets
from codat_notebook.session import Session, connect
from codat_notebook.tables.exports import to_csv

#: Seconds between two lines of progress: where a person looks, and in a log.
_WATCHED, _LOGGED = 1.0, 15.0
#: Statuses of answers that say what is wrong with the key, or with what it may do.
_OF_THE_KEY = ("401", "402", "403")
_AGAIN = (
    "You can run it again: what was queued and is still running is not queued twice; what has ended "
    "meanwhile is read again."
)


def refresh(arguments: Namespace, stop: Stop) -> Exit:
    """Refresh what the arguments say, and return the exit code."""
    job: Job | None = None
    then: str | None = None
    try:
        with connected(arguments) as session:
            job = _job(session, arguments, stop)
            asked = job.unless_stopped(lambda: _asked(session, arguments))
            if arguments.dry_run:
                return _show(asked)
            job.work(read_targets(asked) if isinstance(asked, pd.DataFrame) else asked)
            code, problem = job.code, job.problem
            if arguments.company and job.absent is not None and len(job.runs) == 1:
                raise NoMatchError(job.absent)
    except Stopped:
        code, problem = Exit.OPEN, "Stopped before the refresh began."
    except NoMatchError as error:
        code, problem = (Exit.DONE if arguments.allow_empty else Exit.NO_MATCH), str(error)
        then = None if arguments.allow_empty else error.next(arguments.words)
    except CommandError as error:
        error.then = error.then or _next(arguments, error.code, job)
        if arguments.json:
            _tell(arguments, job, error.code, str(error), error.then)
        raise
    then = then or _next(arguments, code, job)
    _tell(arguments, job, code, problem, then)
    if problem is not None:
        say(f"codat-notebook: {problem}")
    if code is Exit.UNKNOWN:
        say(_AGAIN)
    if then is not None:
        say(f"Next: {then}")
    return code


def _job(session: Session, arguments: Namespace, stop: Stop) -> Job:
    return Job(
        session.context, stop, arguments.journal, arguments.reserve, arguments.new_run, arguments.timeout,
        arguments.wait_lock, None if arguments.plan is None else str(arguments.plan),
        _WATCHED if sys.stderr is not None and sys.stderr.isatty() else _LOGGED,
    )  # fmt: skip


@contextmanager
def connected(arguments: Namespace, then: str = " Nothing was queued.") -> Iterator[Session]:
    """A session, with the key of the environment. What goes wrong is told in a line that ends with ``then``."""
    try:
        key = None if arguments.sandbox else Secret.from_environment()
        if key is None and not arguments.sandbox:
            why = "There is no key. Set CODAT_API_KEY or CODAT_AUTH_HEADER, or try it with --sandbox."
            raise CommandError(why, shown_command(["doctor"]))
        limits = {"per_minute": arguments.per_minute, "concurrent": arguments.concurrent}
        memory = None if arguments.sandbox else os.environ.get("CODAT_MEMORY") or None
        with connect(key, sandbox=arguments.sandbox, memory=memory, **limits) as session:
            yield session
    except ConfigurationError as error:
        raise CommandError(str(error), shown_command(["doctor"])) from None
    except JournalError as error:
        raise CommandError(str(error), _mended(arguments, error)) from None
    except CodatLendingError as error:
        of_key = str(error.status_code) in _OF_THE_KEY
        raise CommandError(f"{error}{then}", shown_command(["doctor"]) if of_key else None) from None


def _mended(arguments: Namespace, error: JournalError) -> str:
    """The command for a journal that cannot be used: the same, once it can be written, or one with another journal."""
    if isinstance(error, JournalUnwritableError):
        return shown_command(arguments.words)
    return shown_command([*without(arguments.words, "--journal"), "--journal", "another.sqlite"])


def _asked(session: Session, arguments: Namespace) -> pd.DataFrame | Targets | None:
    """What is to be refreshed: the plan of the file, the one that the rule makes, a company; ``None``: what the journal
    has. Raises :class:`NoMatchError`."""
    if has_rule(arguments):
        return _by_rule(session, arguments)
    try:
        if arguments.plan is not None:
            targets = read_targets(read_plan(arguments.plan))
        elif (company := company_id(session, arguments.company)) is not None:
            if arguments.connection is not None:
                _check_connection(session, company, arguments.connection)
            targets = read_targets(company, arguments.types, arguments.connection, arguments.product)
        else:
            return None
        checking = check_words(session.context, targets, arguments.allow_unknown, "add --allow-unknown")
        session.context.engine.call(checking)
    except ValueError as error:
        raise ArgumentsError(f"{arguments.plan}: {error}" if arguments.plan else str(error)) from None
    return targets


def _by_rule(session: Session, arguments: Namespace) -> pd.DataFrame:
    """The plan that the rule makes; a tag or platform that matches nothing is told. Raises :class:`NoMatchError`."""
    plan: pd.DataFrame | None = None
    platforms, why = arguments.platform, None
    try:
        plan = _planned(session, arguments, platforms)
        named = {name.casefold() for name in plan["platform"].dropna().unique()}
        if plan.empty or not {name.casefold() for name in platforms or ()} <= named:
            why, platforms = _matching(session, arguments)
    except ValueError as error:
        why, platforms = _matching(session, arguments)
        if why is None:
            raise ArgumentsError(str(error)) from None
    if why is None and plan is not None and not plan.empty:
        return plan
    if not (why and platforms and arguments.allow_empty):
        raise why or NoMatchError("No company meets all of the rule's conditions.")
    say(str(why))
    return _planned(session, arguments, platforms)


def _planned(session: Session, arguments: Namespace, platforms: list[str] | None) -> pd.DataFrame:
    return session.plan(
        older_than=arguments.older_than,
        failed=arguments.failed,
        overdue=arguments.overdue,
        report=arguments.report,
        tags=dict(arguments.tag) if arguments.tag else None,
        platform=platforms,
        reserve=arguments.reserve,
        progress=_reading(),
    )


def _matching(session: Session, arguments: Namespace) -> tuple[NoMatchError | None, list[str]]:
    """What of the rule matches nothing (``None``: all of it does), and the platforms that do, unless it is a tag that
    does not."""
    if not (arguments.tag or arguments.platform):
        return None, []
    snapshots = session.context.engine.call(read_facts(session.context, select()))
    names, pairs = names_and_tags(each.facts for each in snapshots if each.facts is not None)
    tags = {f"{name}={value}" for name, value in pairs}
    for tag in (f"{name}={value}" for name, value in arguments.tag or ()):
        if tag not in tags:
            why = f"No company has the tag {tag[:80]!r}.{did_you_mean(tag, tags)}"
            return NoMatchError(why, tag, nearest(tag, tags)), []
    spelled = {name.casefold() for name in names}
    known = [name for name in arguments.platform or () if name.casefold() in spelled]
    for name in arguments.platform or ():
        if name not in known:
            why = f"No connection is to a platform {name[:80]!r}.{did_you_mean(name, names)}"
            return NoMatchError(why, name, nearest(name, names)), known
    return None, known


def company_id(session: Session, company: str | None) -> str | None:
    """The id that was given, or that of the company of that name; ``None`` where there is no company."""
    if not company:
        return None
    try:
        return check(GetCompanyRequest, {"company_id": company}).company_id
    except InvalidRequestError:
        companies = session.context.engine.call(find_companies(session.client, company, 1000))
    named = [each.id for each in companies if (each.name or "").casefold() == company.casefold()]
    if len(named) == 1:
        return named[0]
    if named:
        raise ArgumentsError(f"There are {len(named)} companies with this name: {', '.join(named[:5])}. Give the id.")
    companies = session.context.engine.call(find_companies(session.client, None, LARGEST_PAGE))
    why = f"There is no company {company[:80]!r}: give its whole name, or its id.{meant(company, companies)}"
    raise NoMatchError(why, company, nearest(company, [each.name for each in companies if each.name]))


def _check_connection(session: Session, company_id: str, given: str) -> None:
    """Raise :class:`NoMatchError` for a connection that is not named by an id, with those that the company has."""
    if ID.fullmatch(given):
        return
    company = session.client.companies.get(request={"company_id": company_id})
    there = {each.id: each.platform_name or each.integration_key or "" for each in company.data_connections or ()}
    alike = [id for id, platform in there.items() if given.casefold() in platform.casefold()]
    told = ", ".join(f"{id} ({platform})" for id, platform in there.items()) or "none"
    why = f"{company.name} has no connection {given[:80]!r}: give its id. There are: {told}."
    raise NoMatchError(why, given, alike[0] if len(alike) == 1 else None)


def _reading() -> Callable[[int, int], object]:
    """Tells how many companies are read, every now and then."""
    told = [time.monotonic()]

    def tell(read: int, of: int) -> None:
        if time.monotonic() - told[0] >= _LOGGED:
            told[0] = time.monotonic()
            say(f"{read:,} of {of:,} companies looked at")

    return tell


def _show(plan: Any) -> Exit:
    """Print a plan as CSV, and what it comes to."""
    put("\n".join(map(shown, to_csv(plan).splitlines())))
    say(totals(zip(plan["action"], plan["reason"], strict=True)))
    return Exit.DONE


def _tell(arguments: Namespace, job: Job | None, code: Exit, problem: str | None, then: str | None) -> None:
    """Print the outcome."""
    runs = job.runs if job is not None else []
    if not arguments.json:
        put(outcome.text(runs))
        return
    start, end = job.times if job is not None else (None, None)
    journal = None if arguments.journal is None else str(arguments.journal)
    put(json.dumps(outcome.document(runs, code, start, end, journal, problem, then), indent=1))


def _next(arguments: Namespace, code: Exit, job: Job | None) -> str | None:
    """The one command to run next; ``None`` where there is nothing to do."""
    words = without(arguments.words, flags=("--new-run",))
    if code is Exit.DONE:
        return None
    if code is Exit.ARGUMENTS:
        return shown_command(["refresh", "--help"])
    if code is Exit.FAILED:  # what a retry does not help yet, or ever, the rule leaves out
        return shown_command(["refresh", "--failed", *(["--sandbox"] if arguments.sandbox else [])])
    if code is Exit.HELD and job is not None and all(run["outcome"] == outcome.NOT_BEGUN for run in job.runs):
        return shown_command([*without(arguments.words, "--wait-lock"), "--wait-lock", "3600"])
    if code is Exit.NO_MATCH:
        return shown_command([*arguments.words, "--allow-empty"])
    if job is not None and job.status in _OF_THE_KEY:
        return shown_command(["doctor"])
    if job is not None and job.runs and arguments.journal is not None and code is not Exit.UNKNOWN:
        rule = ("--plan", "--older-than", "--report", "--tag", "--platform", "--connection", "--product")
        left = without(words, *rule, flags=("--failed", "--overdue", arguments.company, *arguments.types))
        return shown_command(left)  # all that is left to do is in the journal
    return shown_command(words)
