"""The refresh of a product, with its documented answers."""

from typing import Any

import msgspec
import pytest

from . import contract
from .asking import Api, read

PRODUCT = "credit-monitoring"


def refresh(api: Api, product: str = PRODUCT, body: Any = None) -> Any:
    """The answer to a product refresh of the first company."""
    sent = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
    return api.ask(f"POST /companies/{api.toft}/products/{product}/refresh", sent, content_type="application/json")


def queued(api: Api) -> set[str]:
    """The data types that the last POST queued."""
    return {api.world.operation(api.toft, id)["dataType"] for id in api.world.accepted[-1].operations}


def test_a_company_has_products(api: Api) -> None:
    """They are listed with the company; there may be none."""
    assert api.get(f"/companies/{api.toft}")["products"] == ["lending", PRODUCT]
    assert api.get(f"/companies/{api.company('Technicalium Group')}")["products"] == []


@pytest.mark.parametrize("body", [None, {}, {"dataTypes": None}, {"dataTypes": ["invoices"]}])
def test_it_is_accepted(api: Api, body: Any) -> None:
    """202 without a body; all of the product's types, or those that are named."""
    answer = refresh(api, body=body)
    assert (answer.status, answer.body) == (202, b"")
    of_product = set(api.faults.custom_products[PRODUCT])
    assert queued(api) == ({"invoices"} if body and body.get("dataTypes") else of_product)
    assert api.world.accepted[-1].product == PRODUCT


def test_while_it_is_read_it_is_refused(api: Api) -> None:
    """Running is the product as a whole: also where other types are named."""
    refresh(api, body={"dataTypes": ["invoices"]})
    answer = refresh(api, body={"dataTypes": ["bills"]})
    contract.check_error(answer, 400)
    assert read(answer)["error"].startswith("Data cannot be refreshed while a read operation is in progress.")
    api.clock.advance("1h")
    assert refresh(api).status == 202


def test_what_is_refused(api: Api) -> None:
    """A standard product, one that the company lacks, a type that the product lacks, a body that is none."""
    api.world.assign(api.toft, PRODUCT, "bank-feeds")
    for body, product, status, text in (
        (None, "bank-feeds", 400, "Bank Feeds doesn't support data refreshing."),
        (None, "other", 404, "other"),
        ({"dataTypes": ["journals"]}, PRODUCT, 400, "Valid data types are: invoices"),
        ({"datatypes": []}, PRODUCT, 400, "not valid"),
        (b"{", PRODUCT, 400, "not valid"),
    ):
        answer = refresh(api, product, body)
        contract.check_error(answer, status)
        assert text in read(answer)["error"]
    assert api.world.accepted == []
