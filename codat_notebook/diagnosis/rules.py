"""What Codat's documents say about refreshes that fail, wait or are stuck, as data.

A rule holds where the conditions that it names do; those it does not name do not matter. Of the rules that hold, the
one with the most specific conditions is the diagnosis (its ``rank``): the connection's state says more than a data
type, a data type more than a message, and so on down to the status alone. Each rule names its source, a page of
``codatio/codat-docs`` (``@commit^`` where it stands in its history only) or a line of ``codatio/oas``; ``basis`` says
whether the advice stands there or follows from it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from codat_notebook.diagnosis.rule import UNKNOWN, UNKNOWN_END, UNKNOWN_ERROR, Span
from codat_notebook.diagnosis.rule import DiagnosisRule as Rule
from codat_notebook.models.status import CONNECTION_STATUSES, FAILURES, STAGES

NEVER: Final = timedelta.max
_FAILED: Final = tuple(FAILURES)
_ENDED: Final = (*_FAILED, UNKNOWN_ERROR)
_RUNNING: Final = (*STAGES, UNKNOWN)
_CODATS: Final = ("MapError", "ProcessingError", "InternalError")
_DAY: Final = timedelta(days=1)


def _minutes(low: float, high: float) -> Span:
    return timedelta(minutes=low), timedelta(minutes=high)


def _hours(low: float, high: float) -> Span:
    return timedelta(hours=low), timedelta(hours=high)


BUSINESS_CENTRAL: Final = ("trji", "business central")
EXACT: Final = ("qudb", "pbbf", "exact")
FRESHBOOKS: Final = ("vxvy", "freshbooks")
MYOB: Final = ("pdvj", "myob")
NETSUITE: Final = ("akxx", "netsuite")
DESKTOP: Final = ("pqsw", "quickbooks desktop")
ONLINE: Final = ("qhyg", "ndsk", "quickbooks online")
SAGE_200: Final = ("jcrp", "sage 200")
SAGE_50: Final = ("hbql", "sage 50")
INTACCT: Final = ("knfz", "intacct")
WAVE: Final = ("pbtz", "wave")
XERO: Final = ("gbol", "xero")
ZOHO: Final = ("rwuv", "zoho")
PLAID: Final = ("suuo", "plaid")
TRUELAYER: Final = ("upvr", "truelayer")
AMAZON: Final = ("qkdj", "amazon")
BIGCOMMERCE: Final = ("vqzp", "bigcommerce")
WOOCOMMERCE: Final = ("ltpp", "woocommerce")
COMMERCE_WHOLE: Final = (
    "fztf", "shopify", "zsth", "xcwv", "square", "exgd", "yzth", "stripe", "ldgh", "lrhd", "ltes", "lightspeed",
)  # fmt: skip
ON_PREMISE: Final = (*DESKTOP, *SAGE_50)
#: Platforms with a setting "one-off access", after which a connection may end by design.
ONE_OFF: Final = (
    *NETSUITE, *INTACCT, *PLAID, *TRUELAYER, "fqly", "clover", "lightspeed", "square", "stripe", *WOOCOMMERCE,
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
_STATUS: Final = "docs/core-concepts/status.md"
_CONNECTIONS: Final = "docs/core-concepts/connections.md"
_SUPPORT: Final = "write to Codat's support with the ids of the company, the connection and the operation"
_ACCOUNTING: Final = "docs/integrations/accounting"
_COMMERCE: Final = "docs/integrations/commerce"
_BANKING: Final = "docs/integrations/banking"
_PLATFORM_API: Final = "yaml/Codat-Platform.yaml"
_DESKTOP_FAQ: Final = f"{_ACCOUNTING}/quickbooksdesktop/quickbooks-desktop-faq.md"
_DESKTOP_HELP: Final = "docs/smb-help-hub/integrations/qb-desktop/troubleshooting.md @f2966834b^"
_NETSUITE_HELP: Final = "docs/smb-help-hub/integrations/netsuite/troubleshooting.md @f2966834b^"
_INTACCT_HELP: Final = "docs/smb-help-hub/integrations/sage-intacct/error-messages.md @f2966834b^"

RULES: Final = (
    # What ended well, or is none of the connection's business.
    Rule(name="complete", statuses=("Complete",), cause="The data was read.", action="Nothing to do.",
         retry="never", who="nobody", source=_STATUS),
    Rule(name="removed", platforms=REMOVED, connection=CONNECTION_STATUSES, statuses=(*_ENDED, *_RUNNING),
         cause="Codat has withdrawn this integration: no data comes from it any more.",
         action="Ask the customer to link another source.", retry="never", who="us", one_cause=True,
         source="blog/251003-deprecation-of-integrations.md"),
    Rule(name="write only", platforms=WRITE_ONLY, statuses=(*_ENDED, *_RUNNING), data_types=("*",),
         cause="Nothing is pulled from such a connection: data is only written to it.",
         action="Leave it out of refreshes.", retry="never", who="nobody", one_cause=True, basis="inferred",
         source="docs/integrations/bank-feeds/overview.md"),
    Rule(name="mended", statuses=_ENDED, shape="mended", cause="It failed, and the type has been read since.",
         action="Nothing to do.", retry="never", who="nobody", source=_STATUS, basis="inferred"),
    Rule(name="tried again", statuses=_ENDED, shape="tried again",
         cause="It failed, and the type is being read again.",
         action="Nothing to do: the next of its type can be queued when that has ended.",
         retry="never", who="nobody", source="docs/using-the-api/queueing-data-syncs.md"),
    Rule(name="linked again", statuses=("AuthError",), shape="linked again",
         cause="The authorization had expired; other data types have been read since, so the connection works again.",
         action="Refresh again.", retry="now", who="nobody", source=_STATUS, basis="inferred"),
    # The connection.
    Rule(name="deauthorized", connection=("Deauthorized",), statuses=(*_ENDED, *_RUNNING),
         cause="The customer or the platform has withdrawn access, or it has expired.",
         action="Send the customer the connection's link URL. Until it is linked again, nothing of it can be read.",
         retry="after", who="customer", relink=True, one_cause=True, source=_CONNECTIONS),
    Rule(name="unlinked", connection=("Unlinked",), statuses=(*_ENDED, *_RUNNING),
         cause="The connection was unlinked: through the API, in Codat's Portal, or by the customer in your product.",
         action="Ask whether that was meant. If not, send the customer its link URL.",
         retry="after", who="us", relink=True, one_cause=True, source=_CONNECTIONS),
    Rule(name="pending", connection=("PendingAuth",), statuses=(*_ENDED, *_RUNNING),
         cause="Linking was begun and not finished.",
         action="Send the customer the connection's link URL (not the company's redirect).",
         retry="after", who="customer", relink=True, one_cause=True, source="docs/auth-flow/authorize-hosted-link.md"),
    Rule(name="desktop one-off", connection=("Deauthorized",), platforms=DESKTOP, statuses=(*_ENDED, *_RUNNING),
         cause="In one-time mode QuickBooks Desktop is deauthorized right after its first sync; else the certificate "
         "was removed in QuickBooks.",
         action="Look at the integration's mode. The customer runs the installer again with the same company id, on "
         "the machine where QuickBooks runs.",
         retry="after", who="customer", relink=True, one_cause=True,
         source=f"{_ACCOUNTING}/quickbooksdesktop/quickbooks-desktop-troubleshooting.md"),
    Rule(name="sage 50 uninstalled", connection=("Deauthorized",), platforms=SAGE_50, statuses=(*_ENDED, *_RUNNING),
         cause="The connector was uninstalled; in one-time mode it does so itself after the sync.",
         action="The customer installs the connector again; its license key is the company's id.",
         retry="after", who="customer", relink=True, one_cause=True,
         source=f"{_ACCOUNTING}/sage50/uninstalling-the-sage-50-connector.md"),
    Rule(name="sage bank feed", connection=("Deauthorized", "PendingAuth", "Unlinked"),
         platforms=("olpr", "sagebankfeed", "sage bank feeds"), statuses=(*_ENDED, *_RUNNING),
         cause="Nothing is pulled from a bank feed, and this one is not linked.",
         action="The customer links it inside Sage. Never send them its link URL.",
         retry="never", who="customer", one_cause=True,
         source="docs/integrations/bank-feeds/sage-bank-feeds/sage-bank-feeds-setup.md"),
    Rule(name="one-off access", connection=("Deauthorized",), platforms=ONE_OFF, linked=_hours(0, 24),
         statuses=(*_ENDED, *_RUNNING), cause="Access ended right after linking: probably one-off access, by design.",
         action="Look at the access setting of the integration, then send the customer the link URL.",
         retry="after", who="us", relink=True, one_cause=True, basis="inferred",
         source="docs/integrations/accounting/offline-connectors.md"),
    Rule(name="plaid consent", connection=("Deauthorized",), platforms=PLAID,
         linked=(timedelta(days=80), timedelta(days=100)), statuses=(*_ENDED, *_RUNNING),
         cause="Consent to Plaid must be confirmed every 90 days.",
         action="Send the customer the connection's Reauthorize link.",
         retry="after", who="customer", relink=True, one_cause=True,
         source=f"{_BANKING}/plaid/reauthorize-url-links.md"),
    Rule(name="santander", connection=("Deauthorized",), platforms=("santander corporate",), data_types=("*",),
         statuses=(*_ENDED, *_RUNNING), cause="TrueLayer dropped Santander Corporate in March 2026.",
         action="It cannot be relinked: ask the customer for another source.",
         retry="never", who="us", one_cause=True,
         source=f"{_BANKING}/truelayer/faqs-about-truelayer.md"),
    # Authorization failed.
    Rule(name="auth", statuses=("AuthError",),
         cause="Codat is no longer authorized to read this connection.",
         action="Send the customer its link URL. Until then no refresh of any of its data types can work. Read the "
         "connection once more first if it still says Linked.",
         retry="after", who="customer", relink=True, one_cause=True, source=_STATUS),
    Rule(name="token refused", statuses=("FetchError", UNKNOWN_ERROR),
         text=r"invalid_grant|(?:access|refresh) token|HTTP 401\b|\bunauthori[sz]ed\b",
         cause="The platform no longer accepts Codat's authorization.",
         action="Read the connection once more; if the error is still open, send the customer its link URL.",
         retry="after", who="customer", relink=True, one_cause=True, basis="inferred",
         source=f"{_PLATFORM_API}:4096"),
    Rule(name="limit told", statuses=("FetchError", UNKNOWN_ERROR), text=_LIMIT,
         cause="The platform's limit on requests is used up.",
         action="Leave the connection alone for some hours, then refresh fewer data types at a time.",
         retry="later", wait=_hours(1, 24), who="nobody", one_cause=True, basis="inferred",
         source="docs/knowledge-base/advanced-sync-settings.md"),
    Rule(name="daily limit told", statuses=("FetchError", "RateLimitError", UNKNOWN_ERROR), data_types=("*",),
         text=_DAILY, cause="The platform's limit for the day is used up.",
         action="Leave the connection alone until the next day, and refresh fewer data types a day.",
         retry="later", wait=(_DAY, 2 * _DAY), who="nobody", one_cause=True,
         source=f"{_ACCOUNTING}/xero/xero-faq.md"),
    Rule(name="rights told", statuses=("FetchError", UNKNOWN_ERROR),
         text=_RIGHTS,
         cause="The platform refuses it: the customer's user or credentials lack rights.",
         action="Ask the customer to relink with a user, or credentials, that may read this data.",
         retry="after", who="customer", relink=True, basis="inferred", source=f"{_PLATFORM_API}:4096"),
    Rule(name="access withdrawn", text=r"de-?authorized access", statuses=_ENDED,
         cause="The customer or the platform has withdrawn access.",
         action="Send the customer the connection's link URL.",
         retry="after", who="customer", relink=True, one_cause=True, source=f"{_PLATFORM_API}:3140"),
    Rule(name="many companies", statuses=("AuthError",), platforms=(*XERO, *FRESHBOOKS),
         cause="Access has ended. If several companies lose it at once, your app's scopes changed, or (with Xero) one "
         "login was used for several organizations.",
         action="Send the customer the link URL; after a change of scopes, all customers.",
         retry="after", who="customer", relink=True, one_cause=True,
         source=f"{_ACCOUNTING}/freshbooks/accounting-freshbooks.md"),
    Rule(name="zoho links", statuses=("AuthError",), platforms=ZOHO,
         cause="Access has ended. If newer connections of the same Zoho user work: a user has 20 links, and the 21st "
         "ends the oldest.",
         action="Unlink what is not used, then send the customer the link URL.",
         retry="after", who="customer", relink=True, one_cause=True, basis="inferred",
         source=f"{_ACCOUNTING}/zoho-books/zoho-book-limits.md"),
    # Expected failures, and data types with conditions of their own.
    Rule(name="xero bank transactions", unseen=True, platforms=XERO, data_types=("bankTransactions",),
         statuses=("FetchError", "NotSupported", "PermissionsError"),
         cause="Expected: Xero does not give its bank transactions, so this type ends in an error each time.",
         action="Leave it out of refreshes. Nothing is broken.", retry="never", who="nobody",
         source=f"{_ACCOUNTING}/xero/xero-faq.md"),
    Rule(name="xero journals", platforms=XERO, data_types=("journals",),
         statuses=("FetchError", "PermissionsError", "AuthError"),
         cause="Journals need the scope accounting.journals.read, which Xero gives to apps on its Advanced tier only.",
         action="Leave journals out, unless your app has that scope.", retry="after", who="us", basis="inferred",
         source=f"{_ACCOUNTING}/xero/partner-certification/scopes.md"),
    Rule(name="sage 200 sandbox", platforms=SAGE_200, data_types=("balanceSheet",), text=r"sandbox",
         statuses=("ValidationError",),
         cause="Expected: the balance sheet of Sage's sandbox companies does not balance.",
         action="Nothing to do: it is test data.", retry="never", who="nobody",
         source=f"{_ACCOUNTING}/sage200/accounting-sage200-setup.md"),
    Rule(name="balance sheet", data_types=("balanceSheet",), statuses=("ValidationError",),
         cause="The balance sheet does not balance: net assets differ from equity.",
         action="Look at what Codat's checks found. The customer corrects the books; then refresh again.",
         retry="after", who="customer", basis="inferred", source="docs/lending/troubleshooting.md"),
    Rule(name="wave reports", unseen=True, platforms=WAVE, statuses=_ENDED,
         data_types=("profitAndLoss", "balanceSheet"),
         cause="Wave gives its reports to partners only, if your app was registered before July 2022.",
         action="Ask Wave for partner status.", retry="after", who="us",
         source=f"{_ACCOUNTING}/overview.md"),
    Rule(name="quickbooks plan", unseen=True, platforms=ONLINE, data_types=("purchaseOrders",),
         statuses=("FetchError", "PermissionsError", "NotSupported"),
         cause="Free, demo and trial plans of QuickBooks Online have no purchase orders.",
         action="Leave the type out for this company.", retry="never", who="nobody",
         source=f"{_ACCOUNTING}/quickbooksonline/faq-quickbooks-online.md"),
    Rule(name="commerce whole", unseen=True, platforms=COMMERCE_WHOLE, data_types=("commerce-transactions",),
         statuses=("FetchError", "PrerequisiteNotMet", "PermissionsError"),
         cause="Transactions can be read only where all commerce types are enabled.",
         action="Enable and refresh all commerce types of the connection, then this one.",
         retry="after", who="us", source=f"{_COMMERCE}/stripe/commerce-stripe-setup.md"),
    Rule(name="bigcommerce scopes", platforms=BIGCOMMERCE, data_types=("commerce-*",), statuses=_ENDED,
         text=_RIGHTS, cause="The API account of the store lacks scopes; Codat cannot see which are set.",
         action="Ask the merchant to make a new store API account with all scopes, and to relink with it.",
         retry="after", who="customer", relink=True,
         source=f"{_COMMERCE}/bigcommerce/commerce-bigcommerce-setup.md"),
    Rule(name="bigcommerce orders", platforms=BIGCOMMERCE, data_types=("commerce-orders", "commerce-payments"),
         statuses=("FetchError", "PermissionsError"),
         cause="An order with more than 250 transactions cannot be read, or the store's API account lacks a scope.",
         action="Ask the merchant to check the scopes of the API account; else " + _SUPPORT + ".",
         retry="later", wait=(_DAY, 2 * _DAY), who="customer", basis="inferred",
         source=f"{_COMMERCE}/bigcommerce/commerce-bigcommerce-integration-reference.md"),
    Rule(name="custom type", data_types=("custom/*",), unseen=True, statuses=("FetchError", "MapError"),
         cause="The custom data type has not succeeded yet: Codat does not check its source and fields for spelling.",
         action="Correct the configuration of the custom type, then refresh again.",
         retry="after", who="us", source="docs/using-the-api/custom-data.md"),
    Rule(name="plaid first sync", platforms=PLAID, data_types=("banking-transactions",), statuses=("FetchError",),
         shape="first",
         cause="Plaid prepares transactions in a job of its own; if that takes over 15 minutes, the sync ends in an "
         "error.",
         action="Refresh again in a few minutes: that usually succeeds.",
         retry="later", wait=_minutes(5, 30), who="nobody", source=f"{_BANKING}/plaid/faqs-plaid.md"),
    Rule(name="plaid product", platforms=PLAID, shape="no success", statuses=_FAILED,
         data_types=("banking-accounts", "banking-accountBalances", "banking-transactionCategories"),
         cause="The type never succeeded: the Plaid product behind it is probably not enabled on your Plaid account.",
         action="Enable it at Plaid (accounts: Auth, Identity, Institution; transactions: Transactions; balances: "
         "Asset Reports), then refresh again.",
         retry="after", who="us", basis="inferred", source=f"{_BANKING}/plaid/banking-plaid.md"),
    # What the messages say.
    Rule(name="not supported by platform", text=r"not supported by (?:the )?platform|does not support", statuses=_ENDED,
         cause="The platform has no such data.", action="Leave this data type out for the connection.",
         retry="never", who="nobody", source="docs/using-the-api/errors.md"),
    Rule(name="subscription", statuses=_ENDED, data_types=("*",),
         text=r"subscription\b.{0,30}\b(?:lapsed|expired|ended|cancel(?:l?ed))|(?:lapsed|expired) subscription",
         cause="The customer's subscription to the platform has ended.",
         action="Ask the customer to renew it, then refresh again.",
         retry="after", who="customer", one_cause=True, basis="inferred",
         source="docs/expenses/sync-process/syncing-expenses.md"),
    Rule(name="quickbooks does not start", platforms=DESKTOP, statuses=(*_ENDED, *_RUNNING),
         text=r"could not start quickbooks|internal quickbooks error|0x80040414|qbsdklog\.txt",
         cause="QuickBooks does not start on the customer's machine.",
         action="Ask the customer to restart the computer that the connector runs on, then refresh again.",
         retry="after", who="customer", source=_DESKTOP_HELP),
    Rule(name="quickbooks in use", platforms=DESKTOP, statuses=(*_ENDED, *_RUNNING),
         text=r"already logged in from another machine|multiple instances of quickbooks|already open and it is "
         r"different from the one requested|another company file",
         cause="QuickBooks is in use in a way that keeps the connector out: another machine, instance or company file.",
         action="Ask the customer to close QuickBooks, or to open the right company file, then refresh again.",
         retry="after", who="customer", source=_DESKTOP_HELP),
    Rule(name="quickbooks rights", platforms=DESKTOP, statuses=(*_ENDED, *_RUNNING),
         text=r"unable to log into this quickbooks company|not allowed to log into|re-?authorize your integrated|"
         r"can't return sensitive information|timed out attempting to communicate with qbd",
         cause="QuickBooks does not let the connector in: automatic login, the certificate or a password is missing.",
         action="Ask the customer's QuickBooks admin to allow it under Integrated Applications, then refresh again.",
         retry="after", who="customer", source=_DESKTOP_HELP),
    Rule(name="netsuite setup", connection=CONNECTION_STATUSES, platforms=NETSUITE, statuses=_ENDED,
         text=r"suitecloud not configured|too many access tokens|unable to access data",
         cause="NetSuite is not set up for Codat: a feature is off, all 25 access tokens of the user are taken, or the "
         "bundle is missing.",
         action="Ask the customer's NetSuite admin to correct it, then refresh again.",
         retry="after", who="customer", source=_NETSUITE_HELP),
    Rule(name="intacct setup", connection=CONNECTION_STATUSES, platforms=INTACCT, statuses=_ENDED,
         text=r"unable to connect to intacct|missing permissions|top level access only",
         cause="Sage Intacct is not set up for Codat: the user, its role or its access is too narrow.",
         action="Ask the customer's Intacct admin to correct it, then refresh again.",
         retry="after", who="customer", source=_INTACCT_HELP),
    Rule(name="plaid not enabled", connection=CONNECTION_STATUSES, platforms=PLAID, statuses=_ENDED,
         text=r"connectivity not supported",
         cause="The bank, product or country is not enabled on your Plaid account.",
         action="Enable it at Plaid, then refresh again.", retry="after", who="us",
         source=f"{_BANKING}/plaid/faqs-plaid.md"),
    Rule(name="plaid rights", connection=CONNECTION_STATUSES, platforms=PLAID, statuses=_ENDED,
         text=r"action required with your account",
         cause="The customer's bank user lacks rights, or the bank wants something of the customer.",
         action="Ask the customer to settle it at the bank, then refresh again.",
         retry="after", who="customer", source=f"{_BANKING}/plaid/faqs-plaid.md"),
    # The platforms' limits and habits.
    Rule(name="zoho limit", platforms=ZOHO, statuses=("RateLimitError", "FetchError"), shape="together",
         cause="The organization's daily limit at Zoho, shared with its other apps, is used up.",
         action="Wait for the next day, and refresh fewer data types a day.",
         retry="later", wait=(_DAY, 2 * _DAY), who="nobody", one_cause=True,
         source=f"{_ACCOUNTING}/zoho-books/zoho-book-limits.md"),
    Rule(name="amazon limit", platforms=AMAZON, statuses=("RateLimitError", "FetchError"),
         cause="Amazon takes about one request a minute.",
         action="Refresh daily or weekly, not more often.",
         retry="later", wait=(_DAY, 2 * _DAY), who="us", one_cause=True,
         source=f"{_COMMERCE}/amazon-seller-central/commerce-amazon-seller-central.md"),
    Rule(name="exact minute", platforms=EXACT, statuses=("FetchError", "RateLimitError"),
         text=_LIMIT,
         cause="Exact's limit is used up: 60 calls a minute and 5,000 a day for each company.",
         action="Refresh again in some minutes, fewer data types at a time; if it stays, the next day.",
         retry="later", wait=(timedelta(minutes=2), _DAY), who="nobody", one_cause=True, basis="inferred",
         source=f"{_ACCOUNTING}/exact-online/accounting-exact-setup.md"),
    Rule(name="business central installing", platforms=BUSINESS_CENTRAL, statuses=("FetchError",),
         linked=_minutes(0, 30),
         cause="Linking installs an extension in Business Central in 10 to 20 minutes; reads fail until then.",
         action="Refresh again half an hour after linking.",
         retry="later", wait=_minutes(30, 60), who="nobody", one_cause=True,
         source=f"{_ACCOUNTING}/dynamics365businesscentral/accounting-dynamics365businesscentral-setup.md"),
    Rule(name="business central extension", platforms=BUSINESS_CENTRAL, statuses=("FetchError",), shape="together",
         cause="Several data types fail together: the extension was probably uninstalled in Business Central.",
         action="Ask the customer to install it again and to relink.",
         retry="after", who="customer", relink=True, one_cause=True,
         source=f"{_ACCOUNTING}/dynamics365businesscentral/accounting-dynamics365businesscentral-setup.md"),
    Rule(name="business central for days", platforms=BUSINESS_CENTRAL, statuses=("FetchError",), shape="again",
         cause="It has failed for days: the extension was probably uninstalled in Business Central.",
         action="Ask the customer to install it again and to relink.",
         retry="after", who="customer", relink=True, one_cause=True,
         source=f"{_ACCOUNTING}/dynamics365businesscentral/accounting-dynamics365businesscentral-setup.md"),
    Rule(name="myob file", platforms=MYOB, statuses=("FetchError",),
         cause="Reads of large company files time out at MYOB; Codat has already tried several times.",
         action="Refresh once more at another hour. If it stays, the customer has to make the file smaller.",
         retry="later", wait=_hours(4, 24), who="nobody",
         source=f"{_ACCOUNTING}/myob/myob-integration-reference.md"),
    Rule(name="netsuite volume", unseen=True, platforms=NETSUITE, statuses=("FetchError",),
         text=r"time[d -]*out|too (?:many|large)",
         cause="NetSuite companies with very many records time out.",
         action="Set syncFromUtc for the big data types (invoices, journal entries, payments), then refresh again.",
         retry="after", who="us", source=f"{_ACCOUNTING}/netsuite/accounting-netsuite.md"),
    Rule(name="woocommerce add-on", platforms=WOOCOMMERCE, statuses=("FetchError",), shape="again",
         cause="The shop fails again and again: probably an add-on that is not supported.",
         action="Ask the merchant about add-ons; else " + _SUPPORT + ".",
         retry="after", who="customer", basis="inferred", source=f"{_COMMERCE}/woocommerce/commerce-woocommerce.md"),
    # The customer's machine.
    Rule(name="sage 50 restarted", platforms=SAGE_50, statuses=("Cancelled",),
         cause="The connector was restarted, which cancels what runs, for all its companies.",
         action="Refresh once more: it starts when the connector is back.",
         retry="now", who="nobody", one_cause=True, basis="inferred",
         source=f"{_ACCOUNTING}/sage50/restart-the-sage-50-connector.md"),
    Rule(name="desktop window", platforms=DESKTOP, statuses=("Initial", "Queued"), age=(timedelta(), _DAY),
         cause="It waits for the customer's sync window: by default 19:00 to 07:00 of their time, on weekdays.",
         action="Nothing to do: it starts when the window opens and the machine is on.", retry="never", who="nobody",
         source=f"{_ACCOUNTING}/quickbooksdesktop/installing-the-quickbooks-connector.md"),
    Rule(name="desktop machine off", platforms=DESKTOP, statuses=("Initial", "Queued"), age=(_DAY, NEVER),
         cause="A window has passed and it still waits: the machine is off, or the connector is closed or paused.",
         action="Ask the customer to switch the machine on and to open the connector. It then starts by itself.",
         retry="never", who="customer", basis="inferred",
         source=f"{_ACCOUNTING}/quickbooksdesktop/quickbooks-desktop-troubleshooting.md"),
    Rule(name="no answer from the machine", text=r"waiting for asynchronous response", statuses=_RUNNING,
         cause="The connector on the customer's machine does not answer.",
         action="Ask the customer to switch the machine on, to open the connector with Auto-Run, and to close "
         "QuickBooks elsewhere. It then goes on by itself.",
         retry="never", who="customer", source=_DESKTOP_FAQ),
    Rule(name="sage 50 waits", platforms=SAGE_50, statuses=("Initial", "Queued"), age=_hours(0, 2),
         cause="It waits until the customer's machine is online.",
         action="Nothing to do yet: it starts as soon as the connector runs.", retry="never", who="nobody",
         source=f"{_ACCOUNTING}/sage50/accounting-sage50.md"),
    Rule(name="sage 50 machine off", platforms=SAGE_50, statuses=("Initial", "Queued"), age=(timedelta(hours=2), NEVER),
         cause="The machine is off or asleep, or the connector is stopped or blocked by an antivirus program.",
         action="Ask the customer to start it and to allow its folder. It then starts by itself.",
         retry="never", who="customer", source=f"{_ACCOUNTING}/sage50/sage50-troubleshooting.md"),
    # Operations on their way.
    Rule(name="running", statuses=_RUNNING, cause="It is on its way.", action="Nothing to do.",
         retry="never", who="nobody", source=_STATUS),
    Rule(name="paused", text=r"paused until", statuses=_RUNNING,
         cause="The platform's limit is used up, or it is down. Codat waits and goes on by itself.",
         action="Nothing to do: look again after that time.", retry="never", who="nobody",
         source="blog/231005-fetching-is-paused.md"),
    Rule(name="netsuite slow", platforms=NETSUITE, statuses=("Fetching",), age=_hours(1, 60),
         cause="NetSuite companies with over a million records take up to 60 hours.",
         action="Nothing to do before that.", retry="never", who="nobody",
         source=f"{_ACCOUNTING}/netsuite/accounting-netsuite.md"),
    Rule(name="starts late", statuses=("Initial", "Queued"), age=_hours(1, 24),
         cause="It waits longer than usual: online platforms are read at once, unless their limit holds it up.",
         action="Nothing to do before a day is over.", retry="never", who="nobody", basis="inferred", source=_STATUS),
    Rule(name="not started", statuses=("Initial", "Queued"), age=(_DAY, NEVER),
         cause="Stuck: online platforms are read at once, and this one waits for over a day.",
         action=f"It cannot be cancelled, and blocks the next of its type: {_SUPPORT}.",
         retry="never", who="codat", basis="inferred", source=_STATUS),
    Rule(name="stuck", statuses=tuple(status for status in _RUNNING if status not in ("Initial", "Queued")),
         age=(_DAY, NEVER),
         cause="Stuck: it has been on its way for over a day.",
         action=f"It cannot be cancelled, and blocks the next of its type: {_SUPPORT}.",
         retry="never", who="codat", basis="inferred", source="docs/using-the-api/queueing-data-syncs.md"),
    # The history, then the status alone.
    Rule(name="platform down", statuses=("FetchError",), shape="together",
         cause="Several data types of the connection failed together: the platform is down, or has had enough.",
         action="Refresh them again after a pause: an hour, then twice as long each time.",
         retry="later", wait=_hours(1, 12), who="nobody", one_cause=True, basis="inferred", source=_STATUS),
    Rule(name="never succeeded", statuses=("FetchError", UNKNOWN_ERROR), shape="no success",
         cause="This type never succeeded on the connection while others did: the customer's plan or rights, a product "
         "that is not enabled, or no support.",
         action="Compare the integration's supported types and the customer's plan; leave it out until then.",
         retry="after", who="us", basis="inferred", source=_STATUS),
    Rule(name="by turns", statuses=("FetchError", "RateLimitError"), shape="by turns",
         cause="Success and failure by turns: a limit of the platform, or too much data at a time.",
         action="Spread the data types over the day and read them less often.",
         retry="later", wait=_hours(12, 48), who="us", basis="inferred",
         source="docs/knowledge-base/advanced-sync-settings.md"),
    Rule(name="fails again", statuses=("FetchError",), shape="again",
         cause="It used to work and now fails each time: rights or plan changed at the source, or a lasting outage.",
         action="Look at the platform's state and ask the customer what changed; else " + _SUPPORT + ".",
         retry="after", who="customer", basis="inferred",
         source=f"{_ACCOUNTING}/quickbooksonline/qbo-app-assessment-questionnaire.md"),
    Rule(name="codat fails again", statuses=_CODATS, shape="again",
         cause="It fails on Codat's side again and again.", action=_SUPPORT[0].upper() + _SUPPORT[1:] + ".",
         retry="after", who="codat", basis="inferred", source=_STATUS),
    Rule(name="fetch", statuses=("FetchError",),
         cause="The platform could not be read: an outage or maintenance.",
         action="Refresh again after a pause: 15 minutes, then twice as long each time.",
         retry="later", wait=(timedelta(minutes=15), timedelta(hours=12)), who="nobody", source=_STATUS),
    Rule(name="limit", statuses=("RateLimitError",),
         cause="The platform's own limit on requests is used up.",
         action="Leave the connection alone and refresh again the next day.",
         retry="later", wait=(_DAY, 2 * _DAY), who="nobody", one_cause=True, basis="inferred",
         source=f"{_PLATFORM_API}:4930"),
    Rule(name="permissions", statuses=("PermissionsError",),
         cause="The user who linked this connection may not read this data.",
         action="Ask the customer to relink with a user who may; else " + _SUPPORT + ".",
         retry="after", who="customer", relink=True, basis="inferred", source=_STATUS),
    Rule(name="prerequisite", statuses=("PrerequisiteNotMet",),
         cause="Another data type must be read first.",
         action="Refresh the data types that it depends on, then this one.",
         retry="after", who="us", basis="inferred", source=f"{_PLATFORM_API}:4930"),
    Rule(name="not supported", statuses=("NotSupported",),
         cause="The platform has no such data.", action="Leave this data type out for the connection.",
         retry="never", who="nobody", source=_STATUS),
    Rule(name="codat fails", statuses=_CODATS,
         cause="The data was read, and Codat failed to process it. Its engineers are told.",
         action="Refresh again in some hours; if it stays, " + _SUPPORT + ".",
         retry="later", wait=_hours(1, 24), who="codat", source=_STATUS),
    Rule(name="validation", statuses=("ValidationError",),
         cause="The data was read and fails Codat's checks.",
         action="Look at what the checks found. The customer corrects the records; then refresh again.",
         retry="after", who="customer", source=f"{_PLATFORM_API}:2334"),
    Rule(name="cancelled", statuses=("Cancelled",),
         cause="The operation was cancelled, for example because a connector restarted.",
         action="Refresh once more.", retry="now", who="nobody", basis="inferred",
         source=f"{_ACCOUNTING}/sage50/restart-the-sage-50-connector.md"),
    Rule(name="unknown end", statuses=(UNKNOWN_END,), cause="It ended in a way that this version does not know.",
         action="Read what Codat says about it.", retry="never", who="us", basis="inferred",
         source=f"{_PLATFORM_API}:4930"),
    Rule(name="unknown failure", statuses=(UNKNOWN_ERROR,),
         cause="Codat reports a failure of a kind that this version does not know.",
         action="Read the message; refresh again in some hours; if it stays, " + _SUPPORT + ".",
         retry="later", wait=_hours(1, 24), who="codat", basis="inferred", source=f"{_PLATFORM_API}:4930"),
)  # fmt: skip
