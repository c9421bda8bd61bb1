"""The refresh buttons' state and text."""

import pytest

from codat_notebook.widgets.data_types import NO_OFFER, WHAT, RefreshBar

TOFT = {"id": "1", "name": "Toft"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "Pick a company first."),
        ({"company": TOFT, "blocked": "Read-only."}, "Read-only."),
        ({"company": TOFT, "busy": "Queueing…"}, "Queueing…"),
        ({"company": TOFT, "selected": ["bills"], "total": 21}, f"1 selected, or all 21, of Toft. {WHAT}"),
        ({"company": TOFT}, f"0 selected, or all, of Toft. {WHAT}"),
    ],
)
def test_text_says_what_could_be_refreshed_or_why_nothing_can(options, text):
    """The reason stands in place of the offer."""
    assert RefreshBar.text(NO_OFFER | options) == text
