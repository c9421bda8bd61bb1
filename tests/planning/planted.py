"""Companies in which everything is as it should be, and what a test makes wrong in one of them."""

from collections.abc import Mapping
from typing import Any

from codat_notebook.sandbox import Sandbox
from codat_notebook.sandbox.company_history import CompanyHistory
from codat_notebook.sandbox.directory import Directory
from codat_notebook.sandbox.stories import CompanyTemplate, Link

#: Read two hours ago and steady: what lending needs is whole.
BOOKS, BANK, SHOP = "qhyg", "upvr", "fztf"
#: The month before that of the tests' sandbox.
PERIOD: Mapping[str, Any] = {"period_end": "2026-10-31"}


def link(platform: str, age: float | None = 0.1, **given: Any) -> Link:
    """A connection that is never drawn to fail."""
    return Link(platform, age, **{"period": 1.0, "steady": True, **given})


def add(sandbox: Sandbox, *links: Link, name: str = "Planted") -> str:
    """A company with these connections, or with the usual three; gives its id."""
    given = links or (link(BOOKS), link(BANK), link(SHOP))
    world, now = sandbox.world, sandbox.clock.ticks()
    company = world.company_store.add(CompanyTemplate(name, "", given), now)
    company.history = CompanyHistory(world.draws, company, now)
    world.activate(company)
    world._directory = Directory(world.company_store)  # it lists those that there were
    return company.id


def connection(sandbox: Sandbox, company_id: str, platform: str) -> str:
    """The id of its connection to a platform."""
    company = sandbox.world.find_company(company_id)
    return next(each.id for each in company.connections if each.platform.key == platform)
