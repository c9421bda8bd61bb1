"""codat-lending 12.0.0 and this client, walked side by side; and what the same call does otherwise, shown."""

import asyncio
import base64
import importlib
import inspect
import pkgutil
import sys
import threading
import warnings
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib.metadata import version
from typing import Any

import msgspec
import pytest

from codat_notebook.client.compatibility import BEHAVIOURS, NAMES

from .conftest import Bench
from .raw import Raw, answer

GROUPS = ("companies", "connections", "manage_data", "manage_data.refresh", "manage_data.pull_operations")
MODELS = (
    "Companies Company CompanyReference CompanyReferenceLinks Connection Connections DataConnectionError DataStatus "
    "DataStatuses ErrorValidation ErrorValidationItem HalRef Links PullOperation PullOperations Security"
)
WORDS = (
    "CurrentStatus DataConnectionStatus DatasetStatus DataType DataTypes ErrorStatus SchemaDataType SourceType Status"
)
REQUESTS = (
    "GetCompanyRequest GetConnectionRequest GetDataStatusRequest GetPullOperationRequest ListCompaniesRequest "
    "ListConnectionsRequest ListPullOperationsRequest RefreshAllDataTypesRequest RefreshDataTypeRequest"
)
ID = "8a210b68-6988-11ed-a1eb-0242ac120002"


def shown(value: Any) -> str:
    """A default, in words that both packages share."""
    if value is inspect.Parameter.empty:
        return "required"
    if hasattr(value, "page_size"):
        return f"page={value.page} page_size={value.page_size}"
    if type(value).__name__ in ("Unset", "UnsetType"):
        return "UNSET"
    return repr(value) if isinstance(value, str | int | float | None) else type(value).__name__


def parameters(function: Any) -> Iterator[tuple[str, str]]:
    """Names and defaults."""
    for name, parameter in inspect.signature(function).parameters.items():
        if name != "self":
            yield f"({name})", shown(parameter.default)


def attributes(kind: type, instance: Any) -> Iterator[str]:
    """The fields of a model in either package."""
    if hasattr(kind, "model_fields"):
        yield from kind.model_fields
    elif issubclass(kind, msgspec.Struct):
        yield from kind.__struct_fields__
    else:
        known = importlib.import_module("codat_lending.models.shared").DataStatuses.model_fields
        yield from (name for name in ("auth_header", *known) if _has(instance, name))


def methods(owner: str, kind: type) -> Iterator[tuple[str, str]]:
    """What a model can do, in either package."""
    names = (name for name in dir(kind) if not name.startswith("_") and name not in getattr(kind, "model_fields", ()))
    yield from ((f"{owner}.{name}()", "there") for name in names if callable(getattr(kind, name)))


def _modules(package: Any) -> Iterator[str]:
    """The modules of a package, but for the private ones; those for hooks are documented as public."""
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return (name for name in names if name == "_hooks" or not name.startswith("_"))


def _has(instance: Any, name: str) -> bool:
    return hasattr(instance, name)


