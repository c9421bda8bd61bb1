"""Codat's published words as plain constants: data types, the reports they make up, and what to do about a failure.

Everything here is *known*, never *allowed*: the API's vocabulary is open, and a value that is missing here is
kept and shown as it is. What the statuses are and mean is in :mod:`codat_notebook.models.status`. Source: Codat's
public API description and documentation, mid 2026.
"""

import re
from typing import Final, NamedTuple

from codat_notebook.models.open_enums import SchemaDataType

#: The form of all ids: of companies, connections and pull operations, in either case.
ID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

DATA_TYPES: Final = tuple(each.value for each in SchemaDataType)
ACCOUNTING: Final = tuple(key for key in DATA_TYPES if "-" not in key)
BANKING: Final = tuple(key for key in DATA_TYPES if key.startswith("banking-"))
COMMERCE: Final = tuple(key for key in DATA_TYPES if key.startswith("commerce-"))

#: Data types that belong together in one report: refresh them together and compare their dates.
REPORTS: Final = {
    "financials": ("profitAndLoss", "balanceSheet", "cashFlowStatement", "chartOfAccounts"),
    "receivables": (
        "customers", "invoices", "payments", "creditNotes", "accountTransactions", "directCosts",
        "directIncomes", "transfers", "banking-accounts", "banking-transactions",
    ),
    "payables": ("suppliers", "bills", "billPayments", "billCreditNotes"),
    "liabilities": (
        "profitAndLoss", "balanceSheet", "chartOfAccounts", "journalEntries", "banking-accounts",
        "banking-transactions", "commerce-transactions",
    ),
    "bank": ("banking-accounts", "banking-transactions", "banking-accountBalances"),
    "sales": tuple(t for t in COMMERCE if t not in ("commerce-companyInfo", "commerce-taxComponents")),
}  # fmt: skip


class Remedy(NamedTuple):
    """What a failure means in plain words, and what to do about it.

    ``retry`` says whether refreshing again can help: ``"now"``, ``"later"`` (after a pause), ``"after"``
    (once the cause is mended) or ``"never"``; ``relink`` whether the connection's link URL is the way.
    """

    short: str
    meaning: str
    action: str
    retry: str
    relink: bool = False


REMEDIES: Final = {
    "AuthError": Remedy(
        "Authorization expired",
        "Codat is no longer authorized to read this connection.",
        "Send the customer the relink URL. Refreshing again will not help, for none of its data types.",
        "after", relink=True,
    ),
    "PermissionsError": Remedy(
        "No permission",
        "The user who linked this connection may not read this data.",
        "Ask the customer to relink with a user who may. Refreshing again will not help.",
        "after", relink=True,
    ),
    "FetchError": Remedy(
        "Source not readable",
        "The platform could not be read: an outage or maintenance.",
        "Refresh again after a pause: 15 minutes, then twice as long each time.",
        "later",
    ),
    "RateLimitError": Remedy(
        "Platform limit reached",
        "The platform's own limit on requests is used up.",
        "Refresh again in some hours (with Xero, up to 24).",
        "later",
    ),
    "PrerequisiteNotMet": Remedy(
        "Needs another data type",
        "Another data type must be read first.",
        "Refresh the data types it depends on, then this one again.",
        "after",
    ),
    "NotSupported": Remedy(
        "Not supported",
        "The platform has no such data.",
        "Nothing to do: leave this data type out for this connection.",
        "never",
    ),
    "MapError": Remedy(
        "Codat could not map it",
        "The data was read but Codat could not translate it. Codat is alerted.",
        "Try again later; if it stays, write to Codat's support with the operation's id.",
        "later",
    ),
    "ProcessingError": Remedy(
        "Codat could not process it",
        "The data was read but Codat could not process it. Codat is alerted.",
        "Try again later; if it stays, write to Codat's support with the operation's id.",
        "later",
    ),
    "InternalError": Remedy(
        "Error inside Codat",
        "Something failed on Codat's side. Codat is alerted.",
        "Try again later; if it stays, write to Codat's support with the operation's id.",
        "later",
    ),
    "ValidationError": Remedy(
        "Data fails checks",
        "The data was read but fails Codat's checks.",
        "Have the records corrected at the source, then refresh again.",
        "after",
    ),
    "Cancelled": Remedy(
        "Cancelled",
        "The operation was cancelled, for example because the connector restarted.",
        "Refresh once more.",
        "now",
    ),
}  # fmt: skip

_UNKNOWN_FAILURE: Final = Remedy(
    "Failed", "Codat reports a failure of a kind that this version does not know.",
    "Read the message; if it stays, write to Codat's support with the operation's id.", "later",
)  # fmt: skip


def remedy(status: str) -> Remedy:
    """What to do about a failed operation, also about a failure that nobody has seen before."""
    return REMEDIES.get(status, _UNKNOWN_FAILURE)


def plain_name(data_type: str) -> str:
    """Codat's key for a data type in plain words.

    >>> plain_name("creditNotes"), plain_name("banking-accountBalances"), plain_name("commerce-orders")
    ('Credit notes', 'Bank account balances', 'Commerce orders')
    """
    special = {
        "company": "Company", "banking-accounts": "Bank accounts", "bankAccounts": "Bank accounts (ledger)",
        "banking-transactions": "Bank transactions", "bankTransactions": "Bank transactions (ledger)",
        "profitAndLoss": "Profit and loss", "chartOfAccounts": "Chart of accounts",
    }  # fmt: skip
    if data_type in special:
        return special[data_type]
    family, _, key = data_type.rpartition("-")
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in key).strip()
    return f"{'bank' if family == 'banking' else family} {words}".strip().capitalize()


def family(data_type: str) -> str:
    """The family of a data type: ``"Accounting"``, ``"Banking"`` or ``"Commerce"``.

    A type nobody knows is sorted by its prefix, else with accounting, whose keys have none.
    """
    prefix = data_type.partition("-")[0]
    return {"banking": "Banking", "commerce": "Commerce"}.get(prefix, "Accounting")


def daily_requests(companies: int) -> int:
    """Requests a day that Codat allows an account of so many connected companies: 1,000 for each, and 1,000 more.

    >>> daily_requests(3000)
    3001000
    """
    return 1_000 * (1 + companies)
