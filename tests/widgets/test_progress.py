"""An operation's plain values as a row: stage, tone, words, remedy; totals; pages; the text form."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.diagnosis import diagnose
from codat_notebook.models.shared import Connection, PullOperation
from codat_notebook.models.status import FAILURES, STAGES, STATUSES
from codat_notebook.runs.rows import Row
from codat_notebook.widgets import progress
from codat_notebook.widgets.progress import run_row

from .drawn_rows import drawn_row

NOW = "2026-11-23T13:58:29Z"
BEGAN = "2026-11-23T13:57:48"


def row(status, **more):
    """A row of invoices."""
    return drawn_row("1", "invoices", status, **{"platform": "NetSuite", "requested": BEGAN, **more})


@pytest.mark.parametrize("status", STATUSES)
def test_each_published_status_has_its_stage_tone_and_words(status):
    """Running ones run, failures stop at their stage with a remedy, success is all five."""
    made = row(status, completed=None if status in STAGES else NOW)
    if status in STAGES:
        assert (made["stage"], made["tone"], made["kind"]) == (STAGES[status], "run", "running")
    elif status == "Complete":
        assert (made["stage"], made["tone"], made["kind"]) == (5, "ok", "complete")
    else:
        tone = "idle" if status == "NotSupported" else "bad"
        assert (made["stage"], made["tone"], made["kind"]) == (FAILURES[status], tone, "failed")
        connection = Connection(status="Linked", platform_name="NetSuite")
        operation = PullOperation(data_type="invoices", status=status, requested=BEGAN, completed=NOW)
        assert made["note"].endswith(diagnose(operation, connection).action)
    assert made["text"]


def test_unknown_statuses_stay_as_they_are():
    """One ending in Error failed; another runs until it is completed; neither gets a stage it did not tell."""
    assert [
        (r["text"], r["tone"], r["kind"]) for r in (row("Routing"), row("Routing", completed=NOW), row("OddError"))
    ] == [
        ("Routing", "idle", "running"),
        ("Routing", "idle", "other"),
        ("OddError", "bad", "failed"),
    ]
    assert "stage" not in row("Routing")


@pytest.mark.parametrize(
    ("description", "text"),
    [
        ("Paused until 2026-11-23T14:05:00.1234567", "Paused until 2026-11-23T14:05:00Z"),
        ("paused until 2026-11-23T15:05:00+01:00", "Paused until 2026-11-23T14:05:00Z"),
        ("Paused until 23:59:99Z", "Paused until 23:59:99Z"),
        ("Waiting for asynchronous response from third party", "Waiting for a machine"),
        ("something new", "Fetching"),
        (None, "Fetching"),
    ],
)
def test_status_descriptions_in_plain_words(description, text):
    """A pause gives its end, in a form that the browser can put into the reader's zone; the rest is left alone."""
    assert row("Fetching", status_description=description)["text"] == text


def test_a_remedy_quotes_codat_and_offers_the_link_only_where_it_helps():
    """Two kinds of failure, one of which a relink mends."""
    denied = row("PermissionsError", link_url="u", error_message="no role")
    assert denied["note"].startswith("The user who linked NetSuite may not read invoices. Ask the customer to relink")
    assert denied["note"].endswith("Codat says: “\u2068no role\u2069”")
    assert denied["link"] == "u"
    assert "link" not in row("FetchError", link_url="u")


@pytest.mark.parametrize(
    ("state", "kind"),
    [("queueing", "running"), ("refused", "failed"), ("unknown", "running"), ("not queued by Codat", "other")],
)
def test_rows_before_there_is_an_operation(state, kind):
    """Queueing, refused, unknown and never queued are four different things, each in words."""
    made = progress.waiting_row("k", "bills", "NetSuite", state, "why")
    assert (made["kind"], made["note"]) == (kind, "why")
    assert "since" not in made


def test_a_retry_that_waits_says_when_it_is():
    """By the minute, as a time that the browser words; once that has come it is to be queued like others."""
    due = datetime(2026, 11, 23, 18, 39, 1, tzinfo=UTC)
    failed = Row("bills", "c", next_at=due)
    waiting = Row("bills", "c", before=failed)
    texts = [run_row(waiting, None, {}, due + timedelta(minutes=by))["text"] for by in (-100, 0)]
    assert texts == ["Retries at 2026-11-23T18:40:00Z", "To be queued"]
    assert run_row(Row("bills", "c"), None, {}, due)["text"] == "To be queued"


def test_the_text_form_tells_a_day_that_is_not_today():
    """A pause over night ends at a time of tomorrow."""
    state = progress.progress_state([row("Fetching", status_description="Paused until 2026-11-24T08:00:00")])
    assert "Paused until 24 Nov, 08:00 UTC" in progress.Progress.text(state, NOW)


STATES = st.sampled_from([*STATUSES, "Routing", "OddError"])


@given(st.lists(STATES, max_size=60), st.integers(0, 70))
def test_totals_count_every_row_and_a_page_holds_at_most_fifty(statuses, first):
    """Whatever the page, the totals are of all rows, and each row is of one kind."""
    rows = [drawn_row(str(n), "bills", status) for n, status in enumerate(statuses)]
    state = progress.progress_state(rows, first=first)
    counts = state["counts"]
    assert counts["total"] == len(statuses) == sum(counts[kind] for kind in ("complete", "failed", "other", "running"))
    assert 0 <= counts["under_way"] <= counts["running"]
    assert [r["key"] for r in state["rows"]] == [r["key"] for r in rows[first : first + 50]]


def test_neighbours_that_share_a_remedy_say_it_once():
    """A dead connection fails all its types alike: the last of them carries the words and the link."""
    dead = [drawn_row(k, k, "AuthError", platform="Xero", link_url="u") for k in ("bills", "items")]
    other = drawn_row("x", "taxRates", "FetchError", platform="Xero")
    rows = progress.progress_state([*dead, other, dead[0]])["rows"]
    assert ["note" in r for r in rows] == [False, True, True, True]
    assert ["link" in r for r in rows] == [False, True, False, True]


def test_expected_names_two_and_counts_the_rest():
    """A sentence, not a list."""
    waits = [(name, "2026-11-23T14:05:00Z") for name in "abc"]
    until = "paused until 2026-11-23T14:05:00Z"
    assert progress.expected_text(waits) == f"A {until}, B {until}, 1 more"
    assert progress.expected_text([("c", "soon")]) == "C paused until soon"
    assert progress.expected_text([]) == ""


def test_text_form_has_total_rows_remedies_and_what_is_not_shown():
    """What a script or a saved notebook without widgets shows; times in UTC."""
    rows = [
        row("Mapping"),
        row("Fetching", status_description="Paused until 2026-11-23T14:05:00"),
        row("AuthError", link_url="u"),
    ]
    state = progress.progress_state(rows, title="Refresh of Toft", expected="soon")
    state["counts"]["total"] = 60
    lines = progress.Progress.text(state, NOW).splitlines()
    assert lines[:3] == [
        "Refresh of Toft, 1 of 60 done, 1 failed, soon",
        "  Invoices, NetSuite, Mapping, 41 s",
        "  Invoices, NetSuite, Paused until 14:05 UTC, 41 s: The platform's limit is used up, or it is down. Codat "
        "waits and continues by itself. Nothing to do: look again after that time.",
    ]
    assert lines[3].endswith("Relink URL: u")
    assert lines[4] == "  and 57 more operations"
    assert progress.Progress.text(progress.progress_state([], status="idle"), NOW) == "Nothing is being refreshed."
