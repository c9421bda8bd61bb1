"""A process whose engine runs on virtual time: two visitors' consoles are left open; prints the requests of an hour."""

import asyncio
import json
import sys
from typing import Any

import httpx

from codat_notebook.client.clock import ServerClock
from codat_notebook.models.shared import Security
from codat_notebook.runs import engine
from codat_notebook.session import Session
from codat_notebook.widgets.console import console
from tests.runs.virtual import START, Line, Stage

stage = Stage(400)
engine._engine = stage.engine


class Visitor:
    """A session and its console, which is on screen in a browser."""

    def __init__(self) -> None:
        self.line = Line(stage.service, 0.05)
        clock = ServerClock(stage.loop.time, lambda: START.timestamp())
        transport = httpx.AsyncClient(transport=self.line)
        self.session = Session(Security(auth_header="key"), server_url=stage.url, async_client=transport, clock=clock)
        self.parts = console(self.session)._parts

    async def until(self, holds: Any) -> None:
        """Wait until something holds of the table of companies."""
        while not holds(self.parts.companies.state):  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(1)

    async def look(self, seconds: int) -> None:
        """What a browser sends while its reader looks at the page."""
        for _ in range(seconds // 15):
            self.parts.header._receive({"type": "seen"})
            await asyncio.sleep(15)


async def scene(second: str) -> list[int]:
    """The requests of all visitors in the hour."""
    visitors = [Visitor(), Visitor()]
    for each in visitors:
        await each.until(lambda state: state["total"] == 400 and not state["more"]["busy"])
    first = visitors[0].parts.companies
    first._receive({"type": "filter", "text": "lighting", "seq": 1})
    await visitors[0].until(lambda state: state["matching"] < 400 and state["more"]["actions"][0][0] != "look 399")
    if second == "company":
        visitors[1].parts.company._receive({"type": "pick", "id": first.state["keys"][0], "seq": 2})
    else:
        visitors[1].parts.tabs._receive({"type": "tab", "name": "runs"})
    await asyncio.sleep(60)
    before = [len(each.session.requests) for each in visitors]
    await asyncio.gather(*(each.look(3600) for each in visitors))
    return [len(each.session.requests) - past for each, past in zip(visitors, before, strict=True)]


sys.stdout.write(json.dumps(stage.engine.call(scene(sys.argv[1]))))
stage.close()
