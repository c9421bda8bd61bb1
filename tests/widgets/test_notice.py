"""Cards of the notice: their fields, the text for support, how many."""

from codat_notebook.widgets.notice import Notice, notice_item, notice_state


def test_support_text_holds_all_that_support_asks_for():
    """What, to what, when, why, what to do and the correlation id, each on its line, and no empty line."""
    item = notice_item(
        "1",
        "Refresh all was not accepted",
        when="2026-11-23T13:41:00.5",
        status="429",
        why="Codat asked to wait.",
        to_do="Try again later.",
        correlation_id="7eb4",
    )
    assert item["support"].splitlines() == [
        "Refresh all was not accepted",
        "When: 2026-11-23T13:41:00.5",
        "429",
        "Codat asked to wait.",
        "Try again later.",
        "Correlation id: 7eb4",
    ]
    assert item["when"] == "2026-11-23T13:41:00Z"


def test_three_cards_are_sent_and_the_others_counted():
    """A storm of errors does not push the console off the screen."""
    state = notice_state([notice_item(str(n), "failed") for n in range(5)], seq=4)
    assert ([item["key"] for item in state["items"]], state["more"], state["seq"]) == (["0", "1", "2"], 2, 4)


def test_text_form_separates_cards_and_puts_times_in_utc():
    """One paragraph a card, and how many more there are."""
    items = [notice_item(str(n), f"failed {n}", why="Wait until 2026-11-23T14:05:00Z.") for n in range(4)]
    text = Notice.text(notice_state(items))
    assert text.split("\n\n")[0] == "failed 0\nWait until 14:05 UTC."
    assert text.endswith("and 1 more")
    assert Notice.text(notice_state([])) == ""
