"""The facts about a run's companies: asked for one by one where they are few, else read off the list of companies.

A list holds the connections of its companies, so one request stands for thousands. A company that is not on it is
asked for by itself, so that the answer says why.
"""

import asyncio
from collections.abc import Iterable, Sequence

from codat_notebook.models.errors import CodatLendingError, InvalidRequestError
from codat_notebook.runs.context import CompanyFacts, RunContext

#: Up to so many companies are asked for one by one.
FEW = 5
#: Companies that one page may hold.
PAGE = 5000
#: Statuses of an answer that concern one company only.
_ITS_OWN = (403, 404)

Facts = dict[str, CompanyFacts | CodatLendingError]


async def facts_of(context: RunContext, ids: Sequence[str]) -> Facts:
    """Company id -> its facts, or why there are none. Raises what concerns all companies."""
    found: Facts = {}
    if len(ids) > FEW:
        await _list(context, set(ids), found)
    missing = [id for id in ids if id not in found]
    for start in range(0, len(missing), FEW):
        some = missing[start : start + FEW]
        found.update(zip(some, await asyncio.gather(*(_one(context, id) for id in some)), strict=True))
    return found


async def _list(context: RunContext, wanted: Iterable[str], found: Facts) -> None:
    """Read the list, page after page, while that is fewer requests than to ask for those that are missing."""
    left, number, pages = {id.lower(): id for id in wanted}, 1, 1
    while left and pages - number < len(left) and number <= pages:
        page = await context.client.companies.list_async(request={"page": number, "page_size": PAGE})
        for company in page.results:
            if (id := left.pop(company.id.lower(), None)) is not None:
                found[id] = await context.facts(company)
        pages = -(-page.total_results // PAGE) if page.links.next else number
        number += 1


async def _one(context: RunContext, id: str) -> CompanyFacts | CodatLendingError:
    try:
        return await context.company(id)
    except CodatLendingError as error:
        if isinstance(error, InvalidRequestError) or error.status_code in _ITS_OWN:
            return error
        raise
