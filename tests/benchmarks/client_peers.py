"""The peers that the client is measured against, as source text that fresh processes run, and the server for all."""

from typing import Final

#: A key as long as Codat's.
KEY: Final = "Basic WnQ5UWtYdjJMckI3bldtRTRjSHNZOGRLcFQzZkpnVTZhUnhOMW9WaQ=="
ID: Final = "8a210b68-6988-11ed-a1eb-0242ac120002"
OURS, HTTPX, BARE = "codat_notebook", "httpx + msgspec", "http.client + msgspec"
SDK_12, SDK_11, ONE_BY_ONE = "codat-lending 12.0.0", "codat-lending 11.0.1", "one page after the other"

#: Answers every path from memory; ?page and ?pageSize cut a history of 100,000 operations.
SERVER = """
import asyncio, json, re, sys
ID = "8a210b68-6988-11ed-a1eb-0242ac120002"
STATUS = ["Complete", "Fetching", "FetchError", "Mapping", "AuthError"]
TOTAL, LATENCY = 100_000, float(sys.argv[1])
TYPES = ["invoices", "bills", "customers", "suppliers", "payments", "company", "journals"]
def row(i):
    at = f"2026-{1 + i % 12:02d}-{1 + i % 28:02d}T{i % 24:02d}:%02d:{i // 60 % 60:02d}.{i:07d}Z"
    return {"id": f"8a210b68-6988-11ed-a1eb-{i:012x}", "companyId": ID, "connectionId": ID[:-1] + str(i % 3),
            "dataType": TYPES[i % 7], "status": STATUS[i % 5], "statusDescription": None,
            "errorMessage": None if i % 5 else "It failed", "requested": at % 1, "completed": at % 2,
            "progress": 100, "isCompleted": True, "isErrored": False}
ROWS = [json.dumps(row(i)).encode() for i in range(TOTAL)]
STATUSES = json.dumps({f"type{i}": {"dataType": f"type{i}", "currentStatus": "Complete",
    "lastSuccessfulSync": "2026-01-01T00:00:00Z"} for i in range(43)}).replace("type0", "invoices").encode()
CACHE = {}
def body(target):
    if target in CACHE: return CACHE[target]
    if "/dataStatus" in target: made = b'{"invoices": {"dataType": "invoices", "currentStatus": "Complete"}}'
    elif "/history?" in target:
        page = int(re.search(r"[?&]page=(\\d+)", target)[1]); size = int(re.search(r"pageSize=(\\d+)", target)[1])
        rows = b",".join(ROWS[(page - 1) * size : page * size])
        links = {"self": {"href": "/"}, "current": {"href": "/"}}
        if page * size < TOTAL: links["next"] = {"href": target.replace(f"page={page}&", f"page={page + 1}&")}
        made = (b'{"results": [' + rows + b'], "pageNumber": %d, "pageSize": %d, "totalResults": %d, "_links": '
                % (page, size, TOTAL) + json.dumps(links).encode() + b"}")
    elif "/data/queue/" in target:
        now = {"status": "Fetching", "requested": "2026-11-23T12:00:00Z", "completed": None}
        made = json.dumps({**row(0), **now}).encode()
    else: made = ROWS[0]
    head = f"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: {len(made)}\\r\\n"
    head += "Date: Mon, 23 Nov 2026 12:00:00 GMT\\r\\nX-Rate-Limit-Remaining: 999\\r\\n\\r\\n"
    CACHE[target] = head.encode() + made
    return CACHE[target]
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            if LATENCY: await asyncio.sleep(LATENCY)
            writer.write(body(head.split(b" ", 2)[1].decode())); await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError): writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
_OURS = """
from codat_notebook import CodatLending
from codat_notebook.models import shared
client = CodatLending(security=shared.Security(auth_header="{key}"), server_url="{url}")
TYPE = "invoices"
"""
_SDK = """
from codat_lending import CodatLending
from codat_lending.models import shared
client = CodatLending(security=shared.Security(auth_header="{key}"), server_url="{url}")
TYPE = shared.SchemaDataType.INVOICES
"""
_STRUCTS = """
import msgspec
class Op(msgspec.Struct, gc=False):
    id: str; companyId: str; connectionId: str; dataType: str; status: str; requested: str; progress: int
    isCompleted: bool; isErrored: bool; statusDescription: str | None = None; errorMessage: str | None = None
    completed: str | None = None
class Status(msgspec.Struct, gc=False):
    dataType: str; currentStatus: str | None = None; lastSuccessfulSync: str | None = None
class Page(msgspec.Struct):
    results: list[Op]; totalResults: int
one, all_, pages = msgspec.json.Decoder(Op), msgspec.json.Decoder(dict[str, Status]), msgspec.json.Decoder(Page)
"""
_READY = {
    OURS: _OURS,
    ONE_BY_ONE: _OURS,
    HTTPX: _STRUCTS
    + """
import httpx
client = httpx.Client(base_url="{url}", headers={"authorization": "{key}"})
def fetch(method, path): return client.request(method, path).content
""",
    BARE: _STRUCTS
    + """
import http.client
client = http.client.HTTPConnection("{host}")
def fetch(method, path):
    client.request(method, path, headers={"authorization": "{key}"})
    return client.getresponse().read()
