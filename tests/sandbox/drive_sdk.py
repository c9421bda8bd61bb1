"""Drives a sandbox through all calls with whichever codat-lending the running interpreter has.

Run as a script with the sandbox's address, its key and a company's id; prints what came as JSON. It imports nothing of
the project, because it runs in an environment of its own (see test_sdk_11.py).
"""

import json
import sys
from importlib.metadata import version
from typing import Any

from codat_lending import CodatLending
from codat_lending.models import errors, operations, shared
from codat_lending.utils import BackoffStrategy, RetryConfig

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def refused(call: Any, **request: str) -> list[Any]:
    """Status, and whether the error carries a correlation id, of a call that must fail."""
    try:
        call(request=request)
    except errors.ErrorMessage as error:
        return [error.data.status_code, len(error.data.correlation_id or "")]
    return ["not refused"]


def drive(url: str, header: str, company: str) -> dict[str, Any]:
    """All calls, well and badly."""
    once = RetryConfig("none", BackoffStrategy(1, 1, 1, 1), False)
    client = CodatLending(security=shared.Security(auth_header=header), server_url=url, retry_config=once)
    data = client.manage_data
    listed = client.companies.list(request=operations.ListCompaniesRequest(page_size=5, order_by="name"))
    connections = client.connections.list(request=operations.ListConnectionsRequest(company_id=company)).results
    connection = client.connections.get(request={"company_id": company, "connection_id": connections[0].id})
    op = data.refresh.data_type(request={"company_id": company, "data_type": "invoices"})
    again = refused(data.refresh.data_type, company_id=company, data_type="invoices")
    data.refresh.all_data_types(request={"company_id": company})
    newest = operations.ListPullOperationsRequest(company_id=company, order_by="-requested", page_size=5000)
    history = data.pull_operations.list(request=newest)
    return {
        "version": version("codat-lending"),
        "companies": [listed.total_results, len(listed.results)],
        "name": client.companies.get(request={"company_id": company}).name,
        "platforms": [c.platform_name for c in connections],
        "connection": [connection.id == connections[0].id, connection.status.value],
        "status": data.get_status(request={"company_id": company}) is not None,
        "queued": [op.status.value, op.progress],
        "again": again,
        "history": [history.total_results == len(history.results), len({o.status.value for o in history.results}) > 3],
        "same": data.pull_operations.get(request={"company_id": company, "dataset_id": op.id}).id == op.id,
        "unknown": [
            refused(client.companies.get, company_id=UNKNOWN),
            refused(data.get_status, company_id=UNKNOWN),
            refused(data.refresh.all_data_types, company_id=UNKNOWN),
            refused(data.pull_operations.get, company_id=company, dataset_id=UNKNOWN),
        ],
        "malformed": refused(client.companies.list, query="name"),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(drive(*sys.argv[1:])))
