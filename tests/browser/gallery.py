"""The parts of the console in their states, and the whole console put together without a kernel.

The pictures of `test_parts_gallery.py` and the acts of `test_parts.py` start from these. Names are hostile wherever a
third party could make them so.
"""

from datetime import datetime, timedelta
from typing import Any

from playwright.sync_api import Page

from codat_notebook.models import products, vocabulary
from codat_notebook.models.shared import Connection, DataConnectionError
from codat_notebook.models.vocabulary import DataConnectionStatus as Status
from codat_notebook.models.vocabulary import SourceType
from codat_notebook.runs.records import ErrorRecord
from codat_notebook.widgets import connect, data_types, header, notice, pickers, progress, tabs
from tests.widgets.drawn_rows import drawn_row
from tests.widgets.type_cells import NEVER, Read, type_rows

from .gallery_connect import connects

States = dict[str, dict[str, Any]]
NOW = "2026-11-23T13:58:29Z"
THEN = datetime.fromisoformat(NOW)
COMPANY = {"id": "c8d3af58-7011-47ce-b3f2-89faf300ef6d", "name": "Toft Stores UK"}
HOSTILE = (
    "<img src=x onerror=\"document.body.dataset.hurt='yes'\">",
    "شركة المثال ‮ reversed",
    "🏦🏴‍☠️ Zalgo c̷̢o̵̡m̴̛p̵a̶n̷y",
    "Long " + "x" * 500,
    "</script><script>document.body.dataset.hurt='yes'</script>",
    "a\nb\t\u0000c",
)


def _ago(**units: float) -> str:
    return (THEN - timedelta(**units)).isoformat()


def _in(seconds: float | None) -> str | None:
    return None if seconds is None else _ago(seconds=-seconds)


def headers() -> States:
    """States of the header by name."""
    address = "proxy.of-a-bank-with-a-long-name.example.internal:8443"

    def make(mode: str, address: str, remaining: int | None = None, activity: str = "", **more: Any) -> dict[str, Any]:
        quota = {
            "remaining": remaining,
            "limit": more.pop("limit", None),
            "resets_at": _in(more.pop("resets_in", None)),
        }
        told = {"text": activity, "until": _in(more.pop("wait", None))} if activity else None
        state: dict[str, Any] = {"mode": mode, "address": address, "quota": quota if remaining is not None else None}
        return {**header.NOT_CONNECTED, **state, "activity": told, **more}

    crowded: dict[str, Any] = {"remaining": 1_010_140, "limit": 1_301_000, "resets_in": 36060, "wait": 3599}
    return {
        "sandbox": make("sandbox", "127.0.0.1:8765", 10140, running=2, limit=13000, resets_in=36090),
        "live, read only": make("live", "api.codat.io", 640, read_only=True, limit=13000, resets_in=4000),
        "live, used up": make("live", "api.codat.io", 0, running=1284, limit=13000, resets_in=50),
        "asking": make("live", "api.codat.io", activity="Reading the companies"),
        "waiting": make("sandbox", "127.0.0.1:8765", 12, "Codat asks us to wait", wait=12),
        "not connected": make("none", "No key was found"),
        "crowded": make("live", address, activity="Codat asks us to wait", read_only=True, running=12840, **crowded),
        "before the first state": {},
    }


def companies() -> States:
    """States of the company field by name."""
    found = pickers.search_results

    def make(company: Any = None, *, tags: Any = (), **more: Any) -> dict[str, Any]:
        state = {"portal": None, "loading": False, "search": None, "recent": [], "error": None, "typed": None, "seq": 0,
                 "opened": False, "run": ""}  # fmt: skip
        return {**state, "company": company, "tags": [list(pair) for pair in dict(tags).items()], **more}

    row = {"note": "Xero, Plaid"}
    many = [row | {"id": f"{n:08x}-7011-47ce-b3f2-89faf300ef6d", "name": f"Toft Stores {n}"} for n in range(60)]
    hostile = [{"id": f"{n:08x}-0000-47ce-b3f2-89faf300ef6d", "name": name} for n, name in enumerate(HOSTILE)]
    failed = {"text": "", "status": "error", "error": "Codat could not be reached. Check the network."}
    return {
        "new": make(),
        "idle": make(recent=[COMPANY, many[3]]),
        "picked": make(COMPANY, portal=pickers.portal_url(COMPANY["id"]), tags={"region": "uk", "tier": "gold"}),
        "made up": make(COMPANY, tags={name: name for name in HOSTILE}),
        "loading": make(COMPANY, loading=True),
        "searching": make(search={"text": "", "status": "searching"}),
        "results": make(COMPANY, search=found("", many, 1254)),
        "hostile": make({"id": COMPANY["id"], "name": HOSTILE[0]}, search=found("", hostile)),
        "no match": make(search=found("", [])),
        "failed": make(search=failed),
        "wrong id": make(COMPANY, error=pickers.id_problem(COMPANY["id"][:-1]), typed=COMPANY["id"][:-1]),
        "unknown": make(error="No company in this account has this id.", typed=COMPANY["id"]),
    }


