"""Finding companies by their names, and a company's pull operations: lists, read no further than is asked for."""

import re
from collections.abc import AsyncIterator
from typing import TypeVar

from codat_notebook.client import CodatLending
from codat_notebook.models.shared import Company, PullOperation
from codat_notebook.runs.polling import LARGEST_PAGE

T = TypeVar("T")


async def find_companies(client: CodatLending, search: str | None, limit: int | None) -> list[Company]:
    """Companies whose name contains a text, by name; at most ``limit``."""
    request = {"query": name_query(search), "order_by": "name", "page_size": _page_size(limit)}
    return await _first(client.companies.iterate_async(request=request), limit)


async def find_operations(client: CodatLending, company_id: str, limit: int | None) -> list[PullOperation]:
    """A company's pull operations, newest first; at most ``limit``."""
    request = {"company_id": company_id, "order_by": "-requested", "page_size": _page_size(limit)}
    return await _first(client.manage_data.pull_operations.iterate_async(request=request), limit)


def _page_size(limit: int | None) -> int:
    return min(limit or LARGEST_PAGE, LARGEST_PAGE)


async def _first(found: AsyncIterator[T], limit: int | None) -> list[T]:
    """The first of them; no page is asked for beyond."""
    first: list[T] = []
    async for each in found:
        first.append(each)
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
