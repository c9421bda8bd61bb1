"""``codat-notebook ready``: is the data of these companies complete enough for what it is for? Queues nothing.

The exit code is the answer, so that a scheduler can refresh, or a decision wait: 0 only where all of them are ready for
certain; of several the highest.
"""

import json
from argparse import Namespace
from typing import Final

from codat_notebook.cli.exits import Exit, shown_command
from codat_notebook.cli.printing import print_line, say
from codat_notebook.cli.refresh import company_id, connected
from codat_notebook.cli.stopping import ArgumentsError, Stop, Stopped, StoppedError
from codat_notebook.models.vocabulary import DATA_TYPES
from codat_notebook.planning import verdict
from codat_notebook.planning.snapshots import UNKNOWN

_CODES: Final = {
    verdict.READY: Exit.DONE, verdict.NOT_READY: Exit.NOT_READY, verdict.UNKNOWN: Exit.NOT_KNOWN,
}  # fmt: skip


def ready(arguments: Namespace, stop: Stop) -> Exit:
    """Look, tell, and return the exit code."""
    purpose: str | list[str] = arguments.purpose
    if arguments.purpose.partition(",")[0] in DATA_TYPES:  # a list of one's own
        purpose = [name.strip() for name in arguments.purpose.split(",") if name.strip()]
    skew = tuple(arguments.max_skew.split(",")) if "," in arguments.max_skew else arguments.max_skew
    with connected(arguments, " Nothing is known.") as session:
        session.companies(limit=1)  # a key that is refused is a problem, and no answer about a company

        def look() -> list[verdict.Readiness]:
            ids = [company_id(session, company) or "" for company in arguments.companies]
            asked = {"period_end": arguments.period_end, "months": arguments.months, "sources": arguments.source}
            limits = {"max_age": arguments.max_age, "max_skew": skew}
            return [session.ready(id, purpose, **asked, **limits) for id in dict.fromkeys(ids)]

        try:
            answers = stop.unless(look)
        except ValueError as error:
            raise ArgumentsError(str(error)) from None
        except Stopped:
            raise StoppedError("Stopped before everything was read.", shown_command(arguments.words)) from None
        for record in session.error_log:
            say(f"{record.what}: {record.why}")
    code = max(Exit.NO_MATCH if each.snapshot.trouble == UNKNOWN else _CODES[each.state] for each in answers)
    if arguments.json:
        print_line(json.dumps({"companies": [each.as_json() for each in answers], "exit_code": code}))
    else:
        for line in "\n\n".join(map(str, answers)).splitlines():
            print_line(line)
    if code is not Exit.DONE:
        say(f"Next: {shown_command(_next(arguments, answers))}")
    return code


def _next(arguments: Namespace, answers: list[verdict.Readiness]) -> list[str]:
    """What a command can mend of the first company that it can; else the same, once people have done their part."""
    for answer in answers:
        if types := list(dict.fromkeys(answer.plan()["data_type"])):
            return ["refresh", answer.snapshot.id, *types, *(["--sandbox"] if arguments.sandbox else [])]
    return list(arguments.words)
