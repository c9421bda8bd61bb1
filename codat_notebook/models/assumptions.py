"""What is taken for true of the real Codat without having been tried: the register that nobody keeps a copy of.

Each :class:`Assumption` says where it is from, what in the package stands on it, how it can be seen, which switch of
the sandbox (:mod:`codat_notebook.sandbox.faults`, :mod:`codat_notebook.sandbox.dialect`) makes it otherwise, and what
would go wrong then. Tests hold the register whole: each switch and each module that speaks of something undocumented
has an entry. :mod:`codat_notebook.checkup` looks with a real key. Sources: ``docs`` is the folder of codatio/codat-docs
at 1558f9a, ``oas`` a line of ``yaml/Codat-Platform.yaml`` in codatio/oas at 1d1fab1; ``inferred`` stands in neither.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Assumption:
    """One thing about the real API that code or sandbox take for true.

    Parameters
    ----------
    name : short, in words with hyphens; no two are the same.
    statement : what is taken for true, in one sentence.
    source : page of the documentation or line of the contract, or ``"inferred"``.
    effect : what is affected in the toolkit where it is otherwise.
    used_by : dotted names below ``codat_notebook`` of what depends on it.
    seen_by : how reading alone can show it; ``""``: it cannot.
    switch : the setting of the sandbox that varies it; ``""``: there is none.
    written : whether the one refresh of ``doctor --write-probes`` can show it.

    >>> BY_NAME["largest-page"].switch
    'max_page_size'
    """

    name: str
    statement: str
    source: str
    effect: str
    used_by: tuple[str, ...]
    seen_by: str = ""
    switch: str = ""
    written: bool = False


_PAGES: Final = "docs/using-the-api/paging.md"
_QUERY: Final = "docs/using-the-api/querying.md"
_LIMITS: Final = "docs/using-the-api/rate-limits.md"
_KEYS: Final = "docs/using-the-api/write-data/idempotency.md"
_ERRORS: Final = "docs/using-the-api/errors.md"
_A, _LIST, _HISTORY = Assumption, "GET /companies", "GET data/history"

# Name, statement, source, effect, used by, seen by, switch. An entry a paragraph: else this would be five pages.
ASSUMPTIONS: Final = (
    # Limits and headers
    _A("rate-headers", "Every answer tells X-Rate-Limit-Limit, -Remaining and -Reset.", _LIMITS,
       "session.quota stays empty, and a run's reserve is not kept.",
       ("client.quota.QuotaGauge", "session.Session.quota"), "headers", "hidden_headers"),
    _A("reset-form", "X-Rate-Limit-Reset is an ISO 8601 time.", "inferred", "Nothing: four forms are read.",
       ("client.clock.header_time",), "header", "time_format"),
    _A("reset-at-midnight", "The quota starts anew at 00:00 UTC.", _LIMITS, "A run waits for the wrong hour.",
       ("client.quota.Quota", "sandbox.admission.DailyQuota"), "header"),
    _A("quota-connected", "The quota is 1,000 x (1 + companies with a Linked connection) a day.", _LIMITS,
       "Estimates of days that a refresh takes are wrong; runs go by the headers.",
       ("models.vocabulary.daily_requests", "sandbox.world.World.connected"), "header, " + _LIST, "quota"),
    _A("minute-limit", "The doctor's own requests do not meet the 1,000 a minute from one address.", _LIMITS,
       "Runs are slowed by 429; per_minute of a session must be lower.",
       ("client.quota.Pacing",), "429 before the end", "per_minute"),
    _A("concurrent-limit", "A company takes 10 requests at a time.", _LIMITS, "429 where pages are fetched ahead.",
       ("client.quota.Pacing", "sandbox.admission.Traffic.check"), "", "concurrent"),
    _A("retry-after-form", "Retry-After is a number of seconds.", _LIMITS + ", form inferred",
       "Nothing: four forms are read.", ("client.clock.header_time",), "header of a 429", "retry_after_format"),
    _A("gzip", "Long answers come packed by gzip.", "inferred", "Nothing but more bytes.",
       ("client.transport.Body",), "header", "gzip"),
    _A("one-clock", "Date and the times of pull operations come from one clock.", "inferred",
       "Queue-once takes older operations for its own, or misses them.",
       ("client.clock.ServerClock", "client.lookup.requested_since"), _HISTORY, "clock_skew"),
    _A("answers-in-time", "An answer comes within 30 seconds.", "inferred", "Time-outs, and looks at the history.",
       ("client.codat_lending.TIMEOUT_MS",), "", "latency"),
    _A("plan-runs", "Reading is not refused by 402.", _ERRORS, "Nothing works until the plan is mended.",
       ("models.errors.ADVICE",), "status", "payment_required"),
    # Errors
    _A("error-body", "Errors tell statusCode, service, error and correlationId.", "oas:4619",
       "Messages lack Codat's words and correlation id.", ("models.errors.ErrorMessageData",), "404", "left_out"),
    _A("can-be-retried-text", "canBeRetried is text.", "oas:4638", "The field reads as None.",
       ("models.errors.ErrorMessageData",), "404", "overwritten"),
    _A("body-status", "statusCode in the body is the answer's; examples contradict it.", "oas:5709",
       "Nothing: the answer's counts.", ("client.wire.error",), "404", "overwritten"),
    _A("unknown-company", "An id that no company has answers 404.", "oas:375", "A mistyped id is told otherwise.",
       ("models.errors.ADVICE",), "GET company", "unknown_status"),
    _A("malformed-id", "An id of another form answers 404 where 400 is not documented.", "inferred",
       "Nothing: such ids are not sent.", ("sandbox.service.Route", "models.operations.check"),
       "GET company", "malformed_id_status"),
    _A("unresolved-property", "A query by what cannot be queried answers 400.", "oas:5670",
       "A filter that Codat passes over shows everything.", ("widgets.history", "sandbox.listing.resolve"),
       _HISTORY, "passes_over_queries"),
    _A("malformed-query", "A malformed query answers 400.", _QUERY, "A filter that Codat passes over shows everything.",
       ("sandbox.exchange.malformed_query",), _HISTORY, "passes_over_queries"),
    # Pages
    _A("usual-page", "A page has 100 rows where no size is asked for.", _PAGES, "Nothing: a size is asked for.",
       ("sandbox.listing.DEFAULT_SIZE",), _LIST, "usual_page_size"),
    _A("largest-page", "A page of 5,000 is given; some deployments take 2,000.", _PAGES + "; oas:4829 says 2,000",
       "One request more for a list; a list that asks for 5,000 itself is refused.",
       ("client.flows.LARGE_PAGES", "runs.polling.LARGEST_PAGE"), _LIST, "max_page_size"),
    _A("page-too-large", "A page above 5,000 answers 400.", "inferred", "Fewer rows come than were asked for.",
       ("sandbox.listing.Listing.body",), _LIST, "max_page_size"),
    _A("past-the-end", "A page past the end is empty.", "inferred", "Pages fetched ahead of a list that shrinks fail.",
       ("client.flows.Pager",), _LIST, "past_the_end"),
    _A("relative-links", "Links of pages are relative to the server.", "oas:4853", "A walk that is led elsewhere ends.",
       ("client.flows.Pager",), _LIST, "absolute_links"),
    _A("links-count", "The next link differs from this one in the page alone.", _PAGES,
       "Pages come one after the other: slower.", ("client.flows.Pager",), _LIST, "links_by_cursor"),
    _A("page-numbers", "pageNumber and pageSize are those asked for; examples hold zeros.", _PAGES,
       "Nothing: links decide.", ("models.shared.Page",), _LIST, "overwritten"),
    _A("total-results", "totalResults counts the rows of all pages.", _PAGES, "Counts on screen are wrong.",
       ("widgets.history.more_state",), _LIST, "overwritten"),
    # Queries and orders
    _A("companies-by-name", "Companies can be searched by name~text.", "oas:112; " + _QUERY + " says no",
       "Finding a company by name fails.", ("runs.context.name_query",), _LIST, "unqueryable"),
    _A("companies-in-order", "Companies can be ordered by name.", "oas:112", "Lists of companies fail.",
       ("runs.context.find_companies", "planning.snapshots.read_facts"), _LIST, "unqueryable"),
    _A("newest-first", "orderBy=-requested gives the newest pull operations first.", "oas:1659",
       "Freshness, runs and queue-once read old operations.", ("client.lookup.newest", "runs.cells.company_status"),
       _HISTORY, "ignores_order"),
    _A("history-by-time", "The history can be filtered by requested.", "inferred", "A span of days cannot be loaded.",
       ("widgets.history",), _HISTORY, "unqueryable"),
    _A("history-by-status", "The history can be filtered by status.", "oas:5001", "Nothing: filters are ours.",
       ("sandbox.company_history",), _HISTORY, "unqueryable"),
    _A("connections-by-status", "Connections can be filtered by status.", "inferred", "Nothing: filters are ours.",
       ("sandbox.companies",), "GET connections", "unqueryable"),
    _A("case-in-queries", "Text in queries compares without regard to case.", "inferred",
       "Finding a company needs the name's own capitals.", ("runs.context.name_query", "sandbox.listing"),
       _LIST, "case_matters"),
    _A("and-binds-tighter", "Without braces && binds tighter than ||.", "inferred", "Nothing: braces are written.",
       ("sandbox.listing",), _LIST, "left_to_right"),
    _A("query-length", "A query has under 2,048 characters.", _QUERY, "A long search is refused.",
       ("sandbox.listing.MAX_LENGTH", "runs.context.name_query")),
    # Objects
    _A("ids-small", "Ids are UUIDs in small letters.", "oas:5818", "Ids that are compared as text are not found.",
       ("models.vocabulary.ID", "runs.cells"), "all answers", "capital_ids"),
    _A("ids-any-case", "An id is found in capitals, too.", "inferred", "An id pasted in capitals is not found.",
       ("widgets.pickers", "sandbox.world.World.company"), "GET company", "id_case_matters"),
    _A("times-utc", "Times of Codat's own end in Z.", "oas:4593", "Nothing: without a zone they are read as UTC.",
       ("models.instants.instant",), "all answers", "time_form"),
    _A("times-digits", "Times of pull operations always have seven digits of a second.", "oas:4593",
       "Nothing: any number is read.", ("models.instants.instant", "sandbox.virtual_time.to_text"),
       "all answers", "time_form"),
    _A("statuses", "Pull operations have the 21 published statuses.", "oas:4956",
       "A word that nobody knows runs until it is completed.", ("models.status.STATUSES",),
       _HISTORY, "rename_statuses"),
    _A("data-types", "There are the 43 published data types.", "oas:4305", "New ones are shown without a plain name.",
       ("models.vocabulary.DATA_TYPES",), "dataStatus, " + _HISTORY, "new_data_types"),
    _A("data-type-case", "Data types are written as published, with a small first letter.", "oas:4305",
       "Reports and plans do not find their data types.", ("models.vocabulary.REPORTS",), "dataStatus",
       "capital_data_types"),
    _A("connection-words", "Connections have the 4 published statuses and 7 source types.", "oas:4085",
       "Colours and relinking are wrong for new words.", ("models.status.CONNECTION_STATUSES",), _LIST,
       "rename_connection_statuses"),
    _A("completed-told", "What has ended tells completed; what runs does not.", "oas:4990",
       "Durations are not learned; unknown statuses run for ever.", ("models.status.is_running",),
       _HISTORY, "left_out"),
    _A("is-completed", "isCompleted says that the status is Complete.", "oas:4999", "Nothing: the status counts.",
       ("models.shared.PullOperation",), _HISTORY, "left_out"),
    _A("not-supported-is-no-error", "isErrored is false for NotSupported.", "inferred", "Nothing: the status counts.",
       ("sandbox.pull_operation.Operation.errored", "models.status.is_problem"), _HISTORY, "not_supported_is_error"),
    _A("never-synced", "dataStatus leaves out a type that was never synced.", "oas:4305 requires currentStatus",
       "Nothing: left out, bare and null are read.", ("client.reading.read", "runs.cells.make_cells"),
       "dataStatus", "never_synced"),
    _A("status-of-newest", "dataStatus tells the newest operation over all connections.",
       "docs/core-concepts/status.md",
       "Freshness of companies with two connections is wrong where the history does not reach.",
       ("runs.cells.make_cells",), "dataStatus and " + _HISTORY, "status_of"),
    _A("redirect", "A company has a redirect link.", "oas:3792", "Nothing.", ("models.shared.Company",),
       "GET company", "left_out"),
    _A("link-url", "A connection has a linkUrl, under which it is authorized again.", "oas:4053",
       "Remedies have no link to send.", ("models.shared.Connection", "models.status.can_be_relinked"),
       _LIST, "left_out"),
    _A("last-sync", "lastSync of a company is the newest of its connections.", "oas:3797",
       "The column is empty or late.", ("frames.companies",), _LIST, "left_out"),
    _A("connections-embedded", "The list of companies holds their connections.", "oas:3766",
       "A portfolio's plan sees no connections.", ("planning.snapshots.read_facts",), _LIST, "left_out"),
    _A("validation-shape", "The validation call tells errors and warnings.", "oas:2334", "Details lack findings.",
       ("models.shared.ValidationResults",), "GET validation", "left_out"),
    _A("settings-shape", "Sync settings tell fetchOnFirstLink for each type.", "oas:5464",
       "What a refresh of everything queues cannot be foreseen.", ("client.lookup.expected",),
       "GET syncSettings", "left_out"),
    _A("settings-of-all", "A company has the sync settings of the account.", "inferred",
       "Nothing: those of the company are asked.", ("sandbox.faults.SandboxSettings.sync_settings",),
       "GET syncSettings", "other_company_settings"),
    _A("no-schedule", "Codat refreshes nothing by itself: syncSchedule is 0.",
       "docs/core-concepts/data-type-settings.md", "Operations appear that nobody here queued.",
       ("sandbox.pull_queue",), "GET syncSettings", "sync_schedule"),
    _A("feature-name", "An integration's features name their type in datatype.", "oas:4764 against oas:4754",
       "No data type counts as supported.", ("models.shared.DataTypeFeature",), "GET integrations", "left_out"),
    # What only a refresh can show
    _A("in-progress-status", "Queueing what is in progress answers 400.", "docs/using-the-api/queueing-data-syncs.md",
       "Nothing: any 4xx with the exception's name is read.", ("client.queue_once.IN_PROGRESS",), "",
       "in_progress_status", True),
    _A("queue-everywhere", "A type queued without a connection is queued on each that has it.", "inferred",
       "Fewer operations are followed than run, or more awaited.", ("client.queueing.queue",), "", "queue_everywhere"),
    _A("all-in-progress", "data/all passes over what is in progress.", "inferred",
       "A refresh of everything is refused while one type runs.", ("client.queueing.AllTypes",), "", "all_in_progress"),
    _A("all-queues", "data/all answers 204 and queues what is fetched on first link, of each linked connection.",
       "oas:1290", "Rows stay open, or operations appear.", ("client.lookup.expected", "client.queueing.AllTypes")),
    _A("unsupported-type", "A type that no platform has answers 404.", _ERRORS, "Nothing: both forms are read.",
       ("sandbox.pull_queue.Queueing", "models.status.is_problem"), "", "unsupported"),
    _A("history-at-once", "The history shows an operation as soon as it is queued.", "inferred",
       "Doubtful sends settle later.", ("client.clock.HistoryLag", "client.queue_once.SETTLE"),
       "", "history_lag", True),
    _A("keys-honoured", "The queueing calls honour Idempotency-Key for 90 minutes.", _KEYS,
       "A POST that is sent again may queue twice.", ("client.queue_once.KEY_LIFE", "sandbox.admission.LIFETIME"), "",
       "honours_keys", True),
    _A("key-conflicts", "A key that is being handled answers 409; with another request 422.", _KEYS,
       "A repeat ends in an error though the first one was taken.", ("sandbox.admission.Idempotency",)),
    _A("product-refresh", "A custom product's refresh answers 202, and 400 while any of its data types is being read.",
       "oas:645", "What runs is attached to in vain, or a doubt lasts as long as the budget.",
       ("client.queueing.OneProduct", "models.products", "sandbox.pull_queue.Queueing"), "", "custom_products"),
    _A("custom-types", "A custom data type is queued on one connection, and refused in progress like any other.",
       "docs/using-the-api/custom-data.md", "It is refused, with Codat's own words.",
       ("client.queueing.OneType", "runs.context.custom_connection"), "", "custom_data_types"),
    _A("legal-reasons", "A platform that may not be read refuses custom data types with 451.", "oas:2836",
       "Another remedy is told.", ("models.errors.ADVICE",), "", "legal_hold"),
    _A("settings-of-the-account", "The account's settings hold for a company that overrides nothing.",
       "docs/knowledge-base/advanced-sync-settings.md", "session.settings tells what does not hold.",
       ("planning.sync_settings.merged",), "", "profile_settings"),
    _A("settings-left-out", "A type that a company's own settings leave out keeps the account's.", "inferred",
       "session.settings tells a schedule or a window that does not hold.",
       ("planning.sync_settings", "sandbox.faults.SandboxSettings.sync_settings"), "", "company_settings"),
    _A("offline-waits", "Operations of an on-premise machine that is off wait.",
       "docs/integrations/accounting/quickbooksdesktop/quickbooks-desktop-faq.md", "They are taken for failed.",
       ("models.status.meaning",), "", "offline"),
    _A("maintenance-fails", "A platform that is down ends reads in FetchError.", _ERRORS, "The wrong remedy is told.",
       ("diagnosis.rules.RULES",), "", "maintenance"),
    _A("mended-in-days", "What a person has to mend is mended after about three days.", "inferred",
       "Plans try again too early, in vain, or later than they could.", ("diagnosis.MENDED",)),
    _A("bank-transactions-fail", "Reads of Xero's bankTransactions always end in FetchError.",
       "docs/integrations/accounting/xero/xero-faq.md", "A type that could be read is left out of plans.",
       ("diagnosis.rules.RULES", "models.platforms.Platform.fails")),
    _A("consents-end", "Consents of Plaid, TrueLayer and Sage 200 end after 90 days, used or not.",
       "docs/integrations/banking/plaid/reauthorize-url-links.md, the others inferred",
       "Connections of the sandbox live longer or shorter than real ones.",
       ("models.platforms.Platform.consent_days", "sandbox.directory")),
    _A("desktop-window", "QuickBooks Desktop is read from 19:00 to 07:00, every night, in UTC.",
       "docs/integrations/accounting/quickbooksdesktop/installing-the-quickbooks-connector.md, the rest inferred",
       "The sandbox's operations wait at other hours than real ones.", ("models.platforms.WINDOW_CLOSED",)),
    _A("types-that-come-first", "commerce-transactions ends in PrerequisiteNotMet until the types it needs were read.",
       "docs/integrations/commerce/stripe/commerce-stripe-setup.md, the status inferred",
       "The sandbox shows a status that Codat may not give.", ("sandbox.pull_queue",)),
    _A("lasting-failures", "What fails for rights or checks fails until somebody has mended it.", "inferred",
       "The sandbox fails more often than Codat where it is tried again.", ("sandbox.population", "sandbox.stories")),
    _A("situations", "Failures of real platforms have the statuses and texts that the sandbox stages.", "inferred",
       "A diagnosis that is right about the sandbox is wrong about Codat.", ("sandbox.situations", "sandbox.stories")),
    # What nobody can see from outside; the sandbox and the strategies take a plausible number
    _A("way-of-an-operation", "Operations go through the published statuses in one order.", "inferred",
       "Progress on screen jumps.", ("models.status.STAGES", "sandbox.pull_operation")),
    _A("rates", "How often sources change, fail and how long a pull takes is like our numbers.", "inferred",
       "Plans, simulations and first estimates of time are off until operations were seen.",
       ("models.platforms", "models", "runs.durations", "planning.measuring", "planning.methods", "planning.plan",
        "planning.snapshots", "strategies.learning", "strategies.policies", "strategies.portfolio", "strategies.result",
        "strategies.rounds", "strategies.simulation", "live")),
)  # fmt: skip
BY_NAME: Final = {assumption.name: assumption for assumption in ASSUMPTIONS}
