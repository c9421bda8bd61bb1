"""What a status means: whether a pull operation runs, ended or failed, its stage, its colour and sign, its plain words.

Everybody who asks about a status, or from which age on data is old, asks here: what follows runs, the frames, the
progress, the tables, the report and the command line. The browser gets its constants from here, too
(:mod:`codat_notebook.widgets.part`). The API's vocabulary is open. An unknown word that ends in ``Error`` is a
failure; any other runs until the operation is completed, and has no stage, a neutral colour and itself for words.
"""

import re
from datetime import datetime
from typing import Final, NamedTuple

from codat_notebook.models.instants import instant

#: Statuses of a pull operation on its way, in order, each with the stage (0 to 4) that it belongs to.
STAGES: Final = {
    "Initial": 0, "Queued": 0,
    "Fetching": 1,
    "MapQueued": 2, "Mapping": 2,
    "ValidationQueued": 3, "Validating": 3,
    "ProcessingQueued": 4, "Processing": 4,
}  # fmt: skip
STAGE_NAMES: Final = ("Queued", "Fetching", "Mapping", "Validating", "Processing")
#: Last statuses that are no success, with the stage at which the operation ended.
FAILURES: Final = {
    "AuthError": 1, "FetchError": 1, "RateLimitError": 1, "PermissionsError": 1, "PrerequisiteNotMet": 1,
    "NotSupported": 1, "Cancelled": 1, "MapError": 2, "ValidationError": 3, "ProcessingError": 4,
    "InternalError": 4,
}  # fmt: skip
STATUSES: Final = (*STAGES, "Complete", *FAILURES)
_CONNECTION_TONES: Final = {"PendingAuth": "warn", "Linked": "ok", "Unlinked": "idle", "Deauthorized": "bad"}
CONNECTION_STATUSES: Final = tuple(_CONNECTION_TONES)

#: The colours of a status, each with its sign and what it stands for.
TONES: Final = {
    "ok": ("✓", "complete"), "run": ("◔", "running"), "warn": ("‖", "paused or waiting"), "bad": ("✕", "failed"),
    "idle": ("–", "anything else"),
}  # fmt: skip
#: Days since the last good sync from which on data is old (Codat's documentation recommends to refresh weekly), and
#: stale: without one sync a month a connection's authorization may lapse.
OLD: Final = 7
STALE: Final = 31
#: Words for those statuses that are not plain words: of operations, connections, and requests without an HTTP status.
_WORDS: Final = {
    "Initial": "Starting", "MapQueued": "Waiting to map", "ValidationQueued": "Waiting for checks",
    "ProcessingQueued": "Waiting to process", "AuthError": "Authorization expired", "FetchError": "Source not readable",
    "RateLimitError": "Platform limit reached", "PermissionsError": "No permission",
    "PrerequisiteNotMet": "Needs another data type", "NotSupported": "Not supported",
    "MapError": "Codat could not map it", "ValidationError": "Data failed checks",
    "ProcessingError": "Codat could not process it", "InternalError": "Error inside Codat",
    "PendingAuth": "Waiting for the customer to link", "NoResponseError": "No answer",
    "ResponseValidationError": "Unreadable answer", "InvalidRequestError": "Request not valid",
    "ReadOnlyError": "Read-only session",
}  # fmt: skip
_PAUSED: Final = re.compile(
    r"paused until\s+(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z| ?[+-]\d\d(?::?\d\d)?)?|[^.,;\n]+)",
    re.IGNORECASE,
)
_OFFLINE: Final = re.compile("waiting for asynchronous response", re.IGNORECASE)
#: What Codat holds until the customer's machine is on and its connector runs; only then is it read.
AT_MACHINE: Final = "Waiting for a machine"


class Meaning(NamedTuple):
    """What a pull operation's status means.

    ``kind`` is ``"running"``, ``"complete"``, ``"failed"`` or, ended as neither, ``"other"``; ``stage`` 0 to 4, 5 for
    all done, ``None`` where none is known; ``tone`` one of :data:`TONES`. What to do is told by ``diagnosis``.
    """

    kind: str
    stage: int | None
    tone: str
    text: str


def plain_status(status: str) -> str:
    """A status in plain words, of a pull operation, a connection or a failed request; an unknown one is its own words.

    >>> plain_status("PermissionsError"), plain_status("Complete"), plain_status("PendingAuth"), plain_status("404")
    ('No permission', 'Complete', 'Waiting for the customer to link', '404')
    """
    return _WORDS.get(status, status)


