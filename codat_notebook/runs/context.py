"""What a run needs of its session: the client, the engine, the error log; and how companies and their facts are found.

Facts that rarely change (which data types a platform supports, the sync settings) are asked for once and kept; the
state of a company's connections is asked for anew by everyone who needs it. Lists are read no further than is asked
for. A run's companies are asked for one by one where they are few, else read off the list, which holds connections:
one request stands for thousands. A company that is not on it is asked for by itself, so that the answer says why.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import methodcaller
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from codat_notebook.client import Attempt, CodatLending, Event, Waiting
from codat_notebook.client.lookup import expected_cells, on_premise, placed, readable, supported
from codat_notebook.client.quota import Pacing
from codat_notebook.client.wire import is_loopback
from codat_notebook.events import Event as CodatEvent
from codat_notebook.events import Inbox
from codat_notebook.models.errors import CodatLendingError, InvalidRequestError, NoResponseError
from codat_notebook.models.shared import Company, CompanyReference, Connection, PullOperation, SyncSettings
from codat_notebook.models.vocabulary import ID, custom_identifier, nearest
from codat_notebook.runs.engine import Engine
from codat_notebook.runs.governor import Governor
from codat_notebook.runs.polling import LARGEST_PAGE
from codat_notebook.runs.records import ErrorRecord, Log, Subject, from_exception, log_error
from codat_notebook.runs.store import JournalError
from codat_notebook.runs.watching import Watching
from codat_notebook.utils import RetryConfig

if TYPE_CHECKING:
    from codat_notebook.runs.memory import Memory

_URL = re.compile(r"https?://\S+")

T = TypeVar("T")
CLOSED = "This session is closed: connect() again."
#: Up to so many companies are asked for one by one.
FEW = 5
#: Statuses of an answer that concern one company only, and that no waiting changes.
ITS_OWN = (403, 404)
#: So many rows the newest runs have together that are found by their ids after everybody has let go of them.
KEPT_ROWS = 5_000
#: Real seconds after which nothing waits without a word.
SILENCE = 10.0


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """A company's name, its connections, tags and products as they were when asked for. ``supported`` are the data
    types of each connection of whose platform something is known."""

    id: str
    name: str
    connections: Mapping[str, Connection]
    supported: Mapping[str, frozenset[str]]
    tags: Mapping[str, str] = field(default_factory=dict)
    products: tuple[str, ...] = ()
    parent: CompanyReference | None = None
    subsidiaries: tuple[CompanyReference, ...] = ()
    #: Where its customer links a source: see ``Readiness.actions`` for what the documents say of such addresses.
    redirect: str = ""

    @property
    def only_parent(self) -> str | None:
        """Why it has no connections, where these are its subsidiaries'."""
        return "a parent: its subsidiaries have the connections" if self.subsidiaries and not self.connections else None

    @property
    def unconnected(self) -> str:
        """Why it has no connections, as a sentence."""
        return f"This company is {self.only_parent}." if self.only_parent else "This company has no connection yet."

    @property
    def linked(self) -> list[Connection]:
        """The connections that Codat can read."""
        return [connection for connection in self.connections.values() if connection.is_linked]

    def offers(self, connection_id: str, data_type: str) -> bool:
        """Whether a data type can be had from a connection, as far as is known: one that its platform does not list
        (any more) cannot, whatever the history holds. Custom types are never listed."""
        types = self.supported.get(connection_id)
        return types is None or data_type in types or custom_identifier(data_type) is not None

    def refreshed_by_all(self, first_link: frozenset[str]) -> list[tuple[str, str]]:
        """The (connection id, data type) of each operation that ``data/all`` should queue."""
        return expected_cells(self.connections.values(), first_link, self.supported)

    @property
    def platforms(self) -> dict[str, str]:
        """Connection id -> the platform's name."""
        return {id: connection.platform_name or "" for id, connection in self.connections.items()}

    def subject(self, data_type: str | None = None, connection_id: str | None = None) -> Subject:
        """What an error record says of its subject."""
        connection = self.connections.get(connection_id or "")
        platform, link_url = (connection.platform_name, connection.link_url) if connection else (None, None)
        return Subject(self.id, connection_id, data_type, platform, link_url, self.name)


