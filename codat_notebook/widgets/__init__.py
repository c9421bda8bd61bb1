"""What is seen: parts that draw a session, a run or a frame, and the console that puts them together.

Each part is a view of a dict (``part``); nothing here knows HTTP. ``console.console`` is the form for a session,
``run_view`` the live view of one run, ``FrameTable`` shows any DataFrame.
"""

from codat_notebook.tables.column import Column
from codat_notebook.widgets.table import FrameTable

__all__ = ["Column", "FrameTable"]
