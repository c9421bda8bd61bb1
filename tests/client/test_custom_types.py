"""The call that queues a custom data type: its path, and what it needs."""

import pytest

from codat_notebook.client import CodatLending
from codat_notebook.client.lookup import Intent
from codat_notebook.client.queueing import OneType, queue
from codat_notebook.client.retrying import Call
from codat_notebook.client.slots import Slots
from codat_notebook.models import errors
from codat_notebook.models.shared import Security

from .simulated import BANK_A, COMPANY, Stage


def first_request(call: Call, intent: Intent) -> str:
    """Method and target of the first request of a sending."""
    request = next(queue(OneType, call, intent, slots=Slots()))
    return f"{request.method} {request.target}"


def test_its_path() -> None:
    """It names the connection, and the identifier without its prefix, quoted."""
    intent = Intent(COMPANY, "custom/my-type", BANK_A)
    expected = f"POST /companies/{COMPANY}/connections/{BANK_A}/data/queue/custom/my-type"
    assert first_request(Stage().call(), intent) == expected


def test_it_needs_a_connection() -> None:
    """Without one nothing is sent; a type of Codat's own needs none."""
    client = CodatLending(Security(auth_header="key"), server_url="https://codat.test")
    with client, pytest.raises(errors.InvalidRequestError, match="needs a connection_id"):
        client.manage_data.refresh.data_type(request={"company_id": COMPANY, "data_type": "custom/my-type"})