@dataclass(slots=True)
class RunContext:
    """The services that runs share. What platforms ``support`` (by each of their names) and the settings of companies
    (by id) and of the client (``profile``) are filled by the first use. ``pacing`` is the client's; the ``governor``
    slows all runs down together."""

    client: CodatLending
    engine: Engine
    errors: Log[ErrorRecord]
    pacing: Pacing | None = None
    support: dict[str, frozenset[str]] | None = None
    #: Whether platforms run on the customer's machine, likewise by each of their names.
    offline: dict[str, bool] = field(default_factory=dict)
    settings: dict[str, SyncSettings] = field(default_factory=dict)
    #: Company id -> name, of those that were read.
    names: dict[str, str] = field(default_factory=dict)
    #: Whether the session was made for a sandbox.
    begun_on_sandbox: bool = False
    profile: SyncSettings | None = None
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    governor: Governor = field(init=False)
    #: Whether the session has ended: nothing more may be begun.
    closed: bool = False
    #: By id: what is under way, or over and still held by somebody.
    runs: "WeakValueDictionary[str, Any]" = field(default_factory=WeakValueDictionary)
    #: The newest of them, which nobody else may hold any more.
    kept: deque[Any] = field(default_factory=deque)
    #: Whether Codat has answered anything yet but that it is down, and whether anything was sent that may queue.
    answered: bool = False
    posted: bool = False
    #: The companies that somebody looks at.
    watching: Watching = field(init=False)
    #: The webhook events that were handed in.
    inbox: Inbox = field(default_factory=Inbox)
    #: They tell each event of the client, on the thread that does the I/O, and the session's end, on that of ``close``.
    events: Log[Event] = field(default_factory=lambda: Log(0))
    closing: Log[Any] = field(default_factory=lambda: Log(0))
    #: What sessions have seen, where it is kept.
    memory: "Memory | None" = None
    #: The companies of which events told that this is not written to it yet, and who writes it.
    _changed: set[str] = field(default_factory=set)
    _forgetting: asyncio.Task[None] | None = None
    #: Connection id -> its company's id and its link URL as it was read last; filled where there is a memory.
    links: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.watching = Watching(self)
        self.governor = Governor(self.client.clock, lambda: self.client.quota, self.pacing)

    def _after_fork(self) -> None:
        """In a forked child: the runs are the parent's, and so is what they have under way."""
        self.runs = WeakValueDictionary()
        self.kept = deque()
        self.watching = Watching(self)
        self._asking = asyncio.Lock()
        self._forgetting = None
        self.governor.under_way = 0

    def held(self) -> list[Any]:
        """The runs that are there now; one may begin on any thread meanwhile."""
        return [run for each in self.runs.valuerefs() if (run := each()) is not None]

    def hold(self, run: Any) -> None:
        """Know a run by its id: the newest ones, up to :data:`KEPT_ROWS` rows in all, also when nobody holds them."""
        self.runs[run.id] = run
        self.kept.append(run)
        while len(self.kept) > 1 and sum(len(each.rows) for each in self.kept) > KEPT_ROWS:
            self.kept.popleft()

    @property
    def is_sandbox(self) -> bool:
        """See ``Session.is_sandbox``."""
        told = self.client.clock.sandboxed and is_loopback(self.client.server_url)
        return self.begun_on_sandbox or told

    @property
    def now(self) -> datetime:
        """The server's time."""
        return self.client.clock.now()

    def heard(self, event: Event) -> None:
        """Take in an event of the client. A call that waits for longer than a reader should wonder goes into the error
        log, once."""
        self.governor.heard(event)
        if isinstance(event, Attempt):
            self.answered = self.answered or (event.status is not None and event.status < 500)
            self.posted = self.posted or event.method == "POST"
        if isinstance(event, Waiting) and event.waited < SILENCE <= event.waited + event.seconds:
            last = self.governor.reasons.get((event.company_id or "").lower(), "")
            why = event.reason if last in event.reason else f"{last}; {event.reason}"
            error = NoResponseError(f"{why}, for {event.waited + event.seconds:.0f} s and more ({event.call})")
            error.action = "Nothing to do yet: the request is repeated until the call times out."
            self.report(error, "Codat has not answered this request", Subject(company_id=event.company_id))

    def told(self, event: CodatEvent) -> None:
        """Take in a webhook event, on the engine's thread: who waits for what it tells looks, and nobody else. What
        came before, or is older than what came, changes nothing; what there is to see the history tells."""
        if (news := self.inbox.take(event)) is None:
            return
        if self.memory is not None and news.company_id:
            self._changed.add(news.company_id)
            if self._forgetting is None or self._forgetting.done():
                self._forgetting = asyncio.get_running_loop().create_task(self._forget())
        waited: list[bool] = [run._hear(news) for run in self.held()]
        if not any(waited) and (watch := self.watching.known(event.company_id)) is not None:
            watch.hear(news)

    async def _forget(self) -> None:
        """Write which companies Codat has told of, once for all that come while the writing before is under way."""
        while ids := self._changed:
            self._changed = set()
            await self.touch(ids)

    async def touch(self, company_ids: Iterable[str]) -> None:
        """What is remembered of companies no longer tells how they are."""
        await self.remember(methodcaller("touch", company_ids, self.now))

    def report(self, error: Exception, what: str, subject: Subject | None = None) -> ErrorRecord:
        """Put an exception into the error log, in plain words."""
        if subject is not None and subject.company is None:
            subject = replace(subject, company=self.names.get(subject.company_id or ""))
        return log_error(self.errors, from_exception(error, what, self.now, subject))

    async def remember(self, keep: "Callable[[Memory], T]") -> T | None:
        """Use the memory, if there is one, on a thread of its own; trouble with it is told and stops nothing else."""
        if self.memory is None:
            return None
        try:
            return await asyncio.to_thread(keep, self.memory)
        except JournalError as error:
            self.report(error, "What was seen could not be stored in the memory")
            return None

    def copied(self, text: str) -> None:
        """Somebody has copied a text: that a link URL of a connection stands in it is remembered, with the time."""
        urls, now = {_address(url) for url in _URL.findall(text)}, self.now
        links = [(company, id) for id, (company, url) in self.links.items() if _address(url) in urls]
        if links:
            self.engine.submit(self.remember(lambda memory: memory.handed_out(links, "copied", now)))

    async def company(self, company_id: str) -> CompanyFacts:
        """A company with its connections, and what each of them supports. Two requests, later ones one."""
        company = await self.client.companies.get_async(request={"company_id": company_id})
        return await self.facts(company, company_id)

    async def facts(self, company: Company, company_id: str = "") -> CompanyFacts:
        """The same of a company that was read already: lists of companies hold their connections."""
        async with self._asking:  # whoever comes meanwhile waits for the same answer
            if self.support is None:
                integrations = [each async for each in self.client.integrations.iterate_async()]
                self.offline = on_premise(integrations)
                self.support = readable(integrations)
        connections = {each.id: placed(each, self.offline) for each in company.data_connections or ()}
        able = supported(connections.values(), self.support)
        id = company.id or company_id
        products = tuple(company.products or ())
        self.names[id] = company.name or id
        if self.memory is not None:
            self.links |= {each.id: (id, each.link_url) for each in connections.values() if each.link_url}
        parent, below = company.reference_parent_company, tuple(company.reference_subsidiary_companies or ())
        name, tags = company.name or id, company.tags or {}
        return CompanyFacts(id, name, connections, able, tags, products, parent, below, company.redirect)

    async def company_settings(self, company_id: str, retries: RetryConfig | None = None) -> SyncSettings:
        """A company's sync settings as Codat tells them, asked for once."""
        if company_id not in self.settings:
            ask = self.client.settings.get_company_sync_settings_async
            self.settings[company_id] = await ask(request={"company_id": company_id}, retries=retries)
        return self.settings[company_id]

    async def profile_settings(self) -> SyncSettings:
        """The client's sync settings, asked for once."""
        async with self._asking:  # whoever comes meanwhile waits for the same answer
            if self.profile is None:
                self.profile = await self.client.settings.get_profile_sync_settings_async()
        return self.profile


