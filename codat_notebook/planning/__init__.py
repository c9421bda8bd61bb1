"""Whole portfolios: what to refresh, what it would cost, and how fresh everything is.

``rules`` says what is wanted; ``snapshots`` and ``reader`` ask Codat for the state of many companies at once. What
follows is pure: ``plan`` decides cell by cell, ``estimate`` counts a ``load`` at ``prices``, ``goals`` judges,
``health`` is the result that :meth:`Session.portfolio_status` gives, ``measuring`` makes of it (and of
``cell_history``) the table that strategies see. ``methods`` are the methods that a session gets from here.
"""
