"""Where a request must come from to get a kernel, or to change anything: every combination of what browsers say."""

import pytest
from tornado.httputil import HTTPHeaders

from codat_notebook.cli.page_server import AHEAD_OF_TIME, DOOR, OTHER_HOST, OTHER_SITE, Refusal, full, refusal

HOST = "127.0.0.1:8866"
OWN = f"http://{HOST}"
KERNEL = "/api/kernels/6b1f2c1e-0000-4000-8000-000000000000"
#: What a browser says of its navigations: by the address bar, from our own page, from another port, another site.
PERSON = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"}
PAGE = {**PERSON, "Sec-Fetch-Site": "same-origin", "Referer": f"{OWN}/"}
PORT = {**PERSON, "Sec-Fetch-Site": "same-site", "Referer": "http://127.0.0.1:9999/"}
SITE = {**PERSON, "Sec-Fetch-Site": "cross-site"}


def found(method: str, path: str, headers: dict[str, str], host: str | None = HOST) -> Refusal | None:
    """What the border says, to headers as the server reads them."""
    return refusal(method, path, HTTPHeaders(headers | ({} if host is None else {"Host": host})))


@pytest.mark.parametrize(
    "headers", [PERSON, PAGE, {"Referer": f"{OWN}/"}, {"Referer": OWN.upper().replace("HTTP", "http")}]
)
@pytest.mark.parametrize("path", ["/", "/?x=1"])
def test_a_person_and_our_own_page_get_the_console(headers: dict[str, str], path: str) -> None:
    """Also in a browser that is too old to say more than the page it comes from."""
    assert found("GET", path, headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        PORT, SITE, {}, {"User-Agent": "curl"}, {**PERSON, "Sec-Fetch-Site": "new"}, {**PERSON, "Sec-Fetch-Site": ""},
        {"Referer": "http://evil.example/"}, {"Referer": f"https://{HOST}/"}, {"Referer": f"{OWN}.evil.example/"},
        {"Referer": f"http://{HOST}@evil.example/"}, {"Referer": "http://["}, {"Referer": "null"},
        {**PERSON, "Origin": "null"}, {**PAGE, "Origin": "http://127.0.0.1:9999"},
        *({**PAGE, "Sec-Fetch-Dest": where} for where in ("iframe", "frame", "embed", "object", "image", "empty", "")),
    ],
)  # fmt: skip
def test_everybody_else_gets_the_door(headers: dict[str, str]) -> None:
    """From another site, another port of this machine, in a frame, by a script, or from nowhere that is told."""
    for method in ("GET", "HEAD"):
        for path in ("/", "/tree", "/login", "/voila", "/api"):
            assert found(method, path, headers) == DOOR


@pytest.mark.parametrize(
    "ahead",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
    ],
)
@pytest.mark.parametrize("headers", [PERSON, PAGE, SITE])
def test_nothing_starts_ahead_of_time(headers: dict[str, str], ahead: dict[str, str]) -> None:
    """A browser that guesses what will be opened gets an error, so that it asks again when that is so."""
    assert found("GET", "/", headers | ahead) == AHEAD_OF_TIME


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/", KERNEL, "/api/kernels", "/api/sessions", "/voila/api/shutdown/x", "/voila/render/x"]
)
def test_only_our_own_page_changes_anything(method: str, path: str) -> None:
    """Not another site, not who says nothing, not even a person's reload of a form."""
    for headers in (PAGE, {"Origin": OWN}, {**PAGE, "Origin": OWN}):
        assert found(method, path, headers) is None
    for headers in (
        {}, PERSON, PORT, SITE, {"Origin": "null"}, {"Origin": "http://127.0.0.1:9999"}, {**SITE, "Origin": OWN},
        {**PAGE, "Origin": "http://evil.example"}, {"Referer": "http://evil.example/"},
    ):  # fmt: skip
        assert found(method, path, headers) == OTHER_SITE


def test_only_our_own_page_talks_to_a_kernel() -> None:
    """By the origin, which every browser names when it opens a socket."""
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
    path = f"{KERNEL}/channels"
    assert found("GET", path, {**upgrade, "Origin": OWN}) is None
    for headers in ({}, PAGE, {"Origin": "http://localhost:8866"}, {"Origin": "null"}, {**SITE, "Origin": OWN}):
        assert found("GET", path, upgrade | headers) == OTHER_SITE
        assert found("GET", path, {**headers, "Upgrade": "WebSocket"}) == OTHER_SITE


@pytest.mark.parametrize("path", ["/voila/templates/codat/static/page.js", "/voila/static/voila.js", KERNEL])
def test_files_and_looks_are_not_for_other_sites(path: str) -> None:
    """Those of the page itself, and of who can say nothing, are answered: they start nothing."""
    for headers in (PAGE, PERSON, {}):
        assert found("GET", path, headers) is None
    for headers in (PORT, SITE):
        assert found("GET", path, headers) == OTHER_SITE


@pytest.mark.parametrize(
    "host", [None, "", "evil.example", "127.0.0.1.evil.example", "10.0.0.1", "127.0.0.1:8866,evil"]
)
def test_no_other_hosts_name_is_answered(host: str | None) -> None:
    """Whatever the method and the path, before anything else is looked at."""
    for method in ("GET", "POST"):
        for path in ("/", KERNEL, "/voila/static/voila.js"):
            assert found(method, path, PERSON, host) == OTHER_HOST
            assert (
                found(method, path, {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}, host) == OTHER_HOST
            )


@pytest.mark.parametrize("host", ["localhost:8866", "[::1]:8866", "LocalHost"])
def test_this_machines_other_names_are_answered(host: str) -> None:
    """And each is an origin of its own."""
    assert found("GET", "/", PERSON, host) is None
    assert found("POST", KERNEL, {"Origin": f"http://{host.lower()}"}, host) is None
    assert found("POST", KERNEL, {"Origin": OWN}, host) == OTHER_SITE


def test_a_full_house_is_told_in_words() -> None:
    """How many places there are, and when one is free again; also where there is one place, or one minute."""
    assert full(20, 10).startswith("All 20 places are taken.")
    assert full(1, 1).startswith("The only place is taken.")
    assert full(1, 1).endswith("or after 1 idle minute.")
    assert full(3, 0.5).endswith("or after 0.5 idle minutes.")
