"""Talks to Codat; the only room that imports httpx and httpcore, and it does so late.

``wire`` builds requests, ``reading`` reads answers; ``retrying``, ``flows`` and ``queue_once`` decide, as generators
that do no I/O; ``drivers`` obey them, blocking or awaiting, over the connections of ``pools``. ``calls`` names the
calls as the official SDK does, and :class:`CodatLending` puts all together. ``clock`` and ``quota`` know what headers
say, ``events`` what a listener hears, ``slots`` what is being queued.
"""

from codat_notebook.client.clock import ServerClock
from codat_notebook.client.codat_lending import CodatLending
from codat_notebook.client.events import Attempt, Decision, Event, Listener, Waiting
from codat_notebook.client.queueing import Queued, QueuedAll
from codat_notebook.client.quota import Pacing, Quota
from codat_notebook.models.secret import Secret

__all__ = [
    "Attempt",
    "CodatLending",
    "Decision",
    "Event",
    "Listener",
    "Pacing",
    "Queued",
    "QueuedAll",
    "Quota",
    "Secret",
    "ServerClock",
    "Waiting",
]
