"""Pages: page, pageSize, orderBy, and the relative links between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

from codat_notebook.sandbox.problems import invalid

DEFAULT_SIZE: Final = 100
MAX_SIZE: Final = 5_000


def window(parameters: Mapping[str, str]) -> tuple[int, int]:
    """Page number and size that a request asks for.

    Raises:
        Problem: 400 when one is no positive number or the size is above 5,000.
    """
    return _positive(parameters, "page", 1, 2**31 - 1), _positive(parameters, "pageSize", DEFAULT_SIZE, MAX_SIZE)


def _positive(parameters: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 11 and 1 <= int(text) <= most):
        raise invalid(f"{name} must be a number from 1 to {most}.")
    return int(text)


def page_of(
    results: Sequence[Mapping[str, Any]], total: int, path: str, parameters: Mapping[str, str]
) -> dict[str, Any]:
    """The body of a page.

    Args:
        results: its rows.
        total: how many rows all pages have.
        path: the path of the call, for the links.
        parameters: of the request; all are kept in the links.
    """
    page, size = window(parameters)

    def link(number: int) -> dict[str, str]:
        return {"href": f"{path}?{urlencode({**parameters, 'page': number, 'pageSize': size}, quote_via=quote)}"}

    links = {"current": link(page), "self": {"href": path}}
    if page * size < total:
        links["next"] = link(page + 1)
    if page > 1:
        links["previous"] = link(page - 1)
    return {"results": results, "pageNumber": page, "pageSize": size, "totalResults": total, "_links": links}
