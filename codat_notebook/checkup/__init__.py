"""The doctor: what this machine has, and whether the real Codat is as this package takes it to be.

:mod:`~codat_notebook.checkup.machine` looks at Python, widgets, proxies, certificates, key and clock. ``probing`` asks
Codat, by reading only; ``judging`` compares the answers with the register in
:mod:`codat_notebook.models.assumptions`; ``evidence`` decides what may be told of them; ``verdicts`` writes the report.
``trial`` is the one refresh that shows the rest, where somebody wants that.
"""

from typing import Any, Protocol

from codat_notebook.checkup.probing import Desk, look
from codat_notebook.checkup.trial import refresh_once
from codat_notebook.checkup.verdicts import CheckUp, conclude
from codat_notebook.client import CodatLending
from codat_notebook.runs.engine import engine


class Connected(Protocol):
    """What is needed of a session."""

    client: CodatLending
    is_sandbox: bool


def doctor(session: Connected) -> CheckUp:
    """Look whether Codat is as this package takes it to be, by reading only: at most 60 requests, no refresh.

    Parameters
    ----------
    session : of :func:`codat_notebook.connect`; a read-only one will do.

    Returns the :class:`CheckUp`: ``.frame`` has a row for each assumption, ``.report`` is a text without names, ids,
    addresses or the key, to attach to an issue. It sends nothing more once Codat refuses the key, asks to slow down,
    or has fewer than 100 requests left for today; what could not be seen is ``"not seen"``. Raises nothing of its own.

    >>> doctor(session)  # doctest: +SKIP
    """
    return examine(session)


def examine(session: Connected, refresh: str | None = None) -> CheckUp:
    """The same; with ``refresh``, a company's id, ONE small data type of it is queued to see the rest.

    Raises ``ReadOnlyError`` where the session may not queue.
    """
    desk = Desk(session.client, refresh is not None)

    def all_of_it() -> Any:
        yield from look(desk)
        return (yield from refresh_once(desk, refresh)) if refresh else {}

    tried = engine().call(session.client.drive_async(all_of_it()))
    return conclude(desk, tried, session.is_sandbox)


__all__ = ["CheckUp", "doctor"]
