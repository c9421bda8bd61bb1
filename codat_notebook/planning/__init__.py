"""Whole portfolios: what to refresh, what it would cost, and how fresh everything is.

``rules`` says what is wanted, ``reading`` asks Codat for the state of many companies at once, and everything after
that is pure: ``plan`` decides cell by cell, ``estimate`` counts, ``goals`` judges, ``health`` is the result that
:meth:`Session.portfolio_status` gives. ``methods`` are the three methods that a session gets from here.
"""
