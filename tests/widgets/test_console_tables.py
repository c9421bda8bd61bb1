"""The console's tables: what they filter by, and the details that a click on a row opens; against a sandbox."""

import json

from codat_notebook.runs.records import KEPT

from .test_console import ConsoleBench, bench, sandbox

__all__ = ["bench", "sandbox"]  # the fixtures


def facets(state):
    """The facets of a table's state by column."""
    return {facet["key"]: facet for facet in state["facets"]}


def test_the_operations_are_filtered_by_status_type_connection_and_date(bench: ConsoleBench) -> None:
    """Connections are offered by their platform; what is taken away is what is shown."""
    bench.pick("Toft")
    table = bench.parts["codat-operations"]
    state = bench.until("codat-operations", lambda s: s["total"] > 100)
    found = facets(state)
    assert list(found) == ["data_type", "status", "connection_id", "requested"]
    names = {label for _, label, _, _ in found["connection_id"]["options"]}
    assert {"Oracle NetSuite", "Shopify"} <= names
    shopify = next(value for value, label, _, _ in found["connection_id"]["options"] if label == "Shopify")
    bench.send("codat-operations", type="facet", column="connection_id", values=[shopify], seq=1)
    bench.send("codat-operations", type="facet", column="status", values=["Complete"], seq=2)
    state = bench.until("codat-operations", lambda s: s["seq"] == 2)
    frame = table.frame
    expected = frame[(frame["platform"] == "Shopify") & (frame["status"] == "Complete")]
    assert state["matching"] == len(expected) > 0
    assert set(table.visible["id"]) == set(expected["id"])
    bench.send("codat-operations", type="facet", column="requested", values=["-3600", ""], seq=3)
    state = bench.until("codat-operations", lambda s: s["seq"] == 3)
    assert state["matching"] <= len(expected)  # the last hour is that of the sandbox's clock, which runs
    bench.send("codat-operations", type="clear", seq=4)
    assert bench.until("codat-operations", lambda s: s["seq"] == 4)["matching"] == len(frame)


def test_an_operation_opens_with_its_checks_and_closes_with_its_company(bench: ConsoleBench) -> None:
    """All of Codat's fields, and no row of the company before."""
    id = bench.pick("Toft")
    state = bench.until("codat-operations", lambda s: s["rows"])
    complete = ["Complete", "ok", "Complete"]
    key = next(key for key, row in zip(state["keys"], state["rows"], strict=True) if complete in row)
    bench.send("codat-operations", type="select", key=key, seq=1)
    shown = bench.until("codat-operations-details", lambda s: s["key"] and s["checks"]["status"] == "ready")
    request = {"company_id": id, "dataset_id": key}
    operation = bench.session.client.manage_data.pull_operations.get(request=request)
    sent = json.loads(shown["json"])
    assert (sent["id"], sent["dataType"], sent["companyId"]) == (operation.id, operation.data_type, id)
    bench.pick("Technicalium Group")
    bench.until("codat-operations-details", lambda s: s["key"] is None)


def test_an_error_opens_to_its_card_with_the_relink_url(bench: ConsoleBench) -> None:
    """The same card as the notice's, made of the row; it says that Codat had nothing to check."""
    id = bench.pick("Toft")
    bench.send("codat-bar", type="refresh", company=id, data_types=["creditNotes"], seq=1)
    key = bench.until("codat-errors", lambda s: s["rows"])["keys"][0]
    bench.send("codat-errors", type="select", key=key, seq=2)
    shown = bench.until("codat-errors-details", lambda s: s["key"] and s["checks"]["status"] == "never")
    error = bench.session.errors.iloc[0]
    assert (shown["card"]["what"], shown["card"]["link"]) == (error["what"], error["link_url"])
    assert shown["card"]["link"]
    bench.send("codat-errors-details", type="close", seq=3)
    bench.until("codat-errors", lambda s: s["selected"] is None)


def test_a_request_opens_to_all_that_is_known_of_it(bench: ConsoleBench) -> None:
    """Time, call, path, status, milliseconds, attempt."""
    bench.pick("Toft")
    bench.send("codat-tabs", type="tab", name="requests")
    key = bench.until("codat-requests", lambda s: s["rows"])["keys"][0]
    bench.send("codat-requests", type="select", key=key, seq=1)
    shown = bench.until("codat-requests-details", lambda s: s["key"])
    assert {"time", "call", "method", "path", "status", "ms", "attempt"} <= {field["name"] for field in shown["fields"]}


def test_a_selected_request_stays_the_same_one_when_the_oldest_are_forgotten(bench: ConsoleBench) -> None:
    """Labels are the records' numbers, so that a full log moves no selection."""
    bench.pick("Toft")
    bench.send("codat-tabs", type="tab", name="requests")
    bench.until("codat-requests", lambda s: s["rows"])
    log, table = bench.session.request_log, bench.parts["codat-requests"]
    oldest = next(iter(log))
    for _ in range(KEPT - len(log) + 3):
        log.append(oldest)
    bench.search("tech")
    bench.until("codat-requests", lambda s: s["total"] == KEPT)
    assert table.frame.index[-1] + 1 == log.appended > KEPT


PARENT = "This company is a parent: its subsidiaries have the connections."


def test_where_operations_would_be_it_says_why_there_are_none(bench: ConsoleBench) -> None:
    """Before a company is picked, while it is read, and where nothing was ever pulled: a parent has its reason."""
    said: list[str] = []
    table = bench.parts["codat-operations"]
    table.observe(lambda change: said.append(change["new"]["empty"]), "state")
    assert table.state["empty"] == "Pick a company to see its pull operations."
    bench.pick("Technicalium Group")
    bench.until("codat-operations", lambda s: s["empty"] == PARENT)
    assert "Reading its pull operations…" in said
    assert bench.parts["codat-connections"].state["empty"] == PARENT == bench.parts["codat-data-types"].state["empty"]
    assert bench.parts["codat-bar"].state["blocked"] == PARENT
    company = bench.until("codat-company", lambda s: ["subsidiaries", "1"] in s["tags"])
    assert company["recent"][0]["note"] == "subsidiary"
    bench.send("codat-company", type="pick", id=company["recent"][0]["id"])
    state = bench.until("codat-company", lambda s: ["parent", "Technicalium Group"] in s["tags"])
    assert state["company"]["name"] == company["recent"][0]["name"]
    assert (state["recent"][0]["name"], state["recent"][0]["note"]) == ("Technicalium Group", "parent")


def test_times_of_requests_have_one_decimal(bench: ConsoleBench) -> None:
    """So that they can be compared at a glance; the frame has them as they were measured."""
    bench.pick("Toft")
    bench.send("codat-tabs", type="tab", name="requests")
    state = bench.until("codat-requests", lambda s: s["rows"])
    ms = [column["key"] for column in state["columns"]].index("ms")
    assert all(row[ms].rpartition(".")[2].isdecimal() and row[ms][-2] == "." for row in state["rows"])
