"""A pretend Codat: seeded companies, pull operations that live and fail, faults on request.

:class:`Sandbox` serves it on a loopback port, :class:`World` is the same without a server, :class:`Clock` its time.
The parts, from the inside out:

- time and chance: ``virtual_time``, ``seeded_random``
- which companies there are: ``stories`` (written by hand), ``population`` (drawn), ``situations`` (staged),
  ``companies``, ``directory``
- what is pulled: ``pull_operation``, ``company_history``, ``pull_queue``
- how it is listed: ``listing``; who is told what has happened: ``event_log``, ``webhooks``; all of it: ``world``
- HTTP without a wire: ``exchange``, ``faults`` (with the settings), ``admission``, ``controls``, ``service``; and with
  one: ``server``

From the rest of the project it takes constants and the platforms' facts of ``models`` only.
"""

from codat_notebook.sandbox.exchange import Problem
from codat_notebook.sandbox.faults import Faults, Gate
from codat_notebook.sandbox.server import Sandbox
from codat_notebook.sandbox.virtual_time import Clock
from codat_notebook.sandbox.world import World

__all__ = ["Clock", "Faults", "Gate", "Problem", "Sandbox", "World"]
