"""Starting refreshes and following them to the end.

``run`` holds :class:`RefreshRun`, the handle of a refresh, which ``refreshing`` gives a session; ``journal`` (its file
is a ``store``, where ``plans`` may wait, in a ``folder`` that lists them) begins one with ``targets``, or continues it;
``attempts`` tells what may be tried again, and hands it to the run's successor. A ``scheduler`` takes each
``company_run`` through ``sending`` and ``following``, within what the session's ``governor`` allows; ``rows`` (what a
look changes, and what all add up to), ``polling`` (when to look again) and ``durations`` (what is known about that) are
pure. ``asking`` gives a session's methods their two forms, blocking and awaited. ``cells`` tells how fresh companies
are, ``context`` what runs need of their session, ``listening`` receives webhook events, ``records`` holds the logs,
``memory`` the file of what was seen, ``engine`` the one background thread on which all of it happens, and how often it
tells.
"""

from codat_notebook.runs.memory import MemoryFileError
from codat_notebook.runs.records import RefreshError
from codat_notebook.runs.run import RefreshRun
from codat_notebook.runs.store import (
    JournalDamagedError,
    JournalError,
    JournalInUseError,
    JournalUnfinishedError,
    JournalUnwritableError,
    JournalVersionError,
    NotAJournalError,
)

__all__ = [
    "JournalDamagedError",
    "JournalError",
    "JournalInUseError",
    "JournalUnfinishedError",
    "JournalUnwritableError",
    "JournalVersionError",
    "MemoryFileError",
    "NotAJournalError",
    "RefreshError",
    "RefreshRun",
]
