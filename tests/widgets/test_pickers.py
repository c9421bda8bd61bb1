"""Ids in pasted texts, search results, and connections in words."""

import uuid
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.models.shared import Connection
from codat_notebook.models.vocabulary import DataConnectionStatus, SourceType
from codat_notebook.widgets import pickers

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


def connection(id: str, platform: str, status: str = "Linked", **fields: Any) -> Connection:
    """A connection of a company."""
    return Connection(id=id, platform_name=platform, status=DataConnectionStatus(status), **fields)


@given(st.uuids(), st.sampled_from(["{}", " {} ", "https://app.codat.io/companies/{}/summary", "id={}&x=1"]))
def test_an_id_is_found_wherever_it_was_pasted(id_, around):
    """Alone, with blanks, inside a link; in any case of letters: it is no problem."""
    assert pickers.id_problem(around.format(str(id_).upper())) is None


@given(st.text(max_size=60))
def test_any_text_is_an_id_a_problem_or_a_name(text):
    """Never an exception."""
    assert (pickers.id_problem(text) or "Not a company id: ").startswith("Not a company id: ")


def test_a_damaged_id_is_told_what_is_wrong_with_it():
    """One character short, dashes elsewhere; names and short texts are left alone."""
    whole = str(uuid.UUID(int=2**127 + 5))
    assert pickers.id_problem(whole[:-1]) == "Not a company id: 35 characters, an id has 36."
    moved = whole.replace("-", "", 1)[:20] + "-" + whole.replace("-", "", 1)[20:]
    assert "dashes" in (pickers.id_problem(moved) or "")
    assert [pickers.id_problem(name) for name in ("Toft Stores", "Cafe", "deadbeef", "")] == [None] * 4


def test_results_are_capped_and_the_rest_is_counted():
    """Fifty are sent; of an exact fit nothing is left over."""
    found: list[Any] = [{"id": str(n), "name": f"n{n}"} for n in range(60)]
    state = pickers.search_results("n", found, total=1254)
    assert (len(state["results"]), state["more"]) == (50, 1204)
    assert state["results"][0] == {"id": "0", "name": "n0"}
    assert pickers.search_results("n", found[:3])["more"] == 0


def test_cards_say_the_state_in_words():
    """Family, state and age; the relink URL only where a relink helps; unknown states as they are."""
    rows = [
        connection("a", "Xero", source_type=SourceType.ACCOUNTING, last_sync="2026-11-23"),
        connection(
            "b", "Shopify", "Deauthorized", source_type=SourceType.COMMERCE, link_url="u", last_sync="2026-11-01"
        ),
        connection("c", "", "PendingAuth", source_type=SourceType.BANKING, link_url="v"),
        connection("d", "Sage", "Rerouted", link_url="w"),
        connection("e", "Tide", ""),
    ]
    cards = pickers.connection_cards(rows)
    assert [[card[name] for name in ("platform", "words", "synced", "tone", "link_url")] for card in cards] == [
        ["Shopify", "commerce, deauthorized", None, "bad", "u"],
        ["Xero", "accounting, linked", "2026-11-23T00:00:00Z", "ok", None],
        ["Unknown platform", "banking, waiting for the customer to link", None, "warn", "v"],
        ["Sage", "rerouted", None, "idle", None],
        ["Tide", "state unknown", None, "idle", None],
    ]


def test_two_banks_of_one_platform_can_be_told_apart():
    """Same name, so the ids stand beside them."""
    rows = [connection(f"{n}0000000-1", "Plaid") for n in (1, 2)]
    assert [card["platform"] for card in pickers.connection_cards(rows)] == ["Plaid 10000000…", "Plaid 20000000…"]


def test_texts_without_a_browser():
    """What is picked, and how its connections are."""
    cards = pickers.connection_cards([connection("a", "Xero"), connection("b", "Yodlee", last_sync="2026-11-23")])
    company = {"company": {"id": "1", "name": "Toft"}, "error": "Unknown."}
    assert pickers.CompanyPicker.text(company, "") == "Company: Toft (1). Unknown."
    assert pickers.CompanyPicker.text({}, "") == "Company: none picked"
    for now, age in (("2026-11-23T14:00:00Z", "14 h"), ("2026-11-27T14:00:00Z", "4 d")):
        text = pickers.ConnectionCards.text({"status": "ready", "connections": cards}, now)
        assert text == f"Xero: linked\nYodlee: linked, synced {age} ago"
