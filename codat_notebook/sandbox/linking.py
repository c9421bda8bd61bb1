"""The page behind a connection's link URL, where a customer authorizes it again.

It stands in for Codat's hosted page and the platform's sign-in: one button. It needs no key, as the real one.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

from codat_notebook.sandbox.exchange import Answer, Request
from codat_notebook.sandbox.problems import Problem
from codat_notebook.sandbox.world import World

_PATH: Final = re.compile(r"/companies/([0-9a-fA-F-]{36})/connections/([0-9a-fA-F-]{36})/start")
_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Link {platform}</title>
<body style="font: 16px system-ui; max-width: 34rem; margin: 4rem auto; padding: 0 1rem">
<h1>{platform}</h1><p>{text}</p>{form}</body></html>"""
_FORM: Final = '<form method="post"><button style="font: inherit; padding: .6rem 1rem">Authorize</button></form>'


def answer(world: World, request: Request) -> Answer | None:
    """The page, or None if the request is not for one.

    Raises:
        Problem: 404, there is no such connection.
    """
    match = _PATH.fullmatch(request.path)
    if match is None:
        return None
    if request.method not in ("GET", "POST"):
        raise Problem(405, "Method not allowed.", headers={"Allow": "GET, POST"})
    company_id, connection_id = match.groups()
    if request.method == "POST":
        world.relink(company_id, connection_id)
    name = escape(world.company(company_id)["name"])
    connection = world.connection(company_id, connection_id)
    linked = connection["status"] == "Linked"
    text = f"{name} is linked. You can close this page." if linked else f"Let Codat read the data of {name} again."
    page = _PAGE.format(platform=escape(connection["platformName"]), text=text, form="" if linked else _FORM)
    return Answer(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})