def surface(root: str) -> Iterator[tuple[str, str]]:
    """Everything that a user of these calls can see."""
    package, utils = importlib.import_module(root), importlib.import_module(f"{root}.utils")
    shared, operations, errors = (
        importlib.import_module(f"{root}.models.{name}") for name in ("shared", "operations", "errors")
    )
    kind = package.CodatLending
    yield from ((f"package.{name}", "there") for name in {*dir(package), *_modules(package)} if name[:2] != "__")
    client = kind(security=shared.Security(auth_header="Basic a2V5LWtleS1rZXk="))
    yield from ((f"CodatLending{name}", default) for name, default in parameters(kind.__init__))
    yield from ((f"client.{name}", "there") for name in dir(client) if not name.startswith("_"))
    yield from ((f"client.{name}", str(hasattr(kind, name))) for name in ("__enter__", "__exit__", "__aenter__"))
    for group in GROUPS:
        holder: Any = client
        for part in group.split("."):
            holder = getattr(holder, part)
        for name, method in inspect.getmembers(holder, inspect.ismethod):
            if not name.startswith("_"):
                yield from ((f"client.{group}.{name}{p}", default) for p, default in parameters(method))
    statuses = shared.DataStatuses({}) if root == "codat_notebook" else None
    for name in MODELS.split():
        model = getattr(shared, name)
        example = client_security(shared) if name == "Security" else statuses
        yield from ((f"shared.{name}.{field}", "there") for field in attributes(model, example))
        yield from methods(f"shared.{name}", model)
    for name in WORDS.split():
        for member, word in getattr(shared, name, {}).__members__.items() if hasattr(shared, name) else ():
            yield f"shared.{name}.{member}", word.value
    for name in REQUESTS.split():
        made = getattr(operations, name)
        given = {field: ID for field in attributes(made, None) if field.endswith("_id")} | {"data_type": "invoices"}
        fields = set(attributes(made, None))
        one = made(**{k: v for k, v in given.items() if (k in fields and k != "connection_id") or k in _required(made)})
        yield from ((f"operations.{name}.{field}", _text(getattr(one, field))) for field in sorted(fields))
        yield from methods(f"operations.{name}", made)
        mapping = getattr(operations, f"{name}TypedDict")
        yield from ((f"operations.{name}TypedDict.{field}", "there") for field in mapping.__annotations__)
    for name in errors.__all__:
        error = getattr(errors, name)
        if isinstance(error, type) and issubclass(error, Exception):
            yield f"errors.{name}", str(issubclass(error, errors.CodatLendingError))
            yield from ((f"errors.{name}{p}", default) for p, default in parameters(error.__init__))
    for name in ("RetryConfig", "BackoffStrategy"):
        yield from ((f"utils.{name}{p}", default) for p, default in parameters(getattr(utils, name).__init__))


def client_security(shared: Any) -> Any:
    """An example of Security."""
    return shared.Security(auth_header="Basic a2V5LWtleS1rZXk=")


def _text(value: Any) -> str:
    return str(getattr(value, "value", value))


def _required(kind: Any) -> set[str]:
    if hasattr(kind, "model_fields"):
        return {name for name, field in kind.model_fields.items() if field.is_required()}
    return {field.name for field in msgspec.structs.fields(kind) if field.required}


def _fitting(name: str) -> list[str]:
    return [pattern for pattern in NAMES if fnmatchcase(name, pattern)]


def test_every_name_is_equal_or_listed() -> None:
    """Whatever codat-lending shows is the same here, or stands in the table; and nothing stands there in vain."""
    assert version("codat-lending") == "12.0.0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the official SDK's own
        theirs, ours = dict(surface("codat_lending")), dict(surface("codat_notebook"))
    different = [name for name, value in theirs.items() if ours.get(name) != value]
    assert len(theirs) > 500
    assert [name for name in different if not _fitting(name)] == []
    assert {pattern for name in different for pattern in _fitting(name)} == set(NAMES)


def test_every_behaviour_is_shown() -> None:
    """Each difference of behaviour in the table has its test, and each such test stands in the table."""
    here = {name.removeprefix("test_differs_") for name in globals() if name.startswith("test_differs_")}
    assert here == set(BEHAVIOURS)


class Both:
    """The same code against both packages."""

    def __init__(self, root: str) -> None:
        self.package = importlib.import_module(root)
        self.shared = importlib.import_module(f"{root}.models.shared")
        self.errors = importlib.import_module(f"{root}.models.errors")
        self.utils = importlib.import_module(f"{root}.utils")

    def client(self, url: str, **how: Any) -> Any:
        """A client of the sandbox or of a raw server."""
        return self.package.CodatLending(
            security=self.shared.Security(auth_header="Basic a2V5LWtleS1rZXk="), server_url=url, **how
        )

    def quick(self) -> Any:
        """Retries that are over soon."""
        return self.utils.RetryConfig("backoff", self.utils.BackoffStrategy(1, 5, 1.1, 500), True)


