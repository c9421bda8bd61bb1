"""Values travel: written out and read as the official SDK does, through FastAPI, and without what is internal."""

import asyncio
import json
import pickle
import warnings
from typing import Any

import httpx
import msgspec
import pytest

from codat_notebook.client import reading
from codat_notebook.models import shared
from codat_notebook.models.base import Dumped
from codat_notebook.sandbox import World

ID = "8a210b68-6988-11ed-a1eb-0242ac120002"
PULL = {
    "id": ID, "companyId": ID, "connectionId": ID, "dataType": "invoices", "status": "Complete", "progress": 100,
    "requested": "2026-01-01T00:00:00Z", "isCompleted": True, "isErrored": False,
}  # fmt: skip
#: With something in it that cannot be taken as it came.
ODD = PULL | {"progress": "10", "status": "Dreaming"}


def answers() -> list[tuple[str, Any]]:
    """Model -> an answer of Codat's."""
    world = World(companies=4)
    company = world.companies({})["results"][0]
    return [
        ("PullOperation", PULL),
        ("PullOperations", world.history(company["id"], {})),
        ("Company", company),
        ("Companies", world.companies({})),
        ("Connection", company["dataConnections"][0]),
        ("DataStatuses", world.status(company["id"])),
        ("ErrorValidation", {"errors": [{"itemId": "1", "message": "wrong"}], "warnings": []}),
    ]


@pytest.mark.parametrize(("name", "answer"), answers())
@pytest.mark.parametrize("by_alias", [False, True])
def test_they_are_written_as_the_official_sdk_writes_them(name: str, answer: Any, by_alias: bool) -> None:
    """The same keys and values, nested ones too, as a dictionary and as JSON."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the official SDK's own
        theirs = pytest.importorskip("codat_lending.models.shared", reason="pip install codat-lending")
    plain = _without_nulls(answer)
    ours, them = reading.read(json.dumps(plain).encode(), getattr(shared, name)), getattr(theirs, name)
    them = them.model_validate(plain)
    for connection in [them, *getattr(them, "data_connections", []), *_connections(getattr(them, "results", []))]:
        if hasattr(connection, "additional_properties"):
            connection.__dict__["additional_properties"] = None  # an empty one of its own making
    assert ours.model_dump(by_alias=by_alias) == them.model_dump(by_alias=by_alias)
    assert json.loads(ours.model_dump_json(by_alias=by_alias)) == json.loads(them.model_dump_json(by_alias=by_alias))


@pytest.mark.parametrize(("name", "answer"), answers())
@pytest.mark.parametrize("by_alias", [False, True])
def test_what_was_written_is_read_again(name: str, answer: Any, by_alias: bool) -> None:
    """A dump, and its JSON, makes the same object; an object makes itself."""
    kind: type[Dumped] = getattr(shared, name)
    value = reading.read(json.dumps(answer).encode(), kind)
    assert kind.model_validate(value.model_dump(by_alias=by_alias)) == value
    assert kind.model_validate(json.loads(value.model_dump_json(by_alias=by_alias))) == value
    assert kind.model_validate(value) is value


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "id is missing"),
        (PULL | {"progress": "much"}, "progress"),
        ([PULL], "a mapping of its fields, not list"),
        (None, "not NoneType"),
    ],
)
def test_what_cannot_be_one_is_a_value_error(given: Any, why: str) -> None:
    """As pydantic's, which is a ``ValueError`` too; the message names the model and the field."""
    with pytest.raises(ValueError, match=f"PullOperation: .*{why}"):
        shared.PullOperation.model_validate(given)
    with pytest.raises(ValueError, match=r"PullOperation: .*progress"):
        shared.PullOperations.model_validate({"results": [PULL | {"progress": "much"}]})


def test_new_words_are_taken() -> None:
    """A status that Codat adds tomorrow is read and written."""
    made = shared.PullOperation.model_validate(PULL | {"status": "Dreaming", "shinyNewField": 1})
    assert (made.status, made.model_dump()["status"]) == ("Dreaming", "Dreaming")


def test_notes_never_leak() -> None:
    """What was noted at the reading is told by ``unread``, stays in a copy by pickle, and is in no output."""
    page = reading.read(json.dumps({"results": [ODD]}).encode(), shared.PullOperations)
    odd = page.results[0]
    assert odd.unread == ("progress: '10' read as 10",)
    assert isinstance(odd, shared.PullOperation)
    copied = pickle.loads(pickle.dumps(odd))
    assert (copied, copied.unread) == (odd, odd.unread)
    written = (
        str(msgspec.to_builtins(page)), msgspec.json.encode(page).decode(), msgspec.json.encode(odd).decode(),
        page.model_dump_json(), str(odd.model_dump()), repr(page), str(msgspec.structs.asdict(odd)),
    )  # fmt: skip
    assert not [text for text in written if "read as" in text or "notes" in text]
    plain = reading.read(json.dumps(PULL).encode(), shared.PullOperation)
    assert sorted(msgspec.to_builtins(plain)) == sorted({*PULL, "completed", "errorMessage", "statusDescription"})


def test_fastapi_returns_and_documents_them() -> None:
    """An endpoint whose response is a model, or holds some: in Codat's JSON, checked, and in the OpenAPI document."""
    fastapi = pytest.importorskip("fastapi", reason="pip install fastapi")
    app = fastapi.FastAPI()
    odd = reading.read(json.dumps(ODD).encode(), shared.PullOperation)

    @app.get("/one")
    def one() -> shared.PullOperation:
        return odd

    @app.get("/wrong", response_model=shared.PullOperation)
    def wrong() -> dict[str, Any]:
        return {"id": ID}

    @app.post("/echo")
    def echo(operations: list[shared.PullOperation]) -> list[shared.PullOperation]:
        return operations

    async def visit() -> Any:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as web:
            assert (await web.get("/one")).json() == ODD | {"progress": 10}
            assert (await web.get("/wrong")).status_code == 500
            assert (await web.post("/echo", json=[PULL])).json() == [PULL]
            refused = await web.post("/echo", json=[{"id": ID}])
            assert (refused.status_code, "data_type is missing" in refused.text) == (422, True)
            return (await web.get("/openapi.json")).json()

    shape = asyncio.run(visit())["paths"]["/one"]["get"]["responses"]["200"]["content"]
    properties = shape["application/json"]["schema"]["properties"]
    assert sorted(properties) == sorted({*PULL, "completed", "errorMessage", "statusDescription"})
    assert properties["status"]["type"] == "string"
    assert "enum" not in properties["status"]


def _connections(companies: Any) -> list[Any]:
    return [connection for company in companies for connection in getattr(company, "data_connections", [])]


def _without_nulls(value: Any) -> Any:
    """An answer without its nulls, which the official SDK writes out for some fields and leaves out for others."""
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
