"""The product refresh over a real connection: its body and headers, by blocking and awaiting; what is never sent."""

import asyncio
from collections.abc import Iterator

import pytest

from codat_notebook.client import CodatLending, QueuedAll
from codat_notebook.models import errors
from codat_notebook.models.shared import Security
from codat_notebook.sandbox import Sandbox

PRODUCT = "credit-monitoring"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose time stands."""
    with Sandbox(companies=4, speed=60) as sandbox:
        sandbox.clock.pause()
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[CodatLending]:
    """A client of it."""
    with CodatLending(Security(auth_header=sandbox.key), server_url=sandbox.url) as client:
        yield client


def toft(sandbox: Sandbox) -> str:
    """The first company."""
    return str(sandbox.world.companies()["results"][0]["id"])


async def awaited(client: CodatLending, request: dict[str, object]) -> QueuedAll:
    """The same, awaited, on a connection that is closed again."""
    try:
        return await client.manage_data.refresh.queue_product_async(request=request)
    finally:
        await client.aclose()


@pytest.mark.parametrize("awaits", [False, True])
@pytest.mark.parametrize("types", [None, ["invoices", "bills", "invoices"]])
def test_it_is_sent_as_documented(
    sandbox: Sandbox, client: CodatLending, types: list[str] | None, awaits: bool
) -> None:
    """With or without data types, each once; nothing comes back but what the history shows."""
    request = {"company_id": toft(sandbox), "product": PRODUCT, "data_types": types}
    refresh = client.manage_data.refresh
    queued = asyncio.run(awaited(client, request)) if awaits else refresh.queue_product(request=request)
    assert (queued.certain, queued.attached, queued.operations) == (True, False, ())
    assert [(each.product, len(each.operations)) for each in sandbox.world.accepted] == [(PRODUCT, 2 if types else 4)]
    assert refresh.product(request={**request, "data_types": ["invoices"]}) is None
    assert len(sandbox.world.accepted) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"product": "../x"}, {"product": "x" * 500}, {"product": None}, {"data_types": []}, {"data_types": "invoices"},
        {"data_types": ["../x"]}, {"data_types": [None]}, {"company_id": "x"}, {"connection_id": "x"},
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_not_sent(client: CodatLending, wrong: dict[str, object]) -> None:
    """Each with a message that names it."""
    request = {"company_id": "11111111-1111-4111-8111-111111111111", "product": PRODUCT, **wrong}
    with pytest.raises(errors.InvalidRequestError, match="Nothing was sent"):
        client.manage_data.refresh.product(request=request)


def test_a_standard_product_names_the_documented_way(sandbox: Sandbox, client: CodatLending) -> None:
    """Codat's refusal is kept, with what its documents say instead."""
    request = {"company_id": toft(sandbox), "product": "lending"}
    with pytest.raises(errors.ErrorMessage, match="docs/lending/get-started") as caught:
        client.manage_data.refresh.product(request=request)
    assert (caught.value.queued, caught.value.status_code) == ("no", 400)
    assert "support data refreshing" in (caught.value.data.error or "")


def test_read_only_refuses_it(sandbox: Sandbox) -> None:
    """As the other calls that queue."""
    client = CodatLending(Security(auth_header=sandbox.key), server_url=sandbox.url, read_only=True)
    with client, pytest.raises(errors.ReadOnlyError):
        client.manage_data.refresh.product(request={"company_id": toft(sandbox), "product": PRODUCT})
    assert sandbox.world.accepted == []
