"""Whole portfolios: what to refresh, what it would cost, and how fresh everything is.

``selection`` says what is wanted; ``snapshots`` asks Codat for the state of many companies at once. What follows is
pure: ``plan`` decides cell by cell, ``estimate`` counts what refreshing takes and costs, ``health`` judges (it is what
:meth:`Session.portfolio_status` gives; ``needs`` has what each company needs), ``measuring`` makes of the
snapshots the table that strategies see. Of what is remembered ``timeline`` tells what became of connections,
``changes`` what has changed; ``relinks`` foresees what will.
``sync_settings`` tells what Codat does by itself; ``readiness`` holds a company against the rules of a purpose, and
``verdict`` is the answer. ``methods`` and ``remembering`` are the methods that a session gets
from here.
"""