def connection(id: str, platform: str, kind: str, status: str = "Linked", **fields: Any) -> Connection:
    """A connection of the company."""
    return Connection(id=id, platform_name=platform, source_type=SourceType(kind), status=Status(status), **fields)


PLAID = connection("2e9d0b71-0002", "Plaid", "Banking")
_REVOKED = DataConnectionError(
    errored_on_utc=_ago(days=62),
    status_text="Unauthorized",
    error_message="Shopify answered 401: the access token was revoked.",
)
CONNECTIONS = [
    connection(
        "1f3c3a52-0001", "Oracle NetSuite", "Accounting",
        last_sync=_ago(hours=2), created=_ago(days=400), link_url="https://link.example/1",
    ),
    PLAID,
    connection(
        "3d8e1c90-0003", "Shopify", "Commerce", "Deauthorized",
        link_url="https://link.example/3", data_connection_errors=[_REVOKED],
    ),
]  # fmt: skip


def connections() -> States:
    """States of the connection menu by name."""
    make, rows, company = pickers.connection_state, pickers.connection_cards(CONNECTIONS), COMPANY["id"]
    hostile = [{"id": str(n), "platform": name, "words": name, "synced": None} for n, name in enumerate(HOSTILE)]
    return {
        "three": make(rows, company=company),
        "one": make(rows[:1], company=company),
        "none": make(),
        "chosen": make(rows, company=company, value=PLAID.id),
        "hostile": make(hostile, company="x", value="3"),
    }


def cards() -> States:
    """States of the connections' cards by name."""
    rows = pickers.connection_cards

    def make(cards: Any = (), status: Any = "none", why: str | None = None) -> dict[str, Any]:
        return {**pickers.CardsState(status=status, connections=list(cards), empty=why)}

    hostile = [connection(str(n), name, "Commerce", name) for n, name in enumerate(HOSTILE)]
    banks = [connection(f"{n:08d}-bank", "Plaid", "Banking") for n in range(14)]
    return {
        "three": make(rows(CONNECTIONS), status="ready"),
        "hostile": make(rows(hostile), status="ready"),
        "crowded": make(rows(banks), status="ready"),
        "none": make(),
        "loading": make(status="loading"),
        "empty": make(status="ready", why="This company is a parent: its subsidiaries have the connections."),
    }


READS: dict[str, Read] = {
    "invoices": ("Complete", timedelta(hours=2)),
    "payments": ("Complete", timedelta(days=8)),
    "creditNotes": ("PermissionsError", timedelta(days=31)),
    "customers": ("Complete", timedelta(seconds=20)),
    "balanceSheet": ("Complete", timedelta(days=9)),
    "banking-transactions": ("Complete", timedelta(hours=5)),
    "bills": ("Fetching", timedelta(days=1)),
    "suppliers": ("FetchError", None),
}
SELECTED = ["invoices", "payments", "creditNotes", "customers"]


def type_lists() -> States:
    """States of the list of data types by name."""
    make, company = data_types.data_types_state, COMPANY["id"]
    every = {key: ("Complete", timedelta(hours=n)) for n, key in enumerate(vocabulary.DATA_TYPES)}
    second = {"banking-transactions": ("Complete", timedelta(hours=4)), "banking-accounts": NEVER}
    main = type_rows(THEN, READS | {"journalEntries": NEVER}, second)
    lost: Any = {"state": "unlinked", "connection": "x"}
    cards: Any = [
        {"id": "x", "platform": "Xero", "words": "accounting, deauthorized", "link_url": "https://link.example/x"}
    ]
    return {
        "main": make(company, main, selected=SELECTED),
        "deauthorized": make(
            company, [row | lost if row["family"] == "Accounting" else row for row in main], connections=cards
        ),
        "all 43": make(company, type_rows(THEN, every), selected=["bills"]),
        "hostile": make(company, type_rows(THEN, dict.fromkeys(HOSTILE, ("Complete", timedelta(0))))),
        "no company": make(None, []),
        "loading": make(company, [], status="loading"),
        "empty": make(company, []),
    }


