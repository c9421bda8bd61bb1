"""Codat's published words: open enumerations, the data types and the reports they make up.

Everything here is *known*, never *allowed*: the API's vocabulary is open, and a word that Codat adds tomorrow becomes a
member of its own, so that reading an answer never fails on it. (Measured: reading these costs no more than reading
plain text.) A member is a ``str``: it compares, prints, sorts and hashes as its text, and has ``.value`` and ``.name``
as the official SDK's enumerations have. What the statuses mean is in :mod:`codat_notebook.models.status`, what to do
about a failure in :mod:`codat_notebook.diagnosis`. Source: Codat's public API description and documentation, mid 2026.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self


class OpenEnum(StrEnum):
    """Text with known members; an unknown word is a member without a name of its own.

    >>> DatasetStatus("Routing"), DatasetStatus("Complete") is DatasetStatus.COMPLETE
    ('Routing', True)
    """

    def __repr__(self) -> str:  # in a tuple or an object a word is read as a word
        return repr(str(self))

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_ = word._value_ = str(value)
        return word

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> object:
        """For pydantic, and so FastAPI: text, since any word is taken."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


class SchemaDataType(OpenEnum):
    """A data type that Codat pulls. The platforms' own custom types are words like any other."""

    ACCOUNT_TRANSACTIONS = "accountTransactions"
    BALANCE_SHEET = "balanceSheet"
    BANK_ACCOUNTS = "bankAccounts"
    BANK_TRANSACTIONS = "bankTransactions"
    BILL_CREDIT_NOTES = "billCreditNotes"
    BILL_PAYMENTS = "billPayments"
    BILLS = "bills"
    CASH_FLOW_STATEMENT = "cashFlowStatement"
    CHART_OF_ACCOUNTS = "chartOfAccounts"
    COMPANY = "company"
    CREDIT_NOTES = "creditNotes"
    CUSTOMERS = "customers"
    DIRECT_COSTS = "directCosts"
    DIRECT_INCOMES = "directIncomes"
    INVOICES = "invoices"
    ITEM_RECEIPTS = "itemReceipts"
    ITEMS = "items"
    JOURNAL_ENTRIES = "journalEntries"
    JOURNALS = "journals"
    PAYMENT_METHODS = "paymentMethods"
    PAYMENTS = "payments"
    PROFIT_AND_LOSS = "profitAndLoss"
    PURCHASE_ORDERS = "purchaseOrders"
    SALES_ORDERS = "salesOrders"
    SUPPLIERS = "suppliers"
    TAX_RATES = "taxRates"
    TRACKING_CATEGORIES = "trackingCategories"
    TRANSFERS = "transfers"
    BANKING_ACCOUNT_BALANCES = "banking-accountBalances"
    BANKING_ACCOUNTS = "banking-accounts"
    BANKING_TRANSACTION_CATEGORIES = "banking-transactionCategories"
    BANKING_TRANSACTIONS = "banking-transactions"
    COMMERCE_COMPANY_INFO = "commerce-companyInfo"
    COMMERCE_CUSTOMERS = "commerce-customers"
    COMMERCE_DISPUTES = "commerce-disputes"
    COMMERCE_LOCATIONS = "commerce-locations"
    COMMERCE_ORDERS = "commerce-orders"
    COMMERCE_PAYMENT_METHODS = "commerce-paymentMethods"
    COMMERCE_PAYMENTS = "commerce-payments"
    COMMERCE_PRODUCT_CATEGORIES = "commerce-productCategories"
    COMMERCE_PRODUCTS = "commerce-products"
    COMMERCE_TAX_COMPONENTS = "commerce-taxComponents"
    COMMERCE_TRANSACTIONS = "commerce-transactions"


class DatasetStatus(OpenEnum):
    """How far a pull operation is."""

    INITIAL = "Initial"
    QUEUED = "Queued"
    FETCHING = "Fetching"
    MAP_QUEUED = "MapQueued"
    MAPPING = "Mapping"
    VALIDATION_QUEUED = "ValidationQueued"
    VALIDATING = "Validating"
    PROCESSING_QUEUED = "ProcessingQueued"
    PROCESSING = "Processing"
    COMPLETE = "Complete"
    AUTH_ERROR = "AuthError"
    FETCH_ERROR = "FetchError"
    RATE_LIMIT_ERROR = "RateLimitError"
    PERMISSIONS_ERROR = "PermissionsError"
    PREREQUISITE_NOT_MET = "PrerequisiteNotMet"
    NOT_SUPPORTED = "NotSupported"
    CANCELLED = "Cancelled"
    MAP_ERROR = "MapError"
    VALIDATION_ERROR = "ValidationError"
    PROCESSING_ERROR = "ProcessingError"
    INTERNAL_ERROR = "InternalError"


