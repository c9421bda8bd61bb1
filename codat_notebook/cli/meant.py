"""A word that nothing is named by is met with the word that was meant."""

import difflib
from collections.abc import Iterable

from codat_notebook.cli.stopping import ArgumentsError
from codat_notebook.models.vocabulary import DATA_TYPES, custom_identifier


def meant(word: str, known: Iterable[str]) -> str:
    """A question for the known word that is nearest to ``word``; empty where none is near.

    >>> meant("Invoice", ["bills", "invoices"]), meant("Xero", ["invoices"])
    (" Did you mean 'invoices'?", '')
    """
    spelled = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(word.casefold(), spelled, 1, 0.7)
    return f" Did you mean {spelled[near[0]]!r}?" if near else ""


def check_type(name: str, where: str = "") -> None:
    """Raise :class:`ArgumentsError` for a data type that Codat is not known to have, if one that it has is near.

    ``where``: in which line of a file it stands. A custom type is its owner's, and a new one may be far from all.
    """
    if name not in DATA_TYPES and custom_identifier(name) is None and (asked := meant(name, DATA_TYPES)):
        insist = "If Codat has it, add --allow-unknown."
        raise ArgumentsError(f"{where}Codat has no data type {name[:80]!r}.{asked} {insist}")