""",
    SDK_12: _SDK,
    SDK_11: _SDK,
}
#: What each peer does to get ready. {url} and {host} are filled in.
READY: Final = {peer: code.replace("{key}", KEY) for peer, code in _READY.items()}
_METHODS = {
    "refresh": 'client.manage_data.refresh.data_type(request={"company_id": ID, "data_type": TYPE})',
    "get operation": 'client.manage_data.pull_operations.get(request={"company_id": ID, "dataset_id": ID})',
    "get status": 'client.manage_data.get_status(request={"company_id": ID})',
}
_RAW = {
    "refresh": 'one.decode(fetch("POST", f"/companies/{ID}/data/queue/invoices"))',
    "get operation": 'one.decode(fetch("GET", f"/companies/{ID}/data/history/{ID}"))',
    "get status": 'all_.decode(fetch("GET", f"/companies/{ID}/dataStatus"))',
}
ONE_CALL: Final = {OURS: _METHODS, HTTPX: _RAW, BARE: _RAW, SDK_12: _METHODS, SDK_11: _METHODS}

_ITERATE = """
rows = list(client.manage_data.pull_operations.iterate(request={"company_id": ID, "page_size": SIZE}))
"""
_LIST = """
rows, page = [], 1
while True:
    found = client.manage_data.pull_operations.list(request={"company_id": ID, "page": page, "page_size": SIZE})
    rows += found.results; page += 1
    if found.links.next is None: break
"""
_PAGES = """
rows, page = [], 1
while True:
    found = pages.decode(fetch("GET", f"/companies/{ID}/data/history?page={page}&pageSize={SIZE}"))
    rows += found.results; page += 1
    if len(rows) >= found.totalResults: break
"""
ROWS: Final = {OURS: _ITERATE, ONE_BY_ONE: _LIST, HTTPX: _PAGES, BARE: _PAGES, SDK_12: _LIST, SDK_11: _LIST}

#: The columns and types of our frame, written by hand as one would for one script.
_TYPED = """
def column(name, dtype): return pandas.Series([getattr(row, name) for row in rows], dtype=dtype)
def time_of(name):
    texts = column(name, "object")
    return pandas.to_datetime(texts, utc=True, format="ISO8601", errors="coerce").astype("datetime64[us, UTC]")
frame = pandas.DataFrame({
    "data_type": column("dataType", "category"), "status": column("status", "category"),
    "requested": time_of("requested"), "completed": time_of("completed"), "progress": column("progress", "Int64"),
    "message": pandas.Series([row.errorMessage or row.statusDescription for row in rows], dtype="string"),
    "is_completed": column("isCompleted", "boolean"), "is_errored": column("isErrored", "boolean"),
    "id": column("id", "string"), "connection_id": column("connectionId", "category"),
    "company_id": column("companyId", "category"),
})
frame["duration"] = frame["completed"] - frame["requested"]
"""
#: The same from an SDK's objects, as its users do: to dicts, to a frame, to types; a whole column at a time.
_DUMPED = """
frame = pandas.DataFrame([row.model_dump() for row in rows])
snake = {"companyId": "company_id", "connectionId": "connection_id", "dataType": "data_type",
         "isCompleted": "is_completed", "isErrored": "is_errored", "errorMessage": "error_message",
         "statusDescription": "status_description"}
frame = frame.rename(columns=snake)
for name in ("requested", "completed"):
    frame[name] = pandas.to_datetime(frame[name], format="ISO8601", utc=True, errors="coerce").dt.as_unit("us")
frame["status"] = [status.value for status in frame["status"]]
frame["message"] = frame["error_message"].fillna(frame["status_description"])
frame = frame.drop(columns=["error_message", "status_description"]).astype({
    "data_type": "category", "status": "category", "connection_id": "category", "company_id": "category",
    "progress": "Int64", "message": "string", "is_completed": "boolean", "is_errored": "boolean", "id": "string",
})
frame["duration"] = frame["completed"] - frame["requested"]
"""
#: What every peer's frame must be.
CHECK: Final = """
types = {name: str(dtype) for name, dtype in frame.dtypes.items() if name != "platform"}
assert types == {
    "data_type": "category", "status": "category", "requested": "datetime64[us, UTC]",
    "completed": "datetime64[us, UTC]", "duration": "timedelta64[us]", "progress": "Int64", "message": "string",
    "is_completed": "boolean", "is_errored": "boolean", "id": "string", "connection_id": "category",
    "company_id": "category",
}, types
assert len(frame) == 100_000 and frame["id"].nunique() == 100_000 and frame["connection_id"].nunique() == 3
assert set(frame["status"]) == {"Complete", "Fetching", "FetchError", "Mapping", "AuthError"}
assert frame["message"].value_counts().to_dict() == {"It failed": 20_000}
assert set(frame["duration"]) == {pandas.Timedelta(minutes=1)}
assert frame["requested"].iloc[-1] == pandas.Timestamp("2026-04-12T15:01:46.009999Z"), frame["requested"].iloc[-1]
"""
FRAME: Final = {
    OURS: "from codat_notebook import frames\nframe = frames.pull_operations(rows)\n",
    HTTPX: _TYPED,
    BARE: _TYPED,
    SDK_12: _DUMPED,
    SDK_11: _DUMPED,
}
