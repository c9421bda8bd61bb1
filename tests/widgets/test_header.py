"""The status line's words."""

import pytest

from codat_notebook.widgets.header import NOT_CONNECTED, Header, quota_text


def test_text_says_where_what_is_left_and_what_is_waited_for():
    """The line without a browser holds what the line with one does."""
    state = NOT_CONNECTED | {
        "mode": "live",
        "address": "api.codat.io",
        "read_only": True,
        "running": 2,
        "quota": {"remaining": 10140, "limit": 13000, "resets_at": "2026-11-24T00:00:00Z"},
        "activity": {"text": "Codat asks us to wait", "until": "2026-11-23T13:59:12Z"},
    }
    assert Header.text(state, "2026-11-23T13:59:00Z") == (
        "Codat · LIVE · READ ONLY · api.codat.io · 2 operations running · "
        "10,140 of 13,000 requests left today, resets in 10 h 1 min · Codat asks us to wait, trying again in 12 s"
    )


def test_unknown_quota_is_said_and_never_zero():
    """Before the first answer nothing is known, which is not the same as nothing left."""
    assert NOT_CONNECTED["quota"] is None
    assert quota_text(None, "") == "requests left today: not known yet"
    assert quota_text({"remaining": 0, "limit": None, "resets_at": None}, "") == "0 requests left today"


@pytest.mark.parametrize(("mode", "badge"), [("sandbox", "SANDBOX"), ("live", "LIVE"), ("none", "NOT CONNECTED")])
def test_each_mode_has_its_badge(mode, badge):
    """Where a click reaches is the first thing said after the name."""
    assert Header.text(NOT_CONNECTED | {"mode": mode}, "").startswith(f"Codat · {badge}")
