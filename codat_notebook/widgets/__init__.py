"""What is seen: parts that draw a session, a run or a frame, and the console that puts them together.

A ``part`` is a view of a typed state and sends typed messages; nothing here knows HTTP. ``FrameTable`` (``table``)
shows any DataFrame, ``progress`` and ``run_overview`` follow the runs of one company and of many, a heatmap of
``charts`` also shows a portfolio. ``console`` is the form for a session: its ``controller`` holds the session and joins
the ``actions`` with ``console_state`` (what each part shows), ``renderer`` (when), ``all_companies`` with
the ``planner`` of a refresh of many, ``all_runs``, ``history`` and ``details``, and ``console_parts`` names the parts.
"""

from codat_notebook.tables.column import Column
from codat_notebook.widgets.table import FrameTable

__all__ = ["Column", "FrameTable"]
