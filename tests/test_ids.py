"""What an id is: every part that reads ids says the same."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from IPython.core.error import UsageError

from codat_notebook.client import queue_once
from codat_notebook.magics import Names, find
from codat_notebook.models.errors import InvalidRequestError
from codat_notebook.models.operations import GetCompanyRequest, check
from codat_notebook.sandbox.admission import Traffic
from codat_notebook.sandbox.exchange import ErrorResponse, HttpRequest
from codat_notebook.sandbox.service import ROUTES, _ids
from codat_notebook.widgets import pickers


class NoCompanies:
    """A session that is asked for a name, so it was no id."""

    @property
    def context(self) -> None:
        """Nobody is found."""
        raise UsageError("asked for by name")


def sent(text: str) -> bool:
    """Whether a request with this company id leaves."""
    try:
        return bool(check(GetCompanyRequest, {"company_id": text}))
    except InvalidRequestError:
        return False


def typed(text: str) -> bool:
    """Whether the magic takes it without asking."""
    try:
        return find(NoCompanies(), text, Names()) == text  # type: ignore[arg-type]
    except UsageError:
        return False


def served(text: str) -> bool:
    """Whether the sandbox takes it as a company's."""
    route = next(each for each in ROUTES if each.parts[-1] == "{companyId}")
    try:
        return _ids(route, [*route.parts[:-1], text]) == [text]
    except ErrorResponse:
        return False


def counted(text: str) -> bool:
    """Whether the sandbox's books know it as a company's."""
    return Traffic().come(HttpRequest("GET", f"/companies/{text}")) == text


def named(text: str) -> bool:
    """Whether it is read in Codat's words of an operation in progress."""
    match = queue_once._NAMED.search(f"previous sync: {text}.")
    return match is not None and match[1] == text


def picked(text: str) -> bool:
    """Whether the console's search takes it as one: in the browser, by a pattern of its own."""
    script = (Path(pickers.__file__).parent / "static" / "company.js").read_text(encoding="utf-8")
    pattern = re.search(r"const ID = /(.+)/i;", script)
    match = pattern and re.search(pattern[1], text, re.IGNORECASE)
    return bool(match) and match[0] == text


USERS: list[Callable[[str], bool]] = [sent, typed, served, counted, named, picked]


@pytest.mark.parametrize(
    ("text", "is_id"),
    [
        ("c8d3af58-7011-47ce-b3f2-89faf300ef6d", True),
        ("C8D3AF58-7011-47CE-B3F2-89FAF300EF6D", True),
        ("00000000-0000-0000-0000-000000000000", True),
        ("c8d3af58701147ceb3f289faf300ef6d", False),
        ("c8d3af58-7011-47ce-b3f2-89faf300ef6", False),
        ("g8d3af58-7011-47ce-b3f2-89faf300ef6d", False),
        ("toft-stores", False),
    ],
)
def test_all_agree_what_an_id_is(text: str, is_id: bool) -> None:
    """In upper or lower case, with its hyphens, whole."""
    assert [user(text) for user in USERS] == [is_id] * len(USERS)