OURS, THEIRS = Both("codat_notebook"), Both("codat_lending")
POST = {"company_id": ID, "data_type": "invoices"}
JSON = "Content-Type: application/json"
DOWN = answer(b'{"statusCode": 503, "error": "down", "correlationId": "c"}', JSON, status="503 Down")
PULL = (
    b'{"id": "%s", "companyId": "%s", "connectionId": "%s", "dataType": "invoices", "status": "Complete", '
    b'"requested": "2026-01-01T00:00:00Z", "progress": 100, "isCompleted": true, "isErrored": false}'
) % (ID.encode(), ID.encode(), ID.encode())


def posts(server: Raw) -> int:
    """How many POSTs a server heard."""
    return sum(heard.startswith(b"POST") for heard in server.heard)


def test_differs_queueing_is_not_repeated_blindly() -> None:
    """Against a server that answers 503 to everything, one POST here, several there."""
    with Raw(DOWN) as server:
        with pytest.raises(OURS.errors.ErrorMessage) as caught, OURS.client(server.url) as client:
            client.manage_data.refresh.data_type(request=POST, retries=OURS.quick())
        assert (posts(server), caught.value.queued) == (1, "unknown")
        with pytest.raises(THEIRS.errors.ErrorMessage):
            THEIRS.client(server.url).manage_data.refresh.data_type(request=POST, retries=THEIRS.quick())
        assert posts(server) > 2


def test_differs_in_progress_is_attached_to(bench: Bench) -> None:
    """The second of two refreshes returns the first one's operation here, and raises there."""
    request = {"company_id": bench.company_id, "data_type": "invoices"}
    bench.faults.end_next("Complete", seconds=100_000)
    with bench.client() as client:
        first = client.manage_data.refresh.data_type(request=request)
        assert client.manage_data.refresh.data_type(request=request).id == first.id
    key = base64.b64encode(bench.sandbox.key.encode()).decode()
    sdk = THEIRS.package.CodatLending(
        security=THEIRS.shared.Security(auth_header=f"Basic {key}"), server_url=bench.sandbox.url
    )
    with pytest.raises(THEIRS.errors.ErrorMessage, match="DatasetAlreadyInProgress"):
        sdk.manage_data.refresh.data_type(request=request)


def test_differs_unknown_words_are_read() -> None:
    """A status that is new is a word here, and an exception there."""
    with Raw(answer(PULL.replace(b"Complete", b"Dreaming"), JSON)) as server:
        request = {"company_id": ID, "dataset_id": ID}
        with OURS.client(server.url) as client:
            assert client.manage_data.pull_operations.get(request=request).status.value == "Dreaming"
        with pytest.raises(Exception, match=r"Dreaming|validation|status"):
            THEIRS.client(server.url).manage_data.pull_operations.get(request=request)


def test_differs_absent_is_none() -> None:
    """What an answer leaves out is None here, and UNSET there."""
    with Raw(answer(PULL, JSON)) as server:
        request = {"company_id": ID, "dataset_id": ID}
        with OURS.client(server.url) as client:
            assert client.manage_data.pull_operations.get(request=request).error_message is None
        theirs = THEIRS.client(server.url).manage_data.pull_operations.get(request=request)
        assert type(theirs.error_message).__name__ == "Unset"


def test_differs_a_callable_is_no_security() -> None:
    """A function that gives the key is refused here, and called for each request there."""
    given: list[str] = []

    def security() -> Any:
        given.append("asked")
        return THEIRS.shared.Security(auth_header="Basic a2V5LWtleS1rZXk=")

    with pytest.raises(OURS.errors.ConfigurationError, match="not text"):
        OURS.package.CodatLending(security=security)
    with Raw(answer(PULL, JSON)) as server:
        client = THEIRS.package.CodatLending(security=security, server_url=server.url)
        client.manage_data.pull_operations.get(request={"company_id": ID, "dataset_id": ID})
    assert given == ["asked"]