def _address(url: str) -> str:
    """Whose link a URL is: what follows is a passcode."""
    return url.partition("?")[0]


async def find_companies(client: CodatLending, search: str | None, limit: int | None) -> list[Company]:
    """Companies whose name contains a text, by name; at most ``limit``."""
    return await _first(client.companies.iterate_async, {"query": name_query(search), "order_by": "name"}, limit)


async def company_meant(client: CodatLending, name: str) -> str:
    """The company that somebody probably meant by a name, as a sentence, with its id where no other has the same name;
    empty where none is near."""
    return meant(name, await find_companies(client, None, LARGEST_PAGE))


def meant(name: str, companies: Iterable[Company]) -> str:
    """:func:`company_meant` of these companies."""
    called = [(each.name, each.id) for each in companies if each.name]
    near = nearest(name, [each for each, _ in called])
    ids = [id for each, id in called if each == near]
    return f" Did you mean {near!r}?{f' Its id is {ids[0]}.' if len(ids) == 1 else ''}" if near else ""


async def check_ids(client: CodatLending, company_ids: Iterable[str], *, where_near: bool = False) -> None:
    """Raise ``InvalidRequestError`` for a company that is not named by an id, with the one that was probably meant
    (``where_near``: only if there is one). Ids ask nothing, names one request for all."""
    names = [name for name in company_ids if not ID.fullmatch(name)]
    companies = await find_companies(client, None, LARGEST_PAGE) if names else []
    for name in names[:FEW]:  # to compare one with all names takes a moment
        if (told := meant(name, companies)) or not where_near:
            find = "session.companies(search=...) finds it"
            raise InvalidRequestError(f"Name a company by its id, a UUID, not {name[:80]!r}: {find}.{told}")


