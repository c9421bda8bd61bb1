"""The words of the screen are :mod:`codat_notebook.words`, which reports without a screen use as well."""

from codat_notebook.words import TIME, ago, count, duration, iso, number, seconds_between, short_id, utc

__all__ = ["TIME", "ago", "count", "duration", "iso", "number", "seconds_between", "short_id", "utc"]