def test_differs_words_print_as_their_text() -> None:
    """str() of a member."""
    assert str(OURS.shared.DatasetStatus.COMPLETE) == "Complete"
    assert str(THEIRS.shared.DatasetStatus.COMPLETE) != "Complete"
    assert OURS.shared.DatasetStatus.COMPLETE.value == THEIRS.shared.DatasetStatus.COMPLETE.value


def test_differs_ids_are_checked() -> None:
    """Two dots are no company here, and part of the path there."""
    with Raw(DOWN) as server:
        with pytest.raises(OURS.errors.InvalidRequestError), OURS.client(server.url) as client:
            client.companies.get(request={"company_id": ".."})
        assert server.heard == []
        none = THEIRS.utils.RetryConfig("none")
        with pytest.raises(THEIRS.errors.CodatLendingError):
            THEIRS.client(server.url).companies.get(request={"company_id": ".."}, retries=none)
        assert len(server.heard) == 1


def test_differs_plain_http_is_refused() -> None:
    """An address that sends the key in the clear."""
    with pytest.raises(OURS.errors.ConfigurationError, match="unencrypted"):
        OURS.client("http://codat.example")
    assert THEIRS.client("http://codat.example")


def test_differs_requests_time_out_after_30_seconds() -> None:
    """The defaults of both."""
    from codat_lending import sdk

    from codat_notebook.client.codat_lending import TIMEOUT_MS

    assert (TIMEOUT_MS, sdk._DEFAULT_TIMEOUT_MS) == (30_000, 5_000)


def test_differs_the_key_is_masked() -> None:
    """What the security object shows."""
    ours, theirs = (both.shared.Security(auth_header="Basic a2V5LWtleS1rZXk=") for both in (OURS, THEIRS))
    assert "a2V5" not in repr(ours)
    assert "a2V5" in repr(theirs)
    assert ours.auth_header.reveal() == theirs.auth_header


def test_differs_long_pauses_are_not_waited() -> None:
    """An hour of Retry-After is told at once here."""
    with (
        Raw(answer(b'{"error": "slow down"}', JSON, "Retry-After: 3600", status="429 Slow")) as server,
        OURS.client(server.url) as client,
        pytest.raises(OURS.errors.ErrorMessage) as caught,
    ):
        client.companies.list()
    assert caught.value.retry_at is not None
    assert len(server.heard) == 1


def test_differs_no_response_is_typed() -> None:
    """Nobody listens."""
    for both, kind in ((OURS, OURS.errors.NoResponseError), (THEIRS, Exception)):
        with pytest.raises(kind) as caught:
            both.client("http://127.0.0.1:1").companies.list(retries=both.utils.RetryConfig("none"))
        assert (type(caught.value).__module__.split(".")[0] == "codat_notebook") is (both is OURS)


def test_differs_async_is_async() -> None:
    """Where the _async calls run: an event loop needs no threads here."""
    seen: dict[str, set[str]] = {}

    async def call(both: Both, url: str) -> None:
        before = set(threading.enumerate())
        client = both.client(url)
        await client.companies.list_async()
        seen[both.package.__name__] = {t.name.split("_")[0] for t in set(threading.enumerate()) - before}
        if both is OURS:
            await client.aclose()

    page = b'{"results": [], "pageNumber": 1, "pageSize": 1, "totalResults": 0, "_links": {"self": {}, "current": {}}}'
    with Raw(answer(page, JSON)) as server:
        for both in (OURS, THEIRS):
            asyncio.run(call(both, server.url))
    assert seen == {"codat_notebook": set(), "codat_lending": {"asyncio"}}
    assert "codat_lending" in sys.modules
