"""What goes wrong at real platforms, each as a company that can be staged: ``sandbox.stage("zoho daily quota")``.

Each situation says in one sentence what it is and, in brackets, whether the behaviour is *documented* (codat-docs, with
the page), *inferred* from there, or *assumed*; error texts are assumed unless a comment says otherwise. They are
written from Codat's documents alone, so that whoever explains failures can be tested on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from codat_notebook.models.vocabulary import BANKING, COMMERCE, did_you_mean
from codat_notebook.sandbox.companies import INSTALLING
from codat_notebook.sandbox.stories import CompanyTemplate, Link, Trouble

_MINUTE: Final = 1 / 1440  # in days
_HOUR: Final = 1 / 24


class Situation(NamedTuple):
    """One of them."""

    tells: str
    link: Link
    queue: tuple[str, ...] = ()  # types that are queued before it is staged
    shows: tuple[str, ...] = ()  # see ``shown``
    ago: float = _HOUR  # days since they were queued
    days_old: float = 300.0
    others: tuple[Link, ...] = ()  # of further companies, each a day younger

    @property
    def shown(self) -> tuple[str, ...]:
        """The types whose newest operations show it: ``shows``, else those queued or in trouble; none: all."""
        return self.shows or self.queue or tuple(t for trouble in self.link.troubles for t in trouble.types)

    def templates(self, name: str) -> list[CompanyTemplate]:
        """Its companies under that name, the one that shows it first."""
        title, tags = name[:1].upper() + name[1:], {"situation": name}
        return [
            CompanyTemplate(f"{title} {'& Co ' * n}Ltd", self.tells, (link,), tags, self.days_old - n)
            for n, link in enumerate((self.link, *self.others))
        ]


class Staged(NamedTuple):
    """What was staged: ids, and the further companies of the situation."""

    situation: str
    company_id: str
    connection_id: str
    operation_ids: tuple[str, ...]
    others: tuple[Staged, ...] = ()


def _link(platform: str, *troubles: Trouble, age: float | None = 1.0, never: Sequence[str] = (), **more: Any) -> Link:
    """A connection that is read daily; what a lasting trouble concerns succeeded last before it began, or ``never``."""
    since = {t: trouble.began + 0.5 for trouble in troubles if trouble.lasts is None for t in trouble.types}
    whole = [trouble.began + 0.5 for trouble in troubles if trouble.lasts is None and not trouble.types]
    newest = None if age is None else max(age, *whole, 0)
    return Link(platform, newest, since | dict.fromkeys(never), 1.0, troubles=troubles, **more)


def _fails(status: str, *types: str, began: float = 2.5, **more: Any) -> Trouble:
    """Types that fail until somebody puts it right, and have been tried three times in vain."""
    return Trouble(status, types, began, tries=tuple(round(began * share, 6) for share in (0.8, 0.4, 0.1)), **more)


_REPORTS: Final = ("profitAndLoss", "balanceSheet")
_BIG: Final = ("invoices", "journalEntries", "payments")
_SOME: Final = ("invoices", "bills", "customers", "payments")
_OFF: Final = Trouble("Complete", began=3.0, hold="queued")
_LIMITED: Final = ("429", "Too Many Requests")
_DOWN: Final = ("503", "Service Unavailable")
_RESTART: Final = _link("hbql", Trouble("Cancelled", (), 12 * _MINUTE, 3 * _MINUTE, tries=(10 * _MINUTE,)))
_OUTAGE: Final = _link("fbrh", Trouble("FetchError", (), 2 * _HOUR, 5 * _HOUR, tries=(_HOUR,), code=_DOWN))

SITUATIONS: Final[dict[str, Situation]] = {
    "xero bank transactions": Situation(
        "Xero's bankTransactions always end in FetchError, the rest is well (documented: xero-faq.md).",
        _link("gbol"), shows=("bankTransactions",),
    ),
    "xero daily limit": Situation(
        "Xero's daily limit: every type ends in RateLimitError for up to 24 hours (documented: xero-faq.md; the status "
        "is inferred).",
        # The end of the text is documented in the help centre.
        _link("gbol", Trouble(
            "RateLimitError", (), 2 * _HOUR, 66_975 / 86_400 + _HOUR, tries=(_HOUR,), code=_LIMITED,
            text="{platform}: the organisation has reached the daily rate limit cap ( retry-after {seconds})",
        )),
    ),
    "xero paused": Situation(
        "Codat waits out a limit of Xero: Fetching, 'Paused until ...', then it goes on (documented: the contract).",
        _link("gbol", Trouble("Complete", (), 2 * _HOUR, 3 * _HOUR, hold="paused")), ("invoices", "bills"),
    ),
    "xero journals scope": Situation(
        "A type that never succeeded on this connection: Xero's journals without their scope (documented: scopes.md; "
        "the status is assumed).",
        _link("gbol", _fails("PermissionsError", "journals", began=200.0), never=("journals",)),
    ),
    "sage 200 balance sheet": Situation(
        "The balance sheet of a Sage 200 sandbox never balances: ValidationError (documented: "
        "accounting-sage200-setup.md).",
        _link("jcrp", _fails("ValidationError", "balanceSheet", began=60.0), never=("balanceSheet",)),
        days_old=70.0,
    ),
    "plaid first transactions": Situation(
        "Plaid needed over 15 minutes for the first banking-transactions: FetchError; the next read completes "
        "(documented: faqs-plaid.md).",
        _link("suuo", Trouble(
            "FetchError", ("banking-transactions",), 24 * _MINUTE, 23 * _MINUTE, tries=(3 * _MINUTE,), hold="slow",
            minutes=15, text="{platform} did not deliver {plain} within 15 minutes; the operation timed out.",
        ), age=20 * _MINUTE, never=("banking-transactions",), steady=True),
        days_old=0.021,
    ),
    "plaid consent ended": Situation(
        "Plaid's consent is over after 90 days: AuthError on every type, Deauthorized (documented: "
        "reauthorize-url-links.md).",
        _link("suuo", age=3.0, status="Deauthorized"), days_old=94.8,
    ),
    "plaid consent near its end": Situation(
        "Plaid's consent was given 80 days ago and ends in 10, used or not (documented: reauthorize-url-links.md).",
        _link("suuo"), shows=BANKING, days_old=81.63,
    ),
    "unused token": Situation(
        "Nothing was read for over 100 days, so the token was revoked; tries end in AuthError (documented: "
        "companies.md; which platforms, and when, is assumed).",
        _link("qhyg", _fails("AuthError", began=2.0, relink=True), age=103.0),
    ),
    "zoho daily quota": Situation(
        "The organization's daily quota at Zoho is used up: some types end in FetchError, what is queued is carried "
        "over to the next day (documented: zoho-book-limits.md).",
        _link("rwuv", Trouble(
            "FetchError", _SOME, 20 * _MINUTE, "midnight", tries=(5 * _MINUTE,), code=_LIMITED,
            text="{platform}: the organization has used up its number of API calls for the day.",
        ), Trouble("Complete", (), 20 * _MINUTE, "midnight", hold="queued"), steady=True),
        ("items", "journalEntries"), (*_SOME, "items", "journalEntries"), 5 * _MINUTE,
    ),
    "zoho 21st link": Situation(
        "A user's 21st link invalidated the oldest: AuthError on every type though it reads Linked, while a newer one "
        "works (documented: zoho-book-limits.md; the status is inferred).",
        _link("rwuv", _fails("AuthError", relink=True, code=("401", "invalid_grant"))),
        others=(_link("rwuv", steady=True),),
    ),
    "exact minute limit": Situation(
        "A burst met Exact's 60 calls a minute: RateLimitError, soon it is over (documented: "
        "accounting-exact-setup.md; the status is inferred).",
        _link("qudb", Trouble(
            "RateLimitError", _SOME, 2 * _MINUTE, 4 * _MINUTE, tries=(_MINUTE,),
            text="{platform} answered 429: 60 calls a minute are allowed for one company.",
        ), steady=True),
    ),
    "myob large file": Situation(
        "A large company file times out at MYOB after long Fetching, whatever Codat retries (documented: "
        "myob-integration-reference.md).",
        _link("pdvj", _fails(
            "FetchError", *_BIG, hold="slow", minutes=170,
            text="{platform} answered 504 Gateway Timeout while {plain} were read; five attempts failed.",
        )),
    ),
    "netsuite volume": Situation(
        "Over a million records in NetSuite: hours of Fetching, then an error (documented: accounting-netsuite.md).",
        _link("akxx", _fails(
            "FetchError", *_BIG, began=12.0, hold="slow", minutes=1_500,
            text="The connection to {platform} timed out while {plain} were read.",
        )),
    ),
    "netsuite long fetching": Situation(
        "The same while it is read: Fetching for 20 hours, and not stuck: up to 60 are documented "
        "(accounting-netsuite.md).",
        _link("akxx", Trouble("Complete", _BIG, 1.0, hold="slow", minutes=2_400)), ("invoices",), ago=20 * _HOUR,
    ),
    "netsuite tokens": Situation(
        "The NetSuite user has 25 access tokens: AuthError on every type (inferred from a retired page, which has the "
        "text).",
        _link("akxx", _fails(
            "AuthError", text="Too many access tokens", relink=True, code=("403", "Too many access tokens")
        )),
    ),
    "business central extension": Situation(
        "Linked ten minutes ago: the extension is still being installed, FetchErrors for 20 minutes (documented: "
        "accounting-dynamics365businesscentral-setup.md).",
        _link("trji", Trouble(
            "FetchError", _SOME, 9.5 * _MINUTE, 19.5 * _MINUTE, tries=(3 * _MINUTE,), text=INSTALLING
        ), age=None, steady=True), days_old=10 * _MINUTE,
    ),
    "intacct permissions": Situation(
        "The role of the Web Services user lacks modules: PermissionsError (inferred from "
        "accounting-sage-intacct-setup.md).",
        _link("knfz", _fails(
            "PermissionsError", "bills", "billPayments", "suppliers", relink=True,
            text="{platform}: Missing permissions to read {plain}.",
        )),
    ),
    "wave reports": Situation(
        "Wave gives no reports to apps registered before July 2022 (documented: accounting/overview.md; the status is "
        "assumed).",
        _link("pbtz", _fails("FetchError", *_REPORTS, began=200.0, text="{platform} answered 403 for {plain}."),
              never=_REPORTS),
    ),
    "quickbooks trial": Situation(
        "QuickBooks Online has no purchase orders on trial plans (documented: faq-quickbooks-online.md; the status is "
        "assumed).",
        _link("qhyg", _fails(
            "PermissionsError", "purchaseOrders", began=200.0, text="{platform}: the plan does not have this feature."
        ), never=("purchaseOrders",)),
    ),
    "commerce prerequisites": Situation(
        "commerce-transactions without the other commerce types: PrerequisiteNotMet (documented: "
        "commerce-stripe-setup.md; the status is inferred).",
        _link("exgd", Trouble("PrerequisiteNotMet", ("commerce-transactions",), 3.0, 2.5, tries=(0.9, 1.9, 2.9)),
              never=tuple(t for t in COMMERCE if t not in ("commerce-companyInfo", "commerce-products"))),
    ),
    "bigcommerce large order": Situation(
        "An order of over 250 transactions cannot be fetched (documented: "
        "commerce-bigcommerce-integration-reference.md; the status is inferred).",
        _link("vqzp", _fails(
            "FetchError", "commerce-orders", "commerce-payments", began=9.0,
            text="{platform} answered in part only: {plain} could not be read.",
        )),
    ),
    "woocommerce add-on": Situation(
        "An add-on that Codat does not know makes the shop unreadable (documented: commerce-woocommerce.md; the "
        "status is inferred).",
        _link("ltpp", _fails("FetchError", began=9.0, text="{platform} answered for {plain} in an unknown form.")),
    ),
    "amazon too often": Situation(
        "Amazon allows about one request a minute: RateLimitError until the next day (documented: "
        "commerce-amazon-seller-central.md; the status is inferred).",
        _link("qkdj", Trouble(
            "RateLimitError", ("commerce-orders", "commerce-payments"), 20 * _MINUTE, "midnight", tries=(5 * _MINUTE,)
        )),
    ),
    "sage 50 restart": Situation(
        "A restart of the Sage 50 connector cancelled what ran for both its companies in one minute (documented: "
        "restart-the-sage-50-connector.md).",
        _RESTART, others=(_RESTART,),
    ),
    "machine off": Situation(
        "Sage 50 has no window; the machine is off, so operations stay Queued (documented: sage50-troubleshooting.md).",
        _link("hbql", _OFF), ("invoices", "company"), ago=1.5,
    ),
    "quickbooks desktop window": Situation(
        "Outside the customer's window QuickBooks Desktop stays Queued, here for six more hours (documented: "
        "installing-the-quickbooks-connector.md).",
        _link("pqsw", Trouble("Complete", (), 6 * _HOUR, 12 * _HOUR, hold="queued")), ("invoices", "company"),
    ),
    "quickbooks desktop off": Situation(
        "The machine with QuickBooks Desktop has been off for days: Queued through every window (inferred from "
        "quickbooks-desktop-troubleshooting.md).",
        _link("pqsw", _OFF), ("invoices", "company"), ago=2.5,
    ),
    "quickbooks desktop waiting": Situation(
        "Another company file is open: Fetching, 'Waiting for asynchronous response from third party', and "
        "connectionInfo says why (documented: quickbooks-desktop-faq.md).",
        # The words are those of a retired page of the help centre.
        _link("pqsw", Trouble(
            "Complete", (), 2 * _HOUR, hold="waiting",
            info="A QuickBooks company data file is already open and it is different from the one requested.",
        )), ("invoices", "company"),
    ),
    "quickbooks desktop one-time": Situation(
        "One-time access: Deauthorized right after the first sync, by design (documented: "
        "quickbooks-desktop-troubleshooting.md).",
        _link("pqsw", age=0.15, status="Deauthorized"), shows=("company",), days_old=0.2,
    ),
    "platform outage": Situation(
        "The platform went down two hours ago: FetchError on all types of all its companies (documented: status.md).",
        _OUTAGE, others=(_OUTAGE,),
    ),
    "platform outage is over": Situation(
        "It was down yesterday; the connection shows the error as resolved, everything completes (documented: the "
        "contract).",
        _link("fbrh", Trouble("FetchError", (), 1.4, 0.2, tries=(1.3,), code=_DOWN), age=0.5), shows=("invoices",),
    ),
    "linking cancelled": Situation(
        "The customer left the linking: PendingAuth with an error 403 (documented, with the text: the contract).",
        _link("suuo", age=None, status="PendingAuth", cancelled=True), days_old=2.0,
    ),
    "integration withdrawn": Situation(
        "Codat removed Pandle on 2026-01-10; the connection is still listed (documented: "
        "251003-deprecation-of-integrations.md; that it reads Deauthorized is assumed).",
        _link("vjms", age=330.0, status="Deauthorized"), shows=("invoices",), days_old=700.0,
    ),
    "bank feed": Situation(
        "A bank feed is written to: nothing is ever pulled from it (inferred from qbo-bank-feeds.md).",
        _link("hcws", age=None),
    ),
}  # fmt: skip


def find_situation(name: str) -> Situation:
    """The situation of that name; ``ValueError`` where there is none."""
    if name not in SITUATIONS:
        meant = did_you_mean(name, SITUATIONS)
        raise ValueError(f"no situation {name[:80]!r}; there are: {', '.join(SITUATIONS)}.{meant}")
    return SITUATIONS[name]
