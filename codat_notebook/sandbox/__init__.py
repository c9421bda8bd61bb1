"""A pretend Codat: seeded companies, pull operations that live and fail, faults on request.

:class:`Sandbox` serves it on a loopback port, :class:`World` is the same without a server, :class:`Clock` its time.
The parts, from the inside out:

- time and chance: ``ticks``, ``clock``, ``draws``
- who there is: ``profiles``, ``sketch``, ``showcase``, ``scenarios``, ``population``, ``companies``
- what is pulled: ``outcomes``, ``operations``, ``ledger``, ``queueing``, ``events``, ``validation``
- how it is asked: ``query``, ``listing``, ``records``, ``columns``, ``directory``, ``history``, ``paging``,
  ``catalogue``; and all of it: ``state``, ``world``
- HTTP without a wire: ``exchange``, ``routes``, ``idempotency``, ``limits``, ``traffic``, ``settings``, ``faults``,
  ``control``, ``linking``, ``service``; and with one: ``app``, ``server``

From the rest of the project it takes constants of ``models`` only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codat_notebook.sandbox.clock import Clock
    from codat_notebook.sandbox.faults import Faults, Gate
    from codat_notebook.sandbox.problems import Problem
    from codat_notebook.sandbox.server import Sandbox
    from codat_notebook.sandbox.world import World

_HOME = {
    "Clock": "clock", "Faults": "faults", "Gate": "faults", "Problem": "problems", "Sandbox": "server",
    "World": "world",
}  # fmt: skip
__all__ = ["Clock", "Faults", "Gate", "Problem", "Sandbox", "World"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
