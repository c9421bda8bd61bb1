"""Codat's products: which refresh goes with which, and what their documents say where none does.

A company's ``products`` are identifiers. *Custom* products, whose data types one client has chosen, are refreshed by
a call of their own; Codat's *standard* ones are not, each has its own way (docs/enterprise/tech-implementation/
multiple-use-cases.md). No call says which is which: what is not listed here is taken for custom, and Codat's refusal
decides. Identifiers marked *assumed* stand in no document.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple


class StandardProduct(NamedTuple):
    """A product of Codat's own: how its data is refreshed, by which document."""

    name: str
    way: str
    source: str
    pulled: bool  # whether refreshing data types, or all of them, is that way


_BILL_PAY: Final = StandardProduct(
    "Bill Pay",
    "it reads from the accounting software when bills are asked for; its data types follow Codat's schedule",
    "docs/payables/sync/bills.md",
    False,
)
_TYPES: Final = "refresh the data types that it needs, or all of them"
STANDARD: Final = {
    "bank-feeds": StandardProduct(
        "Bank Feeds",
        "it has nothing to pull: transactions go from you to the accounting software",
        "docs/integrations/bank-feeds/qbo-bank-feeds/qbo-bank-feeds-setup.md",
        False,
    ),
    "lending": StandardProduct("Lending", _TYPES, "docs/lending/get-started.md", True),
    "expenses": StandardProduct("Expenses", _TYPES, "docs/expenses/config-and-categorize.md", True),
    "payables": _BILL_PAY,
    "bill-pay": _BILL_PAY,  # assumed
    "spend-insights": StandardProduct(
        "Spend Insights",
        "ask for its report, which reads the data itself: “Update reports” in the portal, or "
        "POST /companies/{companyId}/reports/spendAnalysis",
        "docs/spend-insights/guides/get-report.md",
        False,
    ),
    "payroll": StandardProduct("Payroll", _TYPES, "yaml/Codat-Sync-Payroll.yaml", True),  # assumed
    "commerce": StandardProduct(  # assumed
        "Sync for Commerce",
        "it syncs daily, or by POST /companies/{companyId}/sync/commerce/latest",
        "docs/commerce/advanced-data-sync.md",
        False,
    ),
}


def refreshable(products: Iterable[str]) -> list[str]:
    """The products that may be refreshed by themselves: those that are none of Codat's standard ones.

    >>> refreshable(["lending", "credit-monitoring"])
    ['credit-monitoring']
    """
    return [product for product in products if product.lower() not in STANDARD]


def way_of(product: str) -> str:
    """How the documents say that a product is refreshed; nothing where it is not one of Codat's.

    >>> way_of("lending")
    'Lending: refresh the data types that it needs, or all of them (docs/lending/get-started.md).'
    """
    standard = STANDARD.get(product.lower())
    return f"{standard.name}: {standard.way} ({standard.source})." if standard is not None else ""


def caution(products: Iterable[str]) -> str | None:
    """What to know before the data types of a company with these products are refreshed; ``None``: go ahead.

    It is about companies all of whose products are refreshed in another way.

    >>> caution(["bank-feeds"])[:34], caution(["bank-feeds", "lending"]), caution([])
    ('Refreshing data types is not for B', None, None)
    """
    those = list(products)
    if not those or any(name.lower() not in STANDARD or STANDARD[name.lower()].pulled for name in those):
        return None
    return f"Refreshing data types is not for {' '.join(map(way_of, those))}"
