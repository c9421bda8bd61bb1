"""Mistakes, each on a line that ends in ``# wrong``: both type checkers find them all, and nothing else."""

import codat_notebook as cn
from codat_notebook.models import operations, shared

ID = "8a210b68-6988-11ed-a1eb-0242ac120002"


def mistakes(client: cn.CodatLending, statuses: shared.DataStatuses, session: cn.Session) -> None:
    """What the official SDK's types find, and what is here alone."""
    refresh = client.manage_data.refresh
    client.companies.lsit(request={})  # wrong
    client.companies.create(request={"name": "Toft"})  # wrong
    client.manage_dat  # wrong
    client.banking  # wrong
    refresh.data_typ(request={"company_id": ID, "data_type": "invoices"})  # wrong
    client.companies.list(request={"pagesize": 1})  # wrong
    client.companies.list(request={"page_size": "1"})  # wrong
    client.companies.get(request={})  # wrong
    refresh.data_type(request={"company_id": ID, "data_tpye": "invoices"})  # wrong
    refresh.data_type(request=operations.GetCompanyRequest(company_id=ID))  # wrong
    client.companies.get(request={"company_id": ID}, timeout=500)  # wrong
    client.companies.get(request={"company_id": ID}, retries="none")  # wrong
    statuses.invocies  # wrong
    statuses.invoices.current_status  # wrong
    session.compnaies()  # wrong
    cn.conect()  # wrong
    shared.PullOperation(idd=ID)  # wrong
