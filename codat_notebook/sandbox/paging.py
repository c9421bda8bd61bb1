"""Pages: page, pageSize, orderBy, and the relative links between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from codat_notebook.sandbox.problems import invalid

DEFAULT_SIZE: Final = 100


class Window(NamedTuple):
    """Which page is asked for, and how large it is."""

    number: int
    size: int

    @property
    def rows(self) -> slice:
        """Its place among all rows."""
        return slice((self.number - 1) * self.size, self.number * self.size)


def window(parameters: Mapping[str, str], largest: int) -> Window:
    """The page that a request asks for.

    Args:
        parameters: of the request.
        largest: the largest page that is given.

    Raises:
        Problem: 400 when one is no positive number or the size is above the largest.
    """
    number = _positive(parameters, "page", 1, 2**31 - 1)
    return Window(number, _positive(parameters, "pageSize", min(DEFAULT_SIZE, largest), largest))


def _positive(parameters: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 11 and 1 <= int(text) <= most):
        raise invalid(f"{name} must be a number from 1 to {most}.")
    return int(text)


def page_of(
    results: Sequence[Mapping[str, Any]], total: int, path: str, parameters: Mapping[str, str], window: Window
) -> dict[str, Any]:
    """The body of a page.

    Args:
        results: its rows.
        total: how many rows all pages have.
        path: the path of the call, for the links.
        parameters: of the request; all are kept in the links.
        window: which page it is.
    """
    page, size = window

    def link(number: int) -> dict[str, str]:
        return {"href": f"{path}?{urlencode({**parameters, 'page': number, 'pageSize': size}, quote_via=quote)}"}

    links = {"current": link(page), "self": {"href": path}}
    if page * size < total:
        links["next"] = link(page + 1)
    if page > 1:
        links["previous"] = link(page - 1)
    return {"results": results, "pageNumber": page, "pageSize": size, "totalResults": total, "_links": links}
