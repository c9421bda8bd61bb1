"""Codat's published words as plain constants: data types and the reports they make up.

Everything here is *known*, never *allowed*: the API's vocabulary is open, and a value that is missing here is
kept and shown as it is. What the statuses are and mean is in :mod:`codat_notebook.models.status`, what to do about a
failure in :mod:`codat_notebook.diagnosis`. Source: Codat's
public API description and documentation, mid 2026.
"""

import re
from typing import Final, NamedTuple

from codat_notebook.models.open_enums import SchemaDataType

#: The form of all ids: of companies, connections and pull operations, in either case.
ID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: What the client's own data types begin with: ``custom/`` and the identifier they were configured under, for one
#: platform each (docs/using-the-api/custom-data.md). They are in no sync settings and in no refresh of everything.
CUSTOM: Final = "custom/"

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

#: Financial statements: their history is set in months to sync, for them alone (advanced-sync-settings.md).
STATEMENTS: Final = ("balanceSheet", "profitAndLoss", "cashFlowStatement")
#: Lists that other records refer to: no window is advised for them (advanced-sync-settings.md).
REFERENCE_DATA: Final = ("customers", "suppliers", "chartOfAccounts", "taxRates", "trackingCategories", "items")


class Purpose(NamedTuple):
    """What data is for: the data types that it needs, and the page of Codat's documentation that says so."""

    data_types: tuple[str, ...]
    source: str


_PAGES: Final = {
    "financials": "financial-statements", "receivables": "accounts-receivable", "payables": "accounts-payable",
    "liabilities": "liabilities", "bank": "bank-statements", "sales": "sales",
}  # fmt: skip
#: What data may be for: two of Codat's solutions by their documented minimum, and each report.
PURPOSES: Final = {
    "lending": Purpose((
        "company", "chartOfAccounts", "balanceSheet", "profitAndLoss", "bankAccounts", "bankTransactions",
        "banking-accounts", "banking-transactions", "banking-transactionCategories", "banking-accountBalances",
        "commerce-companyInfo", "commerce-customers", "commerce-orders",
    ), "docs/lending/get-started.md"),
    "expenses": Purpose((
        "chartOfAccounts", "bankAccounts", "company", "customers", "suppliers", "taxRates", "trackingCategories",
    ), "docs/expenses/getting-started.md"),
    **{name: Purpose(REPORTS[name], f"docs/lending/features/{page}-overview.md") for name, page in _PAGES.items()},
}  # fmt: skip


def custom_identifier(data_type: str) -> str | None:
    """The identifier of a custom data type; ``None`` for one of Codat's own.

    >>> custom_identifier("custom/qbo-cashflow-report"), custom_identifier("invoices")
    ('qbo-cashflow-report', None)
    """
    return data_type.removeprefix(CUSTOM) if data_type.startswith(CUSTOM) else None


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
    if (identifier := custom_identifier(data_type)) is not None:
        return identifier
    family, _, key = data_type.rpartition("-")
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in key).strip()
    return f"{'bank' if family == 'banking' else family} {words}".strip().capitalize()


#: The families in the order in which they are shown.
FAMILIES: Final = ("Accounting", "Banking", "Commerce", "Custom")


def family(data_type: str) -> str:
    """The family of a data type: ``"Accounting"``, ``"Banking"``, ``"Commerce"`` or ``"Custom"``, see :data:`FAMILIES`.

    A type nobody knows is sorted by its prefix, else with accounting, whose keys have none.
    """
    if data_type.startswith(CUSTOM):
        return "Custom"
    prefix = data_type.partition("-")[0]
    return {"banking": "Banking", "commerce": "Commerce"}.get(prefix, "Accounting")


def daily_requests(companies: int) -> int:
    """Requests a day that Codat allows an account of so many connected companies: 1,000 for each, and 1,000 more.

    >>> daily_requests(3000)
    3001000
    """
    return 1_000 * (1 + companies)
