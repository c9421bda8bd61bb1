"""Custom data types: queued on one connection of the platform that they are configured for, and by nothing else."""

import pytest

from . import contract
from .asking import Api, read

NAME = "custom/netsuite-budget"


@pytest.fixture
def path(api: Api) -> str:
    """Where one is queued, on the accounting connection of the first company."""
    api.faults.custom_data_types = {"netsuite-budget": {"akxx"}}
    return f"/companies/{api.toft}/connections/{netsuite(api)}/data/queue/{NAME}"


def netsuite(api: Api) -> str:
    """The connection for whose platform it is configured."""
    links = api.get(f"/companies/{api.toft}")["dataConnections"]
    return next(link["id"] for link in links if link["integrationKey"] == "akxx")


def test_it_is_queued_and_shown(api: Api, path: str) -> None:
    """The operation, the history and dataStatus name it custom/{identifier}; it is in no list of a platform's types."""
    made = read(api.post(path))
    assert (made["dataType"], made["connectionId"]) == (NAME, netsuite(api))
    assert api.get(f"/companies/{api.toft}/data/history/{made['id']}")["dataType"] == NAME
    assert api.get(f"/companies/{api.toft}/dataStatus")[NAME]["latestSyncId"] == made["id"]
    assert NAME not in str(api.get("/integrations/akxx"))
    assert read(api.post(path))["error"].startswith("DatasetAlreadyInProgressException")


def test_nothing_else_queues_it(api: Api, path: str) -> None:
    """Neither a refresh of everything nor Codat's own schedule takes custom types."""
    api.post(path)
    api.clock.advance("1h")
    api.post(f"/companies/{api.toft}/data/all")
    api.faults.sync_schedule = 1
    api.clock.advance("5h")
    api.get(f"/companies/{api.toft}")
    rows = api.get(f"/companies/{api.toft}/data/history?pageSize=5000")["results"]
    assert [row["dataType"] for row in rows].count(NAME) == 1


@pytest.mark.parametrize(("settings", "status"), [({"custom_data_types": {}}, 404), ({"legal_hold": {"akxx"}}, 451)])
def test_what_is_refused(api: Api, path: str, settings: dict[str, object], status: int) -> None:
    """A type that is not configured for the platform, and a platform that may not be read."""
    for name, value in settings.items():
        setattr(api.faults, name, value)
    contract.check_error(api.post(path), status)
