"""What Codat's documents say about refreshes that fail, wait or are stuck, as data.

A rule holds where the conditions that it names do; those it does not name do not matter. Of the rules that hold, the
one with the most specific conditions is the diagnosis (its ``rank``): the connection's state says more than a data
type, a data type more than a message, and so on down to the status alone. Each rule names its source, a page of
``codatio/codat-docs`` (``@commit^`` where it stands in its history only) or a line of ``codatio/oas``; ``basis`` says
whether the advice stands there or follows from it.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from datetime import timedelta
from functools import partial
from typing import Final, Literal

from codat_notebook.models.status import CONNECTION_STATUSES, FAILURES, STAGES

Retry = Literal["now", "later", "after", "never"]
Who = Literal["nobody", "customer", "us", "codat", "platform"]
Basis = Literal["documented", "inferred"]
Span = tuple[timedelta, timedelta]

#: What the operations of a connection look like together, in the order in which they are looked for.
SHAPES: Final = {
    "mended": "a newer operation of the type succeeded",
    "tried again": "a newer operation of the type is on its way",
    "linked again": "other data types ended in AuthError likewise, and some have been read since",
    "together": "two more data types of the connection failed likewise within a day, and fewer succeeded since",
    "no success": "the type never succeeded on the connection, at two attempts or more, while other types did",
    "first": "nothing older of the type is in the history",
    "by turns": "of its last six attempts three failed or more, and not in a row",
    "again": "the third failure of the type in a row or later, over a day or more",
}


@dataclass(frozen=True, slots=True)
class DiagnosisRule:
    """Conditions on an operation and what is known around it, and the advice where they hold.

    ``platforms`` are integration keys, words of platform names, source types or where they run; ``data_types`` may end
    in ``*``.
    ``text`` is a pattern for what the operation, the connection's errors and its ``connectionInfo`` say. ``linked`` is
    the time from the connection's creation to the operation's request, ``age`` that from the request until now: from
    (included) to (excluded). ``unseen``: no success of the type on the connection is in the history.
    """

    name: str
    statuses: tuple[str, ...]
    _: KW_ONLY
    cause: str
    action: str
    retry: Retry
    who: Who
    source: str
    basis: Basis = "documented"
    wait: Span | None = None
    relink: bool = False
    one_cause: bool = False
    connection: tuple[str, ...] = ()
    text: str = ""
    data_types: tuple[str, ...] = ()
    linked: Span | None = None
    age: Span | None = None
    shape: str = ""
    platforms: tuple[str, ...] = ()
    unseen: bool = False

    @property
    def rank(self) -> int:
        """How specific the conditions are: a number that compares."""
        conditions = (
            self.statuses, self.platforms, self.shape, self.age, self.linked, self.text, self.data_types,
            self.connection,
        )  # fmt: skip
        return sum(bool(condition) << place for place, condition in enumerate(conditions)) + (
            256 * (self.shape in ("mended", "tried again", "linked again"))
        )


#: Statuses that nobody knows: failures, others that are over, and all the rest.
UNKNOWN_ERROR: Final = "?Error"
UNKNOWN_END: Final = "?Ended"
UNKNOWN: Final = "?"
_FAILED: Final = tuple(FAILURES)
_ENDED: Final = (*_FAILED, UNKNOWN_ERROR)
_RUNNING: Final = (*STAGES, UNKNOWN)
_ANY: Final = (*_ENDED, *_RUNNING)
_WAITING: Final = ("Initial", "Queued")
_CODATS: Final = ("MapError", "ProcessingError", "InternalError")
_DAY: Final = timedelta(days=1)
NEVER: Final = timedelta.max


def _minutes(low: float, high: float) -> Span:
    return timedelta(minutes=low), timedelta(minutes=high)


def _hours(low: float, high: float) -> Span:
    return _minutes(60 * low, 60 * high)


#: Platforms that several rules name.
BUSINESS_CENTRAL: Final = ("trji", "business central")
NETSUITE: Final = ("akxx", "netsuite")
DESKTOP: Final = ("pqsw", "quickbooks desktop")
SAGE_50: Final = ("hbql", "sage 50")
#: Any whose connector runs on the customer's machine, as its integration says.
ON_PREMISE: Final = ("on-premise",)
INTACCT: Final = ("knfz", "intacct")
XERO: Final = ("gbol", "xero")
ZOHO: Final = ("rwuv", "zoho")
PLAID: Final = ("suuo", "plaid")
BIGCOMMERCE: Final = ("vqzp", "bigcommerce")
WOOCOMMERCE: Final = ("ltpp", "woocommerce")
COMMERCE_WHOLE: Final = (
    "fztf", "shopify", "zsth", "xcwv", "square", "exgd", "yzth", "stripe", "ldgh", "lrhd", "ltes", "lightspeed",
)  # fmt: skip
#: Platforms with a setting "one-off access", after which a connection may end by design.
ONE_OFF: Final = (
    *NETSUITE, *INTACCT, *PLAID, "upvr", "truelayer", "fqly", "clover", "lightspeed", "square", "stripe", *WOOCOMMERCE,
)  # fmt: skip
REMOVED: Final = (
    "dfxm", "vjms", "paypal", "mollie", "prestashop", "basiq", "tide", "reckon", "chargify", "maxio", "sumup",
    "chargebee", "recurly", "kashflow", "clear books", "clearbooks", "pandle",
)  # fmt: skip
#: Source types whose connections nothing is pulled from.
WRITE_ONLY: Final = ("bankfeed", "expense", "file upload")

#: How sources say that a limit is used up, and that rights are missing.
_LIMIT: Final = r"HTTP 429\b|too ?many ?requests|rate[ -]?limit|\blimit\b.{0,40}\b(?:exceeded|reached)|quota|\b429\b"
_DAILY: Final = (
    r"dailycap|daily (?:rate |api )?(?:limit|cap|quota)|"
    r"\b(?:calls|requests|quota|limit)\b.{0,20}\b(?:for the|a|per) day"
)
_RIGHTS: Final = r"HTTP 403\b|\bforbidden\b|\bscopes?\b|\bpermissions?\b"
_SUPPORT: Final = "contact Codat's support with the ids of the company, the connection and the operation"

_STATUS: Final = "docs/core-concepts/status.md"
_ACCOUNTING: Final = "docs/integrations/accounting"
_COMMERCE: Final = "docs/integrations/commerce"
_BANKING: Final = "docs/integrations/banking"
_HELP: Final = "docs/smb-help-hub/integrations"
_DESKTOP_HELP: Final = f"{_HELP}/qb-desktop/troubleshooting.md @f2966834b^"
_DYNAMICS_SETUP: Final = f"{_ACCOUNTING}/dynamics365businesscentral/accounting-dynamics365businesscentral-setup.md"
_PLAID_FAQ: Final = f"{_BANKING}/plaid/faqs-plaid.md"
_PLATFORM_API: Final = "yaml/Codat-Platform.yaml"

#: How most rules advise: nothing is to be done; we try again later; the customer mends it, or relinks; we mend it.
_nothing = partial(DiagnosisRule, retry="never", who="nobody")
_later = partial(DiagnosisRule, retry="later", who="nobody")
_customer = partial(DiagnosisRule, retry="after", who="customer")
_relink = partial(DiagnosisRule, retry="after", who="customer", relink=True)
_us = partial(DiagnosisRule, retry="after", who="us")

RULES: Final = (
    # What ended well, or is none of the connection's business.
    _nothing("complete", ("Complete",), cause="The data was read.", action="Nothing to do.", source=_STATUS),
    DiagnosisRule("removed", _ANY, connection=CONNECTION_STATUSES, platforms=REMOVED,
        cause="Codat has withdrawn this integration: no data comes from it any more.",
        action="Ask the customer to link another source.", retry="never", who="us", one_cause=True,
        source="blog/251003-deprecation-of-integrations.md"),
    _nothing("write only", _ANY, platforms=WRITE_ONLY, data_types=("*",),
        cause="Data is only written to a connection of this kind; nothing is pulled from it.",
        action="Leave it out of refreshes.", one_cause=True, basis="inferred",
        source="docs/integrations/bank-feeds/overview.md"),
    _nothing("mended", _ENDED, shape="mended", cause="It failed, but this data type has been read since.",
        action="Nothing to do.", basis="inferred", source=_STATUS),
    _nothing("tried again", _ENDED, shape="tried again", cause="It failed, but this data type is being read again.",
        action="Nothing to do: it can be queued again once that has ended.",
        source="docs/using-the-api/queueing-data-syncs.md"),
    DiagnosisRule("linked again", ("AuthError",), shape="linked again",
        cause="The authorization had expired; other data types have been read since, so the connection works again.",
        action="Refresh again.", retry="now", who="nobody", basis="inferred", source=_STATUS),
    # The connection.
    _relink("deauthorized", _ANY, connection=("Deauthorized",),
        cause="The customer or the platform has withdrawn access, or it has expired.",
        action="Send the customer the connection's link URL. Until it is linked again, none of its data can be read.",
        one_cause=True, source="docs/core-concepts/connections.md"),
    _us("unlinked", _ANY, connection=("Unlinked",),
        cause="The connection was unlinked: through the API, in Codat's Portal, or by the customer in your product.",
        action="Ask whether that was meant. If not, send the customer its link URL.", one_cause=True, relink=True,
        source="docs/core-concepts/connections.md"),
    _relink("pending", _ANY, connection=("PendingAuth",), cause="Linking was begun and not finished.",
        action="Send the customer the connection's link URL (not the company's redirect).", one_cause=True,
        source="docs/auth-flow/authorize-hosted-link.md"),
    _relink("desktop one-off", _ANY, connection=("Deauthorized",), platforms=DESKTOP,
        cause="In one-time mode QuickBooks Desktop is deauthorized right after its first sync; else the certificate "
        "was removed in QuickBooks.",
        action="Check the integration's mode. Ask the customer to run the installer again with the same company id, on "
        "the machine where QuickBooks runs.", one_cause=True,
        source=f"{_ACCOUNTING}/quickbooksdesktop/quickbooks-desktop-troubleshooting.md"),
    _relink("sage 50 uninstalled", _ANY, connection=("Deauthorized",), platforms=SAGE_50,
        cause="The connector was uninstalled; in one-time mode it uninstalls itself after the sync.",
        action="Ask the customer to install the connector again; its license key is the company's id.", one_cause=True,
        source=f"{_ACCOUNTING}/sage50/uninstalling-the-sage-50-connector.md"),
    DiagnosisRule("sage bank feed", _ANY, connection=("Deauthorized", "PendingAuth", "Unlinked"),
        platforms=("olpr", "sagebankfeed", "sage bank feeds"),
        cause="Nothing is pulled from a bank feed, and this one is not linked.",
        action="Ask the customer to link it inside Sage. Never send them its link URL.", retry="never", who="customer",
        one_cause=True, source="docs/integrations/bank-feeds/sage-bank-feeds/sage-bank-feeds-setup.md"),
    _us("one-off access", _ANY, connection=("Deauthorized",), platforms=ONE_OFF, linked=_hours(0, 24),
        cause="Access ended right after linking: probably one-off access, by design.",
        action="Check the integration's access setting, then send the customer the link URL.", one_cause=True,
        relink=True, basis="inferred", source="docs/integrations/accounting/offline-connectors.md"),
    _relink("plaid consent", _ANY, connection=("Deauthorized",), platforms=PLAID,
        linked=(timedelta(days=80), timedelta(days=100)), cause="Consent to Plaid must be confirmed every 90 days.",
        action="Send the customer the connection's Reauthorize link.", one_cause=True,
        source=f"{_BANKING}/plaid/reauthorize-url-links.md"),
    DiagnosisRule("santander", _ANY, connection=("Deauthorized",), platforms=("santander corporate",),
        data_types=("*",), cause="TrueLayer dropped Santander Corporate in March 2026.",
        action="It cannot be relinked: ask the customer for another source.", retry="never", who="us", one_cause=True,
        source=f"{_BANKING}/truelayer/faqs-about-truelayer.md"),
    # Authorization failed.
    _relink("auth", ("AuthError",), cause="Codat is no longer authorized to read this connection.",
        action="Send the customer its link URL; until it is linked again, every refresh of its data fails. If it still "
        "says Linked, read the connection again first.", one_cause=True, source=_STATUS),
    _relink("token refused", ("FetchError", UNKNOWN_ERROR),
        text=r"invalid_grant|(?:access|refresh) token|HTTP 401\b|\bunauthori[sz]ed\b",
        cause="The platform no longer accepts Codat's authorization.",
        action="Read the connection again; if the error is still open, send the customer its link URL.",
        one_cause=True, basis="inferred", source=f"{_PLATFORM_API}:4096"),
    _later("limit told", ("FetchError", UNKNOWN_ERROR), text=_LIMIT,
        cause="The platform's limit on requests is used up.",
        action="Leave the connection alone for a few hours, then refresh fewer data types at a time.",
        wait=_hours(1, 24), one_cause=True, basis="inferred", source="docs/knowledge-base/advanced-sync-settings.md"),
    _later("daily limit told", ("FetchError", "RateLimitError", UNKNOWN_ERROR), data_types=("*",), text=_DAILY,
        cause="The platform's limit for the day is used up.",
        action="Leave the connection alone until the next day, and refresh fewer data types a day.",
        wait=(_DAY, 2 * _DAY), one_cause=True, source=f"{_ACCOUNTING}/xero/xero-faq.md"),
    _relink("rights told", ("FetchError", UNKNOWN_ERROR), text=_RIGHTS,
        cause="The platform refused: the customer's user or credentials lack permission.",
        action="Ask the customer to relink with a user or credentials that may read this data.", basis="inferred",
        source=f"{_PLATFORM_API}:4096"),
    _relink("access withdrawn", _ENDED, text=r"de-?authorized access",
        cause="The customer or the platform has withdrawn access.",
        action="Send the customer the connection's link URL.", one_cause=True, source=f"{_PLATFORM_API}:3140"),
    _relink("many companies", ("AuthError",), platforms=(*XERO, "vxvy", "freshbooks"),
        cause="Access has ended. If several companies lose it at once, your app's scopes changed, or (with Xero) one "
        "login was used for several organizations.",
        action="Send the customer the link URL; after a change of scopes, all customers.", one_cause=True,
        source=f"{_ACCOUNTING}/freshbooks/accounting-freshbooks.md"),
    _relink("zoho links", ("AuthError",), platforms=ZOHO,
        cause="Access has ended. If newer connections of the same Zoho user work: a user has 20 links, and the 21st "
        "ends the oldest.", action="Unlink what is not used, then send the customer the link URL.", one_cause=True,
        basis="inferred", source=f"{_ACCOUNTING}/zoho-books/zoho-book-limits.md"),
    # Expected failures, and data types with conditions of their own.
    _nothing("xero bank transactions", ("FetchError", "NotSupported", "PermissionsError"), platforms=XERO,
        data_types=("bankTransactions",), unseen=True,
        cause="Expected: Xero does not provide its bank transactions, so this data type always fails.",
        action="Leave it out of refreshes. Nothing is broken.", source=f"{_ACCOUNTING}/xero/xero-faq.md"),
    _us("xero journals", ("FetchError", "PermissionsError", "AuthError"), platforms=XERO, data_types=("journals",),
        cause="Journals need the scope accounting.journals.read, which Xero grants only to apps on its Advanced tier.",
        action="Leave journals out unless your app has that scope.", basis="inferred",
        source=f"{_ACCOUNTING}/xero/partner-certification/scopes.md"),
    _nothing("sage 200 sandbox", ("ValidationError",), platforms=("jcrp", "sage 200"), data_types=("balanceSheet",),
        text=r"sandbox", cause="Expected: the balance sheet of Sage's sandbox companies does not balance.",
        action="Nothing to do: it is test data.", source=f"{_ACCOUNTING}/sage200/accounting-sage200-setup.md"),
    _customer("balance sheet", ("ValidationError",), data_types=("balanceSheet",),
        cause="The balance sheet does not balance: net assets differ from equity.",
        action="See what Codat's checks found, ask the customer to correct the books, then refresh again.",
        basis="inferred", source="docs/lending/troubleshooting.md"),
    _us("wave reports", _ENDED, platforms=("pbtz", "wave"), data_types=("profitAndLoss", "balanceSheet"), unseen=True,
        cause="Wave provides its reports only to partners, if your app was registered before July 2022.",
        action="Ask Wave for partner status.", source=f"{_ACCOUNTING}/overview.md"),
    _nothing("quickbooks plan", ("FetchError", "PermissionsError", "NotSupported"),
        platforms=("qhyg", "ndsk", "quickbooks online"), data_types=("purchaseOrders",), unseen=True,
        cause="Free, demo and trial plans of QuickBooks Online have no purchase orders.",
        action="Leave this data type out for this company.",
        source=f"{_ACCOUNTING}/quickbooksonline/faq-quickbooks-online.md"),
    _us("commerce whole", ("FetchError", "PrerequisiteNotMet", "PermissionsError"), platforms=COMMERCE_WHOLE,
        data_types=("commerce-transactions",), unseen=True,
        cause="Transactions can only be read if all commerce data types are enabled.",
        action="Enable and refresh all commerce data types of the connection, then this one.",
        source=f"{_COMMERCE}/stripe/commerce-stripe-setup.md"),
    _relink("bigcommerce scopes", _ENDED, platforms=BIGCOMMERCE, data_types=("commerce-*",), text=_RIGHTS,
        cause="The API account of the store lacks scopes; Codat cannot see which are set.",
        action="Ask the merchant to make a new store API account with all scopes, and to relink with it.",
        source=f"{_COMMERCE}/bigcommerce/commerce-bigcommerce-setup.md"),
    DiagnosisRule("bigcommerce orders", ("FetchError", "PermissionsError"), platforms=BIGCOMMERCE,
        data_types=("commerce-orders", "commerce-payments"),
        cause="An order with more than 250 transactions cannot be read, or the store's API account lacks a scope.",
        action=f"Ask the merchant to check the scopes of the API account; else {_SUPPORT}.", retry="later",
        wait=(_DAY, 2 * _DAY), who="customer", basis="inferred",
        source=f"{_COMMERCE}/bigcommerce/commerce-bigcommerce-integration-reference.md"),
    _us("custom type", ("FetchError", "MapError"), data_types=("custom/*",), unseen=True,
        cause="This custom data type has never succeeded: Codat does not check the spelling of its source and fields.",
        action="Correct its configuration, then refresh again.",
        source="docs/using-the-api/custom-data.md"),
    _later("plaid first sync", ("FetchError",), platforms=PLAID, data_types=("banking-transactions",), shape="first",
        cause="Plaid prepares transactions in a job of its own; if that takes over 15 minutes, the sync ends in an "
        "error.", action="Refresh again in a few minutes; that usually works.", wait=_minutes(5, 30),
        source=_PLAID_FAQ),
    _us("plaid product", _FAILED, platforms=PLAID,
        data_types=("banking-accounts", "banking-accountBalances", "banking-transactionCategories"), shape="no success",
        cause="This data type has never succeeded: its Plaid product is probably not enabled on your Plaid account.",
        action="Enable it at Plaid (accounts: Auth, Identity, Institution; transactions: Transactions; balances: "
        "Asset Reports), then refresh again.", basis="inferred", source=f"{_BANKING}/plaid/banking-plaid.md"),
    # What the messages say.
    _nothing("not supported by platform", _ENDED, text=r"not supported by (?:the )?platform|does not support",
        cause="The platform has no such data.", action="Leave this data type out for the connection.",
        source="docs/using-the-api/errors.md"),
    _customer("subscription", _ENDED, data_types=("*",),
        text=r"subscription\b.{0,30}\b(?:lapsed|expired|ended|cancel(?:l?ed))|(?:lapsed|expired) subscription",
        cause="The customer's subscription to the platform has ended.",
        action="Ask the customer to renew it, then refresh again.", one_cause=True, basis="inferred",
        source="docs/expenses/sync-process/syncing-expenses.md"),
    _customer("quickbooks does not start", _ANY, platforms=DESKTOP,
        text=r"could not start quickbooks|internal quickbooks error|0x80040414|qbsdklog\.txt",
        cause="QuickBooks does not start on the customer's machine.",
        action="Ask the customer to restart the computer that the connector runs on, then refresh again.",
        source=_DESKTOP_HELP),
    _customer("quickbooks in use", _ANY, platforms=DESKTOP,
        text=r"already logged in from another machine|multiple instances of quickbooks|"
        r"already open and it is different from the one requested|another company file",
        cause="QuickBooks is in use in a way that locks the connector out: another machine, instance or company file.",
        action="Ask the customer to close QuickBooks, or to open the right company file, then refresh again.",
        source=_DESKTOP_HELP),
    _customer("quickbooks rights", _ANY, platforms=DESKTOP,
        text=r"unable to log into this quickbooks company|not allowed to log into|re-?authorize your integrated|"
        r"can't return sensitive information|timed out attempting to communicate with qbd",
        cause="QuickBooks does not let the connector in: automatic login, the certificate or a password is missing.",
        action="Ask the customer's QuickBooks admin to allow it under Integrated Applications, then refresh again.",
        source=_DESKTOP_HELP),
    _customer("netsuite setup", _ENDED, connection=CONNECTION_STATUSES, platforms=NETSUITE,
        text=r"suitecloud not configured|too many access tokens|unable to access data",
        cause="NetSuite is not set up for Codat: a feature is off, all 25 access tokens of the user are taken, or the "
        "bundle is missing.", action="Ask the customer's NetSuite admin to correct it, then refresh again.",
        source=f"{_HELP}/netsuite/troubleshooting.md @f2966834b^"),
    _customer("intacct setup", _ENDED, connection=CONNECTION_STATUSES, platforms=INTACCT,
        text=r"unable to connect to intacct|missing permissions|top level access only",
        cause="Sage Intacct is not set up for Codat: the user, its role or its access is too narrow.",
        action="Ask the customer's Intacct admin to correct it, then refresh again.",
        source=f"{_HELP}/sage-intacct/error-messages.md @f2966834b^"),
    _us("plaid not enabled", _ENDED, connection=CONNECTION_STATUSES, platforms=PLAID,
        text=r"connectivity not supported", cause="The bank, product or country is not enabled on your Plaid account.",
        action="Enable it at Plaid, then refresh again.", source=_PLAID_FAQ),
    _customer("plaid rights", _ENDED, connection=CONNECTION_STATUSES, platforms=PLAID,
        text=r"action required with your account",
        cause="The customer's bank user lacks permission, or the bank needs something from the customer.",
        action="Ask the customer to settle it at the bank, then refresh again.", source=_PLAID_FAQ),
    # The platforms' limits and habits.
    _later("zoho limit", ("RateLimitError", "FetchError"), platforms=ZOHO, shape="together",
        cause="The organization's daily limit at Zoho, shared with its other apps, is used up.",
        action="Wait until the next day, and refresh fewer data types a day.", wait=(_DAY, 2 * _DAY), one_cause=True,
        source=f"{_ACCOUNTING}/zoho-books/zoho-book-limits.md"),
    DiagnosisRule("amazon limit", ("RateLimitError", "FetchError"), platforms=("qkdj", "amazon"),
        cause="Amazon takes about one request a minute.", action="Refresh daily or weekly, not more often.",
        retry="later", wait=(_DAY, 2 * _DAY), who="us", one_cause=True,
        source=f"{_COMMERCE}/amazon-seller-central/commerce-amazon-seller-central.md"),
    _later("exact minute", ("FetchError", "RateLimitError"), platforms=("qudb", "pbbf", "exact"), text=_LIMIT,
        cause="Exact's limit is used up: 60 calls a minute and 5,000 a day for each company.",
        action="Refresh fewer data types at a time, in a few minutes; if that fails, the next day.",
        wait=(timedelta(minutes=2), _DAY), one_cause=True, basis="inferred",
        source=f"{_ACCOUNTING}/exact-online/accounting-exact-setup.md"),
    _later("business central installing", ("FetchError",), platforms=BUSINESS_CENTRAL, linked=_minutes(0, 30),
        cause="Linking installs an extension in Business Central in 10 to 20 minutes; reads fail until then.",
        action="Refresh again half an hour after linking.", wait=_minutes(30, 60), one_cause=True,
        source=_DYNAMICS_SETUP),
    _relink("business central extension", ("FetchError",), platforms=BUSINESS_CENTRAL, shape="together",
        cause="Several data types fail together: the extension was probably uninstalled in Business Central.",
        action="Ask the customer to install it again and to relink.", one_cause=True, source=_DYNAMICS_SETUP),
    _relink("business central for days", ("FetchError",), platforms=BUSINESS_CENTRAL, shape="again",
        cause="It has failed for days: the extension was probably uninstalled in Business Central.",
        action="Ask the customer to install it again and to relink.", one_cause=True, source=_DYNAMICS_SETUP),
    _later("myob file", ("FetchError",), platforms=("pdvj", "myob"),
        cause="Reads of large company files time out at MYOB; Codat has already tried several times.",
        action="Refresh again at another hour. If it keeps failing, the customer has to make the file smaller.",
        wait=_hours(4, 24), source=f"{_ACCOUNTING}/myob/myob-integration-reference.md"),
    _us("netsuite volume", ("FetchError",), platforms=NETSUITE, unseen=True, text=r"time[d -]*out|too (?:many|large)",
        cause="NetSuite companies with very many records time out.",
        action="Set syncFromUtc for the big data types (invoices, journal entries, payments), then refresh again.",
        source=f"{_ACCOUNTING}/netsuite/accounting-netsuite.md"),
    _customer("woocommerce add-on", ("FetchError",), platforms=WOOCOMMERCE, shape="again",
        cause="Reads of the shop keep failing: probably an add-on that is not supported.",
        action=f"Ask the merchant about add-ons; else {_SUPPORT}.", basis="inferred",
        source=f"{_COMMERCE}/woocommerce/commerce-woocommerce.md"),
    # The customer's machine.
    DiagnosisRule("sage 50 restarted", ("Cancelled",), platforms=SAGE_50,
        cause="The connector was restarted, which cancels whatever is running for all its companies.",
        action="Refresh again: it starts when the connector is back.", retry="now", who="nobody", one_cause=True,
        basis="inferred", source=f"{_ACCOUNTING}/sage50/restart-the-sage-50-connector.md"),
    _nothing("desktop window", _WAITING, platforms=DESKTOP, age=(timedelta(), _DAY),
        cause="It is waiting for the customer's sync window: by default 19:00 to 07:00 of their time, on weekdays.",
        action="Nothing to do: it starts when the window opens and the machine is on.",
        source=f"{_ACCOUNTING}/quickbooksdesktop/installing-the-quickbooks-connector.md"),
    DiagnosisRule("desktop machine off", _WAITING, platforms=DESKTOP, age=(_DAY, NEVER),
        cause="It is still waiting after a sync window: the machine is off, or the connector is closed or paused.",
        action="Ask the customer to switch the machine on and open the connector. It then starts by itself.",
        retry="never", who="customer", basis="inferred",
        source=f"{_ACCOUNTING}/quickbooksdesktop/quickbooks-desktop-troubleshooting.md"),
    DiagnosisRule("no answer from the machine", _RUNNING, text=r"waiting for asynchronous response",
        cause="The connector on the customer's machine does not answer.",
        action="Ask the customer to switch the machine on, open the connector with Auto-Run, and close QuickBooks "
        "elsewhere. It then continues by itself.", retry="never", who="customer",
        source=f"{_ACCOUNTING}/quickbooksdesktop/quickbooks-desktop-faq.md"),
    _nothing("machine waits", _WAITING, platforms=(*SAGE_50, *ON_PREMISE), age=_hours(0, 2),
        cause="It is waiting for the customer's machine to come online.",
        action="Nothing to do yet: it starts as soon as the connector runs.", source=_STATUS),
    DiagnosisRule("machine off", _WAITING, platforms=(*SAGE_50, *ON_PREMISE), age=(timedelta(hours=2), NEVER),
        cause="The machine is off or asleep, or the connector is stopped or blocked by an antivirus program.",
        action="Ask the customer to start it and to allow its folder. The refresh then starts by itself.",
        retry="never", who="customer", source=f"{_ACCOUNTING}/sage50/sage50-troubleshooting.md"),
    # Operations on their way.
    _nothing("running", _RUNNING, cause="It is on its way.", action="Nothing to do.", source=_STATUS),
    _nothing("paused", _RUNNING, text=r"paused until",
        cause="The platform's limit is used up, or it is down. Codat waits and continues by itself.",
        action="Nothing to do: look again after that time.", source="blog/231005-fetching-is-paused.md"),
    _nothing("netsuite slow", ("Fetching",), platforms=NETSUITE, age=_hours(1, 60),
        cause="NetSuite companies with over a million records take up to 60 hours.",
        action="Nothing to do before that.", source=f"{_ACCOUNTING}/netsuite/accounting-netsuite.md"),
    _nothing("starts late", _WAITING, age=_hours(1, 24),
        cause="It has waited longer than usual: online platforms are read at once, unless their limit holds it up.",
        action="Nothing to do on the first day.", basis="inferred", source=_STATUS),
    DiagnosisRule("not started", _WAITING, age=(_DAY, NEVER),
        cause="Stuck: online platforms are read at once, and this one has been waiting for over a day.",
        action=f"It cannot be cancelled, and blocks the next refresh of this data type: {_SUPPORT}.",
        retry="never", who="codat", basis="inferred", source=_STATUS),
    DiagnosisRule("stuck", tuple(status for status in _RUNNING if status not in _WAITING), age=(_DAY, NEVER),
        cause="Stuck: it has been on its way for over a day.",
        action=f"It cannot be cancelled, and blocks the next refresh of this data type: {_SUPPORT}.",
        retry="never", who="codat", basis="inferred", source="docs/using-the-api/queueing-data-syncs.md"),
    # The history, then the status alone.
    _later("platform down", ("FetchError",), shape="together",
        cause="Several data types of the connection failed together: the platform is down, or refuses more requests.",
        action="Refresh them again after a pause: an hour, then twice as long each time.", wait=_hours(1, 12),
        one_cause=True, basis="inferred", source=_STATUS),
    _us("never succeeded", ("FetchError", UNKNOWN_ERROR), shape="no success",
        cause="This data type has never succeeded on the connection while others have: the customer's plan or "
        "permissions, a product that is not enabled, or no support.",
        action="Check the integration's supported data types and the customer's plan; until then, leave it out.",
        basis="inferred", source=_STATUS),
    DiagnosisRule("by turns", ("FetchError", "RateLimitError"), shape="by turns",
        cause="It succeeds and fails by turns: a limit of the platform, or too much data at a time.",
        action="Spread the data types over the day and refresh them less often.", retry="later", wait=_hours(12, 48),
        who="us", basis="inferred", source="docs/knowledge-base/advanced-sync-settings.md"),
    _customer("fails again", ("FetchError",), shape="again",
        cause="It keeps failing: permissions or the plan do not allow it, or there is a lasting outage.",
        action=f"Check the platform's status page and ask the customer what changed; else {_SUPPORT}.",
        basis="inferred", source=f"{_ACCOUNTING}/quickbooksonline/qbo-app-assessment-questionnaire.md"),
    DiagnosisRule("codat fails again", _CODATS, shape="again", cause="It keeps failing on Codat's side.",
        action=_SUPPORT[0].upper() + _SUPPORT[1:] + ".", retry="after", who="codat", basis="inferred", source=_STATUS),
    _later("fetch", ("FetchError",), cause="The platform could not be read: an outage or maintenance.",
        action="Refresh again after a pause: 15 minutes, then twice as long each time.",
        wait=(timedelta(minutes=15), timedelta(hours=12)), source=_STATUS),
    _later("limit", ("RateLimitError",), cause="The platform's own limit on requests is used up.",
        action="Leave the connection alone and refresh again the next day.", wait=(_DAY, 2 * _DAY), one_cause=True,
        basis="inferred", source=f"{_PLATFORM_API}:4930"),
    _relink("permissions", ("PermissionsError",), cause="The user who linked this connection may not read this data.",
        action=f"Ask the customer to relink with a user who may; else {_SUPPORT}.", basis="inferred", source=_STATUS),
    _us("prerequisite", ("PrerequisiteNotMet",), cause="Another data type must be read first.",
        action="Refresh the data types that it depends on, then this one.", basis="inferred",
        source=f"{_PLATFORM_API}:4930"),
    _nothing("not supported", ("NotSupported",), cause="The platform has no such data.",
        action="Leave this data type out for the connection.", source=_STATUS),
    DiagnosisRule("codat fails", _CODATS,
        cause="The data was read, but Codat failed to process it. Its engineers are alerted.",
        action=f"Refresh again in a few hours; if it keeps failing, {_SUPPORT}.", retry="later",
        wait=_hours(1, 24), who="codat", source=_STATUS),
    _customer("validation", ("ValidationError",),
        cause="Codat read the records but rejected them: they fail its checks.",
        action="See what the checks found, ask the customer to correct the records, then refresh again.",
        source=f"{_PLATFORM_API}:2334"),
    DiagnosisRule("cancelled", ("Cancelled",),
        cause="The operation was cancelled, for example because a connector restarted.", action="Refresh again.",
        retry="now", who="nobody", basis="inferred", source=f"{_ACCOUNTING}/sage50/restart-the-sage-50-connector.md"),
    DiagnosisRule("unknown end", (UNKNOWN_END,), cause="It ended in a way that this version does not know.",
        action="Read what Codat says about it.", retry="never", who="us", basis="inferred",
        source=f"{_PLATFORM_API}:4930"),
    DiagnosisRule("unknown failure", (UNKNOWN_ERROR,),
        cause="Codat reports a failure of a kind that this version does not know.",
        action=f"Read the message and refresh again in a few hours; if it keeps failing, {_SUPPORT}.", retry="later",
        wait=_hours(1, 24), who="codat", basis="inferred", source=f"{_PLATFORM_API}:4930"),
)  # fmt: skip