async def find_operations(client: CodatLending, company_id: str, limit: int | None) -> list[PullOperation]:
    """A company's pull operations, newest first; at most ``limit``."""
    request = {"company_id": company_id, "order_by": "-requested"}
    return await _first(client.manage_data.pull_operations.iterate_async, request, limit)


async def custom_connection(client: CodatLending, facts: CompanyFacts, data_type: str) -> str:
    """The connection that a custom data type is queued on: the only linked one, or the only one with such operations
    among the company's newest (one request). A type is configured for one platform, and no call tells for which.
    Raises ``InvalidRequestError`` where that leaves none, or several."""
    linked = [connection.id for connection in facts.linked]
    if len(linked) > 1:
        newest = await find_operations(client, facts.id, LARGEST_PAGE)
        shown = {one.connection_id for one in newest if one.data_type == data_type}
        linked = [id for id in linked if id in shown] or linked
    if len(linked) == 1:
        return linked[0]
    named = ", ".join(f"{facts.platforms[id]} {id}" for id in linked)
    which = f"There are {named}." if linked else "None of the company's connections is linked."
    raise InvalidRequestError(f"{data_type} is queued on one connection: name it with connection_id=. {which}")


async def _first(iterate: Callable[..., AsyncIterator[T]], request: Mapping[str, Any], limit: int | None) -> list[T]:
    """The first that a request gives; no page is asked for beyond."""
    first: list[T] = []
    async for item in iterate(request={**request, "page_size": min(limit or LARGEST_PAGE, LARGEST_PAGE)}):
        first.append(item)
        if limit is not None and len(first) >= limit:
            break
    return first


def name_query(search: str | None) -> str | None:
    """Codat's query for companies whose name contains a text; the language has no quoting, so its signs are cut.

    >>> name_query("Toft & {Co}"), name_query("  ")
    ('name~Toft & Co', None)
    """
    text = " ".join(re.sub(r"&&|\|\||[{}]", " ", search or "").split())[:200]
    return f"name~{text}" if text else None


Facts = dict[str, CompanyFacts | CodatLendingError]


async def facts_of(context: RunContext, ids: Sequence[str], *, each: bool = False) -> Facts:
    """Company id -> its facts, or why there are none. Raises what concerns all companies, unless it is told for
    ``each`` of them."""
    facts: Facts = await _listed(context, ids) if len(ids) > FEW else {}
    missing = [id for id in ids if id not in facts]
    for start in range(0, len(missing), FEW):
        some = missing[start : start + FEW]
        facts.update(zip(some, await asyncio.gather(*(_one(context, id, each) for id in some)), strict=True))
    return {id: facts[id] for id in ids}


async def _listed(context: RunContext, ids: Iterable[str]) -> Facts:
    """Read the list, page after page, while that is fewer requests than to ask for those that are missing."""
    facts: Facts = {}
    left, number, pages = {id.lower(): id for id in ids}, 1, 1
    while left and pages - number < len(left) and number <= pages:
        page = await context.client.companies.list_async(request={"page": number, "page_size": LARGEST_PAGE})
        for company in page.results:
            if (id := left.pop(company.id.lower(), None)) is not None:
                facts[id] = await context.facts(company)
        pages = -(-page.total_results // LARGEST_PAGE) if page.links.next else number
        number += 1
    return facts


async def _one(context: RunContext, id: str, always: bool) -> CompanyFacts | CodatLendingError:
    try:
        return await context.company(id)
    except CodatLendingError as error:
        if always or isinstance(error, InvalidRequestError) or error.status_code in ITS_OWN:
            return error
        raise
