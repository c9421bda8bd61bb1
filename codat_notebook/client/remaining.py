"""What a refresh of everything still lacks after its answer was lost, queued one by one.

Codat queues each data type with *fetch on first link* that the platform of a linked connection supports. Where the
history shows that it heard us but not what it answered, those without an operation are queued by themselves.
"""

from codat_notebook.client import flows
from codat_notebook.client.flows import Options
from codat_notebook.client.lookup import Intent
from codat_notebook.client.queueing import QueuedAll, queue, queue_all
from codat_notebook.client.retrying import Call, Flow
from codat_notebook.client.slots import SLOTS, Slots
from codat_notebook.models import errors


def all_of(call: Call, options: Options, intent: Intent, *, slots: Slots = SLOTS) -> Flow[QueuedAll]:
    """Queue every data type of a company, and what is missing if the answer was lost.

    Raises:
        errors.CodatLendingError: also where single types were refused, after all were tried: the first error, which
            says how many.
    """
    company_id = intent.company_id
    done = yield from queue_all(call, options, intent, slots=slots)
    if done.certain:
        return done
    had = {Intent(company_id, op.data_type, op.connection_id) for op in (*done.running, *done.operations)}
    missing = sorted((yield from expected(call, options, company_id)) - had, key=str)
    call.decide(f"the answer was lost; {len(missing)} data types are queued one by one", company_id=company_id)
    failures: list[errors.CodatLendingError] = []
    for one in missing:
        try:
            yield from queue(call, options, one, slots=slots)
        except errors.CodatLendingError as error:
            failures.append(error)
    if failures:
        raise _summary(failures, len(missing))
    return done


def expected(call: Call, options: Options, company_id: str) -> Flow[set[Intent]]:
    """What a refresh of everything should queue: fetch on first link, supported, on a linked connection."""

    company = yield from flows.read(call, flows.COMPANIES_GET, {"company_id": company_id}, options)
    settings = yield from flows.read(call, flows.COMPANY_SETTINGS, {"company_id": company_id}, options)
    wanted = {setting.data_type for setting in settings.settings if setting.fetch_on_first_link}
    cells: set[Intent] = set()
    supported: dict[str, set[str]] = {}
    for connection in company.data_connections or ():
        key = connection.integration_key
        if connection.status != "Linked" or not key:
            continue
        if key not in supported:
            platform = yield from flows.read(call, flows.INTEGRATIONS_GET, {"platform_key": key}, options)
            supported[key] = set(platform.readable_data_types)
        cells |= {Intent(company_id, str(data_type), connection.id) for data_type in wanted & supported[key]}
    return cells


def _summary(failures: list[errors.CodatLendingError], tried: int) -> errors.CodatLendingError:
    """The first failure, with how many there were; "unknown" if any of them is."""
    first = failures[0]
    first.message = f"{len(failures)} of {tried} data types were not queued, the first: {first.message}"
    first.args = (first.message,)
    first.queued = "unknown" if any(error.queued == "unknown" for error in failures) else first.queued
    return first
