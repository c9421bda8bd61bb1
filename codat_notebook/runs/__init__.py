"""Starting refreshes and following them to the end.

``run`` holds :class:`RefreshRun`, the handle of a refresh. Its work is a ``job`` that goes through ``queueing`` and
``following``; ``rows`` (what a look changes) and ``polling`` (when to look again) are pure. ``cells`` tells how fresh a
company is, ``desk`` what runs need of their session, ``records`` holds the logs, ``engine`` the one background thread
on which all of it happens.
"""

from codat_notebook.runs.run import RefreshRun

__all__ = ["RefreshRun"]
