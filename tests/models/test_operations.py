"""Requests are checked before anything is sent."""

import uuid
from typing import get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.models import errors, operations

ID = "8a210b68-6988-11ed-a1eb-0242ac120002"
BAD_IDS = ["..", "../x", "a/b?c=d#e", "", " ", ID + "/", ID + "\n", f"{{{ID}}}", ID[:-1], "x" * 36, None, 5]


@pytest.mark.parametrize("bad", BAD_IDS)
@pytest.mark.parametrize("field", ["company_id", "connection_id", "dataset_id"])
def test_an_id_that_is_no_uuid_is_refused(field: str, bad: object) -> None:
    """Ids have one form; anything else could change the path, and is never sent."""
    kinds = {
        "company_id": operations.GetCompanyRequest,
        "connection_id": operations.GetConnectionRequest,
        "dataset_id": operations.GetPullOperationRequest,
    }
    kind = kinds[field]
    request = dict.fromkeys(kind.__struct_fields__, ID) | {field: bad}
    with pytest.raises(errors.InvalidRequestError, match=f"{field}.*Nothing was sent"):
        operations.check(kind, request)


def test_ids_in_every_shape_that_users_hold() -> None:
    """Upper case and UUID objects are ids, too."""
    for good in (ID, ID.upper(), uuid.UUID(ID)):
        operations.check(operations.GetCompanyRequest, {"company_id": good})


@pytest.mark.parametrize("good", ["invoices", "banking-accounts", "cryptoWallets", "custom-thing-2"])
def test_data_types_are_open(good: str) -> None:
    """A data type is a word, known or not."""
    made = operations.check(operations.RefreshDataTypeRequest, {"company_id": ID, "data_type": good})
    assert (made.data_type, made.connection_id) == (good, None)


@given(st.text())
def test_no_data_type_changes_the_path(text: str) -> None:
    """Whatever passes as a data type stands in a path as it is."""
    try:
        operations.check(operations.RefreshDataTypeRequest, {"company_id": ID, "data_type": text})
    except errors.InvalidRequestError:
        return
    assert text.isascii()
    assert text.replace("-", "").isalnum()


def test_unknown_and_missing_fields_are_named() -> None:
    """A misspelt field is told, with those that there are."""
    with pytest.raises(errors.InvalidRequestError, match=r"no field companyId; it has company_id"):
        operations.check(operations.GetCompanyRequest, {"companyId": ID})
    with pytest.raises(errors.InvalidRequestError, match="company_id"):
        operations.check(operations.GetCompanyRequest, {})
    with pytest.raises(errors.InvalidRequestError, match="of type str"):
        operations.check(operations.GetCompanyRequest, ID)  # type: ignore[arg-type]


def test_errors_of_requests_are_value_errors() -> None:
    """Code that does not know this package catches a ValueError."""
    with pytest.raises(ValueError, match="UUID"):
        operations.check(operations.GetCompanyRequest, {"company_id": "x"})


def test_the_names_in_all_are_the_requests() -> None:
    """Every request object is exported."""
    every = (k for k in vars(operations).values() if isinstance(k, type))
    kinds = {k.__name__ for k in every if issubclass(k, operations.RequestObject) and not k.__name__.startswith("_")}
    kinds -= {"RequestObject"}
    mappings = {f"{kind}TypedDict" for kind in kinds}
    assert kinds | mappings == set(operations.__all__) - {"check", "can_be_product", "can_be_queued"}


@pytest.mark.parametrize("name", [name for name in operations.__all__ if name.endswith("Request")])
def test_a_request_as_a_mapping_has_the_same_fields(name: str) -> None:
    """Each request object and its ``TypedDict``: the same names, the same kinds, the same ones required."""
    kind, mapping = getattr(operations, name), getattr(operations, f"{name}TypedDict")
    hints = get_type_hints(mapping)
    assert {field.name: field.type for field in msgspec.structs.fields(kind)} == hints
    assert {field.name for field in msgspec.structs.fields(kind) if field.required} == mapping.__required_keys__