def with_status(status: str) -> str:
    """A status in plain words, with Codat's own in brackets for those who look it up.

    >>> with_status("PermissionsError"), with_status("Cancelled")
    ('No permission (PermissionsError)', 'Cancelled')
    """
    words = plain_status(status)
    return words if words == status else f"{words} ({status})"


def meaning(
    status: str, completed: str | None = None, description: str | None = None, on_premise: bool = False
) -> Meaning:
    """What a status means, given the operation's ``completed`` and ``statusDescription``, and whether its connector
    runs on the customer's machine: there what is queued waits for that, while online platforms are read at once.

    ``Cancelled`` is a failure like any other, and red: somebody has to refresh once more. ``NotSupported`` counts as a
    failure, too (the data did not come), but is not red: nobody has to do anything, and no retry changes it.

    >>> meaning("Cancelled").tone, meaning("NotSupported").kind, meaning("NotSupported").tone, meaning("Routing").kind
    ('bad', 'failed', 'idle', 'running')
    """
    text = plain_status(status) or "No status"
    if status == "Complete":
        return Meaning("complete", 5, "ok", status)
    if is_failed(status):
        return Meaning("failed", FAILURES.get(status, 1), "bad" if is_problem(status) else "idle", text)
    stage = STAGES.get(status)
    if not is_running(status, completed):
        return Meaning("other", stage, "idle", text)
    if pause := pause_end(description):
        return Meaning("running", stage, "warn", f"Paused until {pause}")
    if (on_premise and stage == 0) or _OFFLINE.search(description or ""):
        return Meaning("running", stage, "warn", AT_MACHINE)
    return Meaning("running", stage, "run" if status in STAGES else "idle", text)


def is_failed(status: str) -> bool:
    """Whether an operation ended without its data: by a published failure, or an unknown word that ends in ``Error``.

    What counts as failed (in a run, the progress, an exit code) is this; what is drawn red is :func:`is_problem`.
    """
    return status in FAILURES or status.endswith("Error")


def is_problem(status: str) -> bool:
    """Whether somebody has to do something: every failure, but not where the platform has no such data."""
    return is_failed(status) and status != "NotSupported"


def is_running(status: str, completed: str | None = None) -> bool:
    """Whether an operation is still on its way. An unknown status is, until ``completed`` is set.

    >>> is_running("Mapping"), is_running("Complete"), is_running("Routing"), is_running("Routing", "2026-01-01")
    (True, False, True, False)
    """
    if status == "Complete" or is_failed(status):
        return False
    return status in STAGES or not completed


def tone(status: str) -> str:
    """The colour of a status, of a pull operation or of a connection.

    >>> tone("Complete"), tone("Mapping"), tone("FetchError"), tone("Deauthorized"), tone("Routing")
    ('ok', 'run', 'bad', 'bad', 'idle')
    """
    return _CONNECTION_TONES.get(status) or meaning(status).tone


def sign(colour: str) -> str:
    """The sign of a colour, for those who cannot tell colours apart."""
    return TONES[colour][0]


def can_be_relinked(connection_status: str) -> bool:
    """Whether the connection's link URL is the way to link it (again)."""
    return connection_status in CONNECTION_STATUSES and connection_status != "Linked"


def paused_until(description: str | None) -> datetime | None:
    """The time in Codat's ``Paused until <time>``, in UTC; ``None`` where there is none that can be read.

    >>> paused_until("Paused until 2026-11-23 15:05+01:00").isoformat()
    '2026-11-23T14:05:00+00:00'
    """
    return instant(re.sub(r"\s(?=[+-])", "", _pause(description)).upper())


def pause_end(description: str | None) -> str | None:
    """The same time as text with a Z, or as Codat wrote it; ``None`` where nothing is paused.

    >>> pause_end("Paused until 2026-11-23 14:05"), pause_end("Paused until next week."), pause_end("Fetching")
    ('2026-11-23T14:05:00Z', 'next week', None)
    """
    until = paused_until(description)
    return f"{until:%Y-%m-%dT%H:%M:%SZ}" if until else _pause(description) or None


def _pause(description: str | None) -> str:
    match = _PAUSED.search(description or "")
    return match[1].strip() if match else ""
