"""Whole portfolios: what to refresh, what it would cost, and how fresh everything is.

``selection`` says what is wanted; ``snapshots`` asks Codat for the state of many companies at once. What follows is
pure: ``plan`` decides cell by cell, ``estimate`` counts what refreshing takes and costs, ``goals`` judges, ``health``
is the result that :meth:`Session.portfolio_status` gives, ``measuring`` makes of the snapshots the table that
strategies see. ``methods`` are the methods that a session gets from here.
"""
