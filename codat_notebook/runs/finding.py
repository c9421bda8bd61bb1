"""Finding companies, their facts and their pull operations: lists, read no further than is asked for.

The facts about a run's companies are asked for one by one where they are few, else read off the list of companies,
which holds their connections: one request stands for thousands. A company that is not on it is asked for by itself,
so that the answer says why.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from codat_notebook.client import CodatLending
from codat_notebook.models.errors import CodatLendingError, InvalidRequestError
from codat_notebook.models.shared import Company, PullOperation
from codat_notebook.runs.context import CompanyFacts, RunContext
from codat_notebook.runs.polling import LARGEST_PAGE

T = TypeVar("T")

#: Up to so many companies are asked for one by one.
FEW = 5
#: Statuses of an answer that concern one company only.
_ITS_OWN = (403, 404)

Facts = dict[str, CompanyFacts | CodatLendingError]


async def find_companies(client: CodatLending, search: str | None, limit: int | None) -> list[Company]:
    """Companies whose name contains a text, by name; at most ``limit``."""
    return await _first(client.companies.iterate_async, {"query": name_query(search), "order_by": "name"}, limit)


async def find_operations(client: CodatLending, company_id: str, limit: int | None) -> list[PullOperation]:
    """A company's pull operations, newest first; at most ``limit``."""
    request = {"company_id": company_id, "order_by": "-requested"}
    return await _first(client.manage_data.pull_operations.iterate_async, request, limit)


async def custom_connection(client: CodatLending, facts: CompanyFacts, data_type: str) -> str:
    """The connection that a custom data type is queued on: the only linked one, or the only one with such operations
    among the company's newest (one request). A type is configured for one platform, and no call tells for which.

    Raises ``InvalidRequestError`` where that leaves none, or several.
    """
    linked = [connection.id for connection in facts.linked]
    if len(linked) > 1:
        shown = {one.connection_id for one in await find_operations(client, facts.id, LARGEST_PAGE)
                 if one.data_type == data_type}  # fmt: skip
        linked = [id for id in linked if id in shown] or linked
    if len(linked) == 1:
        return linked[0]
    named = ", ".join(f"{facts.platforms[id]} {id}" for id in linked)
    which = f"There are {named}." if linked else "None of this company is linked."
    raise InvalidRequestError(f"{data_type} is queued on one connection: name it by connection_id=. {which}")


async def _first(iterate: Callable[..., AsyncIterator[T]], request: Mapping[str, Any], limit: int | None) -> list[T]:
    """The first that a request gives; no page is asked for beyond."""
    first: list[T] = []
    async for item in iterate(request={**request, "page_size": min(limit or LARGEST_PAGE, LARGEST_PAGE)}):
        first.append(item)
        if limit is not None and len(first) >= limit:
            break
    return first


def name_query(search: str | None) -> str | None:
    """Codat's query for companies whose name contains a text; the language has no quoting, so its signs are cut.

    >>> name_query("Toft & {Co}"), name_query("  ")
    ('name~Toft & Co', None)
    """
    text = re.sub(r"&&|\|\||[{}]", " ", search or "")
    text = re.sub(r"\s+", " ", text).strip()[:200]
    return f"name~{text}" if text else None


async def facts_of(context: RunContext, ids: Sequence[str]) -> Facts:
    """Company id -> its facts, or why there are none. Raises what concerns all companies."""
    facts: Facts = await _listed(context, ids) if len(ids) > FEW else {}
    missing = [id for id in ids if id not in facts]
    for start in range(0, len(missing), FEW):
        some = missing[start : start + FEW]
        facts.update(zip(some, await asyncio.gather(*(_one(context, id) for id in some)), strict=True))
    return facts


async def _listed(context: RunContext, ids: Iterable[str]) -> Facts:
    """Read the list, page after page, while that is fewer requests than to ask for those that are missing."""
    facts: Facts = {}
    left, number, pages = {id.lower(): id for id in ids}, 1, 1
    while left and pages - number < len(left) and number <= pages:
        page = await context.client.companies.list_async(request={"page": number, "page_size": LARGEST_PAGE})
        for company in page.results:
            if (id := left.pop(company.id.lower(), None)) is not None:
                facts[id] = await context.facts(company)
        pages = -(-page.total_results // LARGEST_PAGE) if page.links.next else number
        number += 1
    return facts


async def _one(context: RunContext, id: str) -> CompanyFacts | CodatLendingError:
    try:
        return await context.company(id)
    except CodatLendingError as error:
        if isinstance(error, InvalidRequestError) or error.status_code in _ITS_OWN:
            return error
        raise
