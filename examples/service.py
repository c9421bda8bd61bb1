"""A web service that refreshes companies: starts a run, awaits it or finds it again later, hears Codat's events, and
answers in Codat's JSON.

    pip install codat-notebook fastapi
    CODAT_API_KEY=... CODAT_WEBHOOK_SECRET=whsec_... uvicorn --workers 2 --app-dir examples service:app

Workers may also be forked from a process that has loaded it all (gunicorn --preload): a session that is inherited opens
connections of its own, and what the parent sent is not sent again. A run belongs to the process that began it: its id
finds it there, a journal brings it to any other. An event comes to one of the processes: the run that waits there looks
at once, the others at their next look.
"""

import os
from collections.abc import Sequence
from typing import Annotated

import fastapi
from fastapi import HTTPException, Query

import codat_notebook as cn
from codat_notebook import events
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.shared import Company, PullOperation

cn.preload()  # else the first requests would wait for imports
secret = events.SigningSecret.of(os.environ["CODAT_WEBHOOK_SECRET"])
session = cn.connect(sandbox="CODAT_SANDBOX_URL" in os.environ)
app = fastapi.FastAPI()


@app.exception_handler(CodatLendingError)
async def refused(_: fastapi.Request, error: CodatLendingError) -> fastapi.Response:
    """Codat's errors, with the time at which it is worth trying again."""
    told = {"error": error.message, "queued": error.queued, "retry_at": error.retry_at}
    status = error.status_code if error.status_code in (404, 429) else 502
    return fastapi.responses.JSONResponse(fastapi.encoders.jsonable_encoder(told), status)


@app.get("/companies/{company_id}")
async def company(company_id: str) -> Company:
    """One company as Codat has it."""
    return await session.client.companies.get_async(request={"company_id": company_id})


@app.post("/companies/{company_id}/refresh")
async def refresh(company_id: str, data_types: Annotated[Sequence[str], Query()], wait: bool = True) -> dict[str, str]:
    """Refresh data types; wait for the end, or give the id under which the run is found."""
    try:
        run = await session.refresh_async(company_id, *data_types)
    except ValueError as error:  # a data type that Codat does not have, and the one that was meant
        raise HTTPException(422, str(error)) from None
    return {"run": run.id, "line": (await run).raise_for_outcome().line if wait else run.line}


@app.get("/runs/{run_id}")
async def operations(run_id: str) -> list[PullOperation]:
    """The operations of a run, as far as they are known."""
    try:
        return [row.operation for row in session.runs[run_id].rows if row.operation is not None]
    except KeyError as error:
        raise HTTPException(404, str(error)) from None


@app.post("/codat")
async def heard(request: fastapi.Request) -> fastapi.Response:
    """Codat's webhook events, answered at once."""
    try:
        session.handle_event(events.read(request.headers, await request.body(), secret))
    except events.EventError as error:
        return fastapi.Response(str(error), error.status)
    return fastapi.Response(status_code=204)