def _named(*keys: str) -> list[dict[str, str]]:
    """Data types as the buttons have them."""
    return [{"key": key, "name": vocabulary.plain_name(key)} for key in keys]


def bars() -> States:
    """States of the refresh buttons by name."""

    def make(company: Any = None, **more: Any) -> dict[str, Any]:
        return {**data_types.NO_OFFER, "company": company, **more}

    keys = [*vocabulary.ACCOUNTING[:17], *vocabulary.BANKING]
    everything = [
        {"platform": "Oracle NetSuite", "types": _named(*keys[:17])},
        {"platform": "Plaid", "types": _named(*keys[17:])},
    ]
    ready: dict[str, Any] = {"company": COMPANY, "selected": SELECTED, "total": 21, "everything": everything}
    ask = "Queue all 21 data types of Toft Stores UK, on all 3 connections, on LIVE?"
    return {
        "ready": make(**ready),
        "one connection": make(**ready, connection="Oracle NetSuite"),
        "live": make(**ready, confirm=ask),
        "in progress": make(**ready, running=_named("invoices", "bills", "customers")),
        "hostile": make(**ready | {"everything": [{"platform": n, "types": _named(n)} for n in HOSTILE]}),
        "nothing selected": make(COMPANY, total=21),
        "no company": make(),
        "read only": make(**ready, blocked="This session is read-only: it queues nothing."),
        "queueing": make(**ready, busy="Queueing 4 data types…"),
        "products": make(**ready, products=["credit-monitoring", HOSTILE[0]]),
        "caution": make(**ready, caution=products.caution(["bank-feeds"])),
    }


def _row(
    key: object, data_type: str, status: str, since: int, platform: str = "NetSuite", **more: Any
) -> dict[str, Any]:
    began = _ago(seconds=since)
    return drawn_row(str(key), data_type, status, platform, requested=began, **more)


def main_rows() -> list[dict[str, Any]]:
    """The rows of the drawing."""
    relink = {"completed": _ago(seconds=13), "link_url": "https://link.example/1"}
    return [
        _row(1, "customers", "Complete", 43, completed=_ago(seconds=25)),
        _row(2, "invoices", "Mapping", 41, usual=81),
        _row(3, "payments", "Fetching", 22, status_description="Paused until 2026-11-23T14:05:00"),
        _row(4, "creditNotes", "PermissionsError", 22, **relink),
    ]


def odd_rows() -> list[dict[str, Any]]:
    """Every other kind of row."""
    make, done = progress.waiting_row, {"completed": NOW}
    dead: dict[str, Any] = {"platform": "Shopify", "link_url": "https://link.example/3", **done}
    return [
        make("a", "bills", "NetSuite", "queueing"),
        make("b", "suppliers", "", "refused", "400: no linked connection offers suppliers."),
        make("c", "items", "", "unknown", "Codat gave no answer. Nothing is sent twice."),
        make("d", "journals", "", "not queued by Codat"),
        _row(5, "profitAndLoss", "NotSupported", 9, "Plaid", **done),
        _row(6, "taxRates", "Routing", 300),
        _row(7, "transfers", "QuantumError", 30, error_message="Schrödinger", **done),
        _row(8, "bankAccounts", "Queued", 9),
        _row(10, "bankTransactions", "Queued", 4000, "Sage 50", usual=44),
        _row(11, "items", "Validating", 60, usual=44),
        _row(
            9, "directCosts", "Fetching", 4000, status_description="Waiting for asynchronous response from third party"
        ),
        *[_row(key, key, "AuthError", 9, **dead) for key in ("commerce-orders", "commerce-payments")],
    ]


def runs() -> States:
    """States of the progress by name."""
    make, stop, title = progress.progress_state, [progress.STOP], "Refresh of Toft Stores UK"
    expected = progress.expected_text([("payments", "2026-11-23T14:05:00Z")])
    due = _ago(seconds=-40)
    many = [_row(n, f"type{n}", "Complete" if n < 400 else "Mapping", 60 + n, completed=None) for n in range(1000)]
    ended = [_row(n, key, "Complete", 60, completed=NOW) for n, key in enumerate(SELECTED)]
    again = {"type": "retry", "text": "Retry failed (1)", "title": "Queues again what may succeed now."}
    hostile = [_row(n, name, "MapError", 12, name, error_message=name) for n, name in enumerate(HOSTILE)]
    return {
        "main": make(main_rows(), expected=expected, due=due, actions=stop),
        "odd": make(odd_rows(), actions=stop),
        "hostile": make(hostile, title=HOSTILE[0], expected=HOSTILE[3], message=HOSTILE[3], actions=stop),
        "titled": make(main_rows(), title=title, expected=expected, due=due, actions=stop),
        "done": make([*ended, main_rows()[3]], status="done", title=title, actions=[again]),
        "thousand": make(many, title="Month end, 200 companies", first=50, actions=stop),
        "idle": make([], status="idle"),
        "no company": make([], status="idle", message="Pick a company first; its data types then stand on the left."),
        "queueing": make([], status="asking"),
        "stopped": make(main_rows(), status="stopped", message="Stopped watching. Codat carries on."),
        "error": make([], status="error", message="Nothing was queued: Codat could not be reached."),
        "before the first state": {},
    }


