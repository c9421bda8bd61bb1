"""Whatever is asked, the answer is documented: no other status, no schema violation, no 500."""

from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from codat_notebook.models.vocabulary import DATA_TYPES

from . import contract
from .asking import Api
from .published import check_answer

WORLD = Api()
COMPANY = WORLD.toft
CONNECTION = WORLD.world.connections(COMPANY)["results"][0]["id"]
DATASET = WORLD.world.history(COMPANY)["results"][0]["id"]

JUNK = st.text(max_size=12).map(lambda text: quote(text, safe=""))
IDS = st.sampled_from([COMPANY, COMPANY.upper(), CONNECTION, DATASET]) | st.uuids().map(str) | JUNK
TYPES = st.sampled_from(DATA_TYPES) | JUNK
PARTS = st.sampled_from(["connections", "dataStatus", "data/all", "data/history", "syncSettings"])
ORDERS = JUNK | st.sampled_from(
    ["name", "-name", "requested", "-completed", "status", "-", "nothing", "key", "dataConnections.created"]
)
PATHS = st.one_of(
    st.builds("/companies/{}".format, IDS),
    st.builds("/companies/{}/connections/{}".format, IDS, IDS),
    st.builds("/companies/{}/data/history/{}".format, IDS, IDS),
    st.builds("/companies/{}/data/queue/{}".format, IDS, TYPES),
    st.builds("/companies/{}/sync/{}/validation".format, IDS, IDS),
    st.builds("/companies/{}/{}".format, IDS, PARTS),
    st.builds("/integrations/{}".format, st.just("gbol") | JUNK),
    st.sampled_from(["/companies", "/integrations", "/profile/syncSettings", f"/companies/{COMPANY}/data/history"]),
    st.lists(JUNK, max_size=4).map(lambda parts: "/" + "/".join(parts)),
)
WORDS = st.sampled_from(
    ["name", "status", "requested", "progress", "tags.region", "isErrored", "lastSync", "id", "dataConnections.status",
     "dataConnections.created", "=", "!=", "~", ">", "<=", "&&", "||", "{", "}", "Complete", "2026-11-01", "7", "true",
     " "]
)  # fmt: skip
QUERIES = st.lists(WORDS, max_size=8).map("".join) | st.text(max_size=20)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "page": st.integers(-1, 3).map(str) | JUNK,
        "pageSize": st.sampled_from(["1", "100", "5000", "5001", "0", "x"]),
        "query": QUERIES,
        "tags": QUERIES,
        "orderBy": ORDERS,
        "connectionId": IDS,
    },
)
METHODS = st.sampled_from(["GET", "GET", "GET", "POST", "POST", "PUT", "DELETE"])


@settings(max_examples=400, deadline=None)
@given(METHODS, PATHS, PARAMETERS, st.binary(max_size=5))
def test_no_request_gets_an_undocumented_answer(method: str, path: str, asked: dict[str, str], body: bytes) -> None:
    """Any method, path, parameters and body: a status documented for that very call, a body as published."""
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in asked.items())
    answer = WORLD.ask(f"{method} {path}?{query}", body)
    check_answer(method, path, answer)


REAL = st.sampled_from([COMPANY, COMPANY.upper(), *WORLD.world.company_store.ids])
VALID = st.one_of(
    st.builds("GET /companies/{}/{}".format, REAL, PARTS.filter(lambda part: part != "data/all")),
    st.builds("GET /companies/{}".format, REAL),
    st.sampled_from(
        [f"GET /companies/{COMPANY}/data/history/{DATASET}", f"GET /companies/{COMPANY}/sync/{DATASET}/validation",
         f"GET /companies/{COMPANY}/connections/{CONNECTION}", "GET /companies", "GET /integrations",
         "GET /integrations/gbol", "GET /profile/syncSettings"]
    ),
)  # fmt: skip
PAGES = st.fixed_dictionaries({}, optional={"page": st.integers(1, 2**31 - 1), "pageSize": st.integers(1, 5000)})


@settings(deadline=None)
@given(VALID, PAGES, st.integers(0, 10**5))
def test_what_is_valid_is_answered(line: str, asked: dict[str, int], seconds: int) -> None:
    """Existing ids and pages within the published limits: success, with the published document, at any time."""
    method, path = line.split()
    WORLD.clock.advance(seconds)
    answer = WORLD.ask(f"{line}?" + "&".join(f"{name}={value}" for name, value in asked.items()))
    assert answer.status == 200
    check_answer(method, path, answer)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_header_breaks_it(authorization: str, key: str) -> None:
    """Any authorization but the right one is 401; any idempotency key is one."""
    contract.check_error(WORLD.ask("GET /companies", authorization=authorization), 401)
    assert WORLD.ask("POST /companies/x/data/all", idempotency_key=key).status in (400, 422)
