"""``codat-notebook ready``: is the data of these companies complete enough for what it is for? Queues nothing.

The exit code is the answer, so that a scheduler can refresh, or a decision wait: :data:`READY` only where all of them
are ready for certain.
"""

import json
from argparse import Namespace
from typing import Final

from codat_notebook.cli.refresh import company_id, connected, print_line, say
from codat_notebook.cli.stopping import ArgumentsError, CommandError, Stop, Stopped
from codat_notebook.models.vocabulary import DATA_TYPES
from codat_notebook.planning import verdict

#: The exit code where all are ready, where one is not, and where of one it is not known; of several the highest.
READY, NOT_READY, NOT_KNOWN = 0, 11, 12
_CODES: Final = {verdict.READY: READY, verdict.NOT_READY: NOT_READY, verdict.UNKNOWN: NOT_KNOWN}


def ready(arguments: Namespace, stop: Stop) -> int:
    """Look, tell, and return the exit code."""
    purpose: str | list[str] = arguments.purpose
    if arguments.purpose.partition(",")[0] in DATA_TYPES:  # a list of one's own
        purpose = [name.strip() for name in arguments.purpose.split(",") if name.strip()]
    skew = tuple(arguments.max_skew.split(",")) if "," in arguments.max_skew else arguments.max_skew
    with connected(arguments.sandbox, " Nothing is known.") as session:
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
            raise CommandError("Stopped before everything was read.") from None
        for record in session.error_log:
            say(f"{record.what}: {record.why}")
    code = max(_CODES[answer.state] for answer in answers)
    if arguments.json:
        print_line(json.dumps({"companies": [each.as_json() for each in answers], "exit_code": code}))
    else:
        for line in "\n\n".join(map(str, answers)).splitlines():
            print_line(line)
    return code
