"""Fixed stories for demos: companies, their state and the date are the same every time.

``month-end``: the last working day of November. The reports need fresh data: most of it is stale, one type fails
until it is refreshed a second time, one connection must be relinked, and then everything adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from codat_notebook.sandbox.templates import CompanyTemplate, Failing, Link


class Scenario(NamedTuple):
    """The companies that come first, and the first instant."""

    sketches: Sequence[CompanyTemplate]
    start: datetime


_MONTH_END: Final = (
    CompanyTemplate(
        "Toft Stores UK",
        "Convenience stores in the north of England",
        (
            Link(
                "akxx", 9.0, period=7.0, steady=True,
                ages={"invoices": 2.1, "customers": 2.1, "creditNotes": 31.0},
                failing={"payments": Failing("FetchError", 0.6, 2)},
                next_outcomes={"payments": ("FetchError", "Complete")},
            ),
            Link("xpnu", 8.2, period=7.0, steady=True),
        ),
        {"region": "uk", "segment": "retail"},
        days_old=700,
    ),
    CompanyTemplate(
        "Harbour & Finch Ltd",
        "CompanyStore agents",
        (Link("gbol", 12.0, period=3.0, status="Deauthorized", steady=True),),
        {"region": "uk", "segment": "property"},
        days_old=450,
    ),
    CompanyTemplate(
        "Technicalium",
        "Technology services, including web and app design and development",
        (Link("gbol", 0.2, period=1.0, steady=True), Link("ngfh", 0.2, period=1.0, steady=True)),
        {"region": "uk", "segment": "services"},
        days_old=520,
    ),
)  # fmt: skip

SCENARIOS: Final = {"month-end": Scenario(_MONTH_END, datetime(2026, 11, 30, 8, 30, tzinfo=UTC))}


def scenario(name: str) -> Scenario:
    """The story of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in SCENARIOS:
        raise ValueError(f"no scenario {name!r}; there are: {', '.join(SCENARIOS)}")
    return SCENARIOS[name]
