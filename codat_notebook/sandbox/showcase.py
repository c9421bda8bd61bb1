"""The companies that a demo shows first, written by hand: each tells one story.

Their order is their number in every world. A world of fewer companies has only the first ones.
"""

from __future__ import annotations

from typing import Final

from codat_notebook.models.vocabulary import ACCOUNTING, BANKING, COMMERCE
from codat_notebook.sandbox.templates import CompanyTemplate, Failing, Link

_NEVER_AT_SALTMARSH: Final = tuple(
    t for t in ACCOUNTING if t not in ("company", "chartOfAccounts", "customers", "invoices", "balanceSheet")
)

SHOWCASE: Final = (
    CompanyTemplate(
        "Toft Stores UK",
        "Convenience stores in the north of England",
        (
            Link(
                "akxx", 1.2, period=1.6,
                ages={
                    "invoices": 0.083, "customers": 0.02, "payments": 8.1, "creditNotes": 31.2, "balanceSheet": 9.0,
                    "profitAndLoss": 9.0, "company": 2.4, "chartOfAccounts": 2.4, "items": 15.5,
                    "journalEntries": None, "paymentMethods": 44.0,
                },
                failing={
                    "creditNotes": Failing("PermissionsError", 0.12, 3),
                    "payments": Failing("RateLimitError", 1.1, 2),
                    "items": Failing("ValidationError", 2.2, 4),
                },
                next_outcomes={
                    "creditNotes": ("PermissionsError",),
                    "payments": ("Paused", "Complete"),
                    "items": ("ValidationError",),
                    "transfers": ("FetchError", "Complete"),
                    "invoices": ("Complete",), "customers": ("Complete",), "bills": ("Complete",),
                },
            ),
            Link("xpnu", 0.21, period=1.9),
            Link("fztf", 62.0, period=3.0, status="Deauthorized"),
        ),
        {"region": "uk", "segment": "retail", "team": "lending"},
        days_old=700,
    ),
    CompanyTemplate(
        "Technicalium",
        "Technology services, including web and app design and development",
        (Link("gbol", 0.15, period=1.0), Link("ngfh", 3.3, period=2.0)),
        {"region": "uk", "segment": "services"},
        days_old=520, parent=5,
    ),
    CompanyTemplate(
        "Bank of Dave",
        "Community lender",
        (
            Link(
                "qhyg", 12.4, period=7.0, ages={"balanceSheet": 14.5, "profitAndLoss": 14.5, "bills": 12.9},
                failing={"journalEntries": Failing("MapError", 5.4)},
            ),
        ),
        {"region": "uk", "segment": "finance"},
        days_old=310,
    ),
    CompanyTemplate(
        "Pandle & Sons",
        "Furniture makers since 1962",
        (
            Link(
                "fbrh", 5.3, period=3.5,
                ages={"profitAndLoss": 6.2, "invoices": 6.2, "payments": 6.2, "creditNotes": 6.2},
            ),
            Link("xpnu", 1.1, period=2.0),
            Link(
                "ngfh", 24.0, period=2.0,
                failing={t: Failing("AuthError", 20.0 - n) for n, t in enumerate(BANKING)},
                next_outcomes=dict.fromkeys(BANKING, ("AuthError",)),
            ),
            Link("rxnb", 0.4, period=2.0),
        ),
        {"region": "uk", "segment": "manufacturing"},
        days_old=640,
    ),
    CompanyTemplate(
        "Northwind Traders GmbH",
        "Importers of fine foods",
        (
            Link("pqsw", 28.3, period=7.0, next_outcomes={"invoices": ("Waiting", "Complete")}),
            Link("ngfh", 91.0, period=7.0, status="Deauthorized"),
        ),
        {"region": "de", "segment": "wholesale"},
        days_old=810,
    ),
    CompanyTemplate("Technicalium Group", "Holding", (), {"region": "uk"}, days_old=530, subsidiaries=(1,)),
    CompanyTemplate(
        "Harbour & Finch Ltd",
        "CompanyStore agents",
        (Link("gbol", 33.0, period=3.0, status="Deauthorized"), Link("xpnu", 0.6, period=1.0)),
        {"region": "uk", "segment": "property"},
        days_old=450,
    ),
    CompanyTemplate(
        "Saltmarsh Roasters",
        "Coffee roasters, linked this morning",
        (
            Link(
                "gbol", 0.06, period=1.0, ages=dict.fromkeys(_NEVER_AT_SALTMARSH),
                next_outcomes={"invoices": ("Complete",)},
            ),
            Link("fztf", None, ages=dict.fromkeys(COMMERCE)),
            Link("wvzu", None, status="PendingAuth"),
        ),
        {"region": "uk", "segment": "food", "stage": "onboarding"},
        days_old=0.5,
    ),
)  # fmt: skip