def failure(what: str, **fields: Any) -> dict[str, Any]:
    """The card of an error."""
    return notice.record_item(ErrorRecord(**{"time": THEN, "why": "", "action": "", **fields}, what=what))


def notices() -> States:
    """States of the notice by name."""
    make, state = failure, notice.notice_state
    denied = make(
        "creditNotes could not be read from NetSuite",
        why="The linked user lacks the right to read credit notes. Refreshing again will not help.",
        action="Send the customer the relink URL and have a user with the role “View Credit Memos” sign in.",
        link_url="https://link.example/1",
    )
    limited = make(
        "Refresh all was not accepted",
        time=THEN - timedelta(days=1),
        status="429",
        why="Codat asked to wait until 2026-11-23T14:05:00Z. Nothing was queued.",
        correlation_id="7eb40d6b415d7bcd",
    )
    told = make("The click could not be acted on")
    hostile = [make(name, why=name, action=name, correlation_id=name) for name in HOSTILE]
    return {
        "three": state([denied, limited, told]),
        "one": state([limited]),
        "hostile": state(hostile[:3]),
        "more": state([*hostile[3:], denied, limited]),
        "none": state([]),
    }


#: Each kind of part with its states; also the console's parts in reading order.
PARTS = {
    "header": (header.Header, headers, "sandbox"),
    "notice": (notice.Notice, notices, "none"),
    "company": (pickers.CompanyPicker, companies, "picked"),
    "connection": (pickers.ConnectionPicker, connections, "three"),
    "cards": (pickers.ConnectionCards, cards, "three"),
    "types": (data_types.DataTypePicker, type_lists, "main"),
    "bar": (data_types.RefreshBar, bars, "ready"),
    "progress": (progress.Progress, runs, "main"),
    "connect": (connect.Connect, connects, "connected"),
}


def console_parts(**names: str) -> list[Any]:
    """The console's parts in the drawing's main state; ``names`` replaces some, e.g. ``progress="idle"``."""
    *parts, form = [kind(states()[names.get(part, first)]) for part, (kind, states, first) in PARTS.items()]
    return [*parts, tabs.Tabs(tabs.tabs_state(errors=2)), form]


#: What ipywidgets and JupyterLab say of boxes and buttons, which our style has to undo or outweigh.
BOXES = """.jp-ThemedContainer button { border-radius: 2px; } .jp-ThemedContainer input::placeholder { color: #777; }
.jupyter-widgets { margin: 2px; box-sizing: border-box; color: #777; overflow: visible; }
.widget-box { box-sizing: border-box; display: flex; margin: 0; overflow: auto; }
.widget-hbox { flex-direction: row; } .widget-vbox { flex-direction: column; }"""
ASSEMBLE = """() => {
  const part = (n) => {
    const element = document.getElementById(`part-${n}`);
    element.classList.replace("stage-part", "jupyter-widgets");
    return element;
  };
  const box = (kind, name, ...children) => {
    const element = document.createElement("div");
    element.className = `jupyter-widgets widget-box widget-${kind} ${name}`;
    element.append(...children);
    return element;
  };
  const panel = (name) => box("vbox", `codat-panel-${name}`, `Here stands ${name}.`);
  const pick = box("hbox", "codat-row-pick", part(2), part(3), part(4));
  const work = box("hbox", "codat-work", part(5), box("vbox", "codat-run", part(6), part(7)));
  const panels = ["operations", "errors", "code"].map(panel);
  document.body.classList.add("jp-ThemedContainer");
  document.body.append(box("vbox", "codat-console", part(0), part(9), part(1), pick, work, part(8), ...panels));
}"""


def compose(page: Page) -> None:
    """Put the mounted :func:`console_parts` into boxes such as ipywidgets makes, with ipywidgets' own style."""
    page.add_style_tag(content=BOXES)
    page.evaluate(ASSEMBLE)
