"""Cards of the notice: their fields, the text for support, how many."""

from datetime import UTC, datetime

from codat_notebook.runs.records import ErrorRecord
from codat_notebook.widgets.notice import Notice, NoticeCard, notice_state, record_item

THEN = datetime(2026, 11, 23, 13, 41, 0, 500_000, UTC)


def failed(number: int) -> NoticeCard:
    """The card of a failure."""
    why = "Wait until 2026-11-23T14:05:00Z."
    return record_item(ErrorRecord(time=THEN, what=f"failed {number}", why=why, action=""))


def test_support_text_holds_all_that_support_asks_for():
    """What, to what, when, why, what to do and the correlation id, each on its line, and no empty line."""
    item = record_item(
        ErrorRecord(
            time=THEN,
            what="Refresh all was not accepted",
            why="Codat asked to wait.",
            action="Try again later.",
            status="429",
            correlation_id="7eb4",
        )
    )
    assert item["support"].splitlines() == [
        "Refresh all was not accepted",
        "When: 2026-11-23T13:41:00.500000+00:00",
        "429",
        "Codat asked to wait.",
        "Try again later.",
        "Correlation id: 7eb4",
    ]
    assert item["when"] == "2026-11-23T13:41:00Z"


def test_three_cards_are_sent_and_the_others_counted():
    """A storm of errors does not push the console off the screen."""
    state = notice_state([failed(n) for n in range(5)], seq=4)
    assert [item["what"] for item in state["items"]] == ["failed 0", "failed 1", "failed 2"]
    assert (state["more"], state["seq"]) == (2, 4)


def test_text_form_separates_cards_and_puts_times_in_utc():
    """One paragraph a card, and how many more there are."""
    text = Notice.text(notice_state([failed(n) for n in range(4)]), "")
    assert text.split("\n\n")[0] == "failed 0\nWhen: 2026-11-23T13:41:00.500000+00:00\nWait until 14:05 UTC."
    assert text.endswith("and 1 more")
    assert Notice.text(notice_state([]), "") == ""
