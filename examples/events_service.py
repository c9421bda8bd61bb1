"""A service that takes Codat's webhook events: CODAT_WEBHOOK_SECRET=whsec_... uvicorn events_service:app"""

import asyncio
import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from codat_notebook import events

secret = events.SigningSecret.of(os.environ["CODAT_WEBHOOK_SECRET"])
inbox = events.Inbox()  # knows what comes twice; with several processes, keep the ids in a database
queue: asyncio.Queue[events.Event] = asyncio.Queue()  # another task works on it: the answer does not wait


async def codat(request: Request) -> Response:
    """Verify, hand on, answer."""
    try:
        event = events.read(request.headers, await request.body(), secret)
    except events.EventError as error:
        return Response(str(error), error.status)
    if (news := inbox.take(event)) is not None:
        queue.put_nowait(news)
    return Response(status_code=204)


app = Starlette(routes=[Route("/codat", codat, methods=["POST"])])