class DataConnectionStatus(OpenEnum):
    """Whether Codat may read a connection."""

    PENDING_AUTH = "PendingAuth"
    LINKED = "Linked"
    UNLINKED = "Unlinked"
    DEAUTHORIZED = "Deauthorized"


class SourceType(OpenEnum):
    """What kind of platform a connection leads to."""

    ACCOUNTING = "Accounting"
    BANKING = "Banking"
    BANK_FEED = "BankFeed"
    COMMERCE = "Commerce"
    EXPENSE = "Expense"
    OTHER = "Other"
    UNKNOWN = "Unknown"


class ErrorStatus(OpenEnum):
    """Whether an error of a connection still stands."""

    ACTIVE = "Active"
    RESOLVED = "Resolved"


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
    """What data is for: the data types that it needs, and the page of Codat's documentation that says so.

    ``instead``: a data type that a platform never delivers -> those of which any can replace it; none: the purpose can
    do without. ``optional`` ones never stand in the way. ``any_source``: one kind of connection is enough.
    """

    data_types: tuple[str, ...]
    source: str
    instead: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    optional: tuple[str, ...] = ()
    any_source: bool = False


_PAGES: Final = {
    "financials": "financial-statements", "receivables": "accounts-receivable", "payables": "accounts-payable",
    "liabilities": "liabilities", "bank": "bank-statements", "sales": "sales",
}  # fmt: skip
#: How a report may be had with less. The pages list data types alone; that Codat's metrics of sales are made of orders
#: and customers, and which sources are needed, stands there, too; what else can be done without is inferred.
_LESS: Final[dict[str, dict[str, Any]]] = {
    "financials": {"instead": {"cashFlowStatement": ()}},
    "receivables": {"optional": ("directCosts", "directIncomes", "transfers")},
    "liabilities": {"any_source": True},
    "sales": {"optional": (
        "commerce-disputes", "commerce-locations", "commerce-paymentMethods", "commerce-productCategories",
    )},
}  # fmt: skip
#: What data may be for: two of Codat's solutions by their documented minimum, and each report.
PURPOSES: Final = {
    "lending": Purpose((
        "company", "chartOfAccounts", "balanceSheet", "profitAndLoss", "bankAccounts", "bankTransactions",
        "banking-accounts", "banking-transactions", "banking-transactionCategories", "banking-accountBalances",
        "commerce-companyInfo", "commerce-customers", "commerce-orders",
    ), "docs/lending/get-started.md",
        {"bankTransactions": ("banking-transactions",), "banking-transactionCategories": ()}),
    "expenses": Purpose((
        "chartOfAccounts", "bankAccounts", "company", "customers", "suppliers", "taxRates", "trackingCategories",
    ), "docs/expenses/getting-started.md"),
    **{
        name: Purpose(REPORTS[name], f"docs/lending/features/{page}-overview.md", **_LESS.get(name, {}))
        for name, page in _PAGES.items()
    },
}  # fmt: skip


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that somebody meant who typed another; None where none is near."""
    spelled = {each.casefold(): each for each in known}
    near = get_close_matches(word.casefold(), spelled, 1, 0.7)
    return spelled[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The same as a sentence to end a message with; empty where none is near.

    >>> did_you_mean("invoice", DATA_TYPES), did_you_mean("xyz", DATA_TYPES)
    (" Did you mean 'invoices'?", '')
    """
    near = nearest(word, known)
    return f" Did you mean {near!r}?" if near else ""


def custom_identifier(data_type: str) -> str | None:
    """The identifier of a custom data type; ``None`` for one of Codat's own.

    >>> custom_identifier("custom/qbo-cashflow-report"), custom_identifier("invoices")
    ('qbo-cashflow-report', None)
    """
    return data_type.removeprefix(CUSTOM) if data_type.startswith(CUSTOM) else None


#: Where the words of a key would be said of another data type, too.
_NAMES: Final = {"bankAccounts": "Bank accounts (ledger)", "bankTransactions": "Bank transactions (ledger)"}


def plain_name(data_type: str) -> str:
    """A data type in plain words: the one name that it has on screen.

    A custom type is called by the identifier that it was configured under, an unknown one by the words of its key.

    >>> plain_name("profitAndLoss"), plain_name("banking-accountBalances"), plain_name("commerce-orders")
    ('Profit and loss', 'Bank account balances', 'Commerce orders')
    >>> plain_name("custom/qbo-cashflow-report"), plain_name("salesTAXReturns"), plain_name("timeSheets")
    ('qbo-cashflow-report', 'Sales TAX returns', 'Time sheets')
    """
    if data_type in _NAMES:
        return _NAMES[data_type]
    if identifier := custom_identifier(data_type):
        return identifier
    prefix, _, key = data_type.rpartition("-")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", key).split()
    words = [word if word.isupper() and len(word) > 1 else word.lower() for word in words]
    name = " ".join([*(["bank"] if prefix == "banking" else prefix.split("-")), *words]).strip()
    return name[:1].upper() + name[1:] or data_type


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
