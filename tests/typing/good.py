"""What users of this package and of the official SDK write: both type checkers take every line."""

import asyncio
from collections.abc import Iterator

import pandas as pd

import codat_notebook as cn
from codat_notebook.client import Queued
from codat_notebook.models import errors, operations, shared
from codat_notebook.utils import BackoffStrategy, RetryConfig

ID = "8a210b68-6988-11ed-a1eb-0242ac120002"


def blocking(client: cn.CodatLending) -> shared.PullOperation:
    """The calls, with mappings and with request objects."""
    page: shared.Companies = client.companies.list(request={"page": 1, "page_size": 10, "query": "name~toft"})
    client.companies.list(request=operations.ListCompaniesRequest(page_size=5), retries=RetryConfig("none"))
    company: shared.Company = client.companies.get(request={"company_id": page.results[0].id}, timeout_ms=500)
    every: Iterator[shared.Company] = client.companies.iterate()
    linked = [connection.status == "Linked" for one in every for connection in one.data_connections or ()]
    statuses = client.manage_data.get_status(request={"company_id": company.id})
    invoices: shared.DataStatus | None = statuses.invoices
    asked: operations.RefreshDataTypeRequestTypedDict = {"company_id": ID, "data_type": "invoices"}
    if len(linked) > 1:
        asked["connection_id"] = ID
    queued: Queued = client.manage_data.refresh.queue(request=asked, siblings=True)
    client.manage_data.refresh.product(request={"company_id": ID, "product": "x", "data_types": ["bills"]})
    client.settings.get_profile_sync_settings()
    print(invoices, queued.operation.model_dump(by_alias=True)["dataType"])
    return client.manage_data.refresh.data_type(request=asked, retries=RetryConfig("backoff", BackoffStrategy(1, 2)))


async def awaiting() -> str:
    """The same, awaited; and a session."""
    async with cn.CodatLending(security=shared.Security(auth_header="Basic x")) as client:
        operation: shared.PullOperation = await client.manage_data.refresh.data_type_async(
            request={"company_id": ID, "data_type": "invoices"}
        )
        async for one in client.manage_data.pull_operations.iterate_async(request={"company_id": ID}):
            print(one.status.value, one.model_dump_json())
    return shared.PullOperation.model_validate(operation.model_dump()).id


def notebook() -> None:
    """A session's frames and runs."""
    with cn.connect(sandbox=True) as session:
        companies: pd.DataFrame = session.companies(search="toft", limit=5)
        run: cn.RefreshRun = session.refresh(str(companies["id"].iloc[0]), "invoices", "bills")
        print(run.wait(timeout=60).operations, session.client.quota)
        try:
            session.status("x")
        except errors.InvalidRequestError as error:
            print(error.message, error.retry_at)


if __name__ == "__main__":
    notebook()
    print(asyncio.run(awaiting()), blocking(cn.connect().client))
