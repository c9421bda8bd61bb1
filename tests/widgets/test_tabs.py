"""The tabs' names, counts and panels."""

import re
from pathlib import Path

import pytest

from codat_notebook.widgets import part
from codat_notebook.widgets.tabs import LABELS, PORTFOLIO, tabs_state

STATIC = Path(part.__file__).with_name("static")


def test_errors_count_in_red_and_nothing_is_not_counted():
    """Two errors are said; none are not."""
    for errors, counted in ((1200, ["errors"]), (0, [])):
        assert [tab["name"] for tab in tabs_state(errors=errors)["tabs"] if tab["count"]] == counted
    assert [tab["name"] for tab in tabs_state()["tabs"] if tab["tone"] == "bad"] == ["errors", "ready"]


def test_the_app_folds_away_what_is_for_engineers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody starts Jupyter, nothing is folded."""
    assert not any(tab["folded"] for tab in tabs_state()["tabs"])
    monkeypatch.setenv("CODAT_NOTEBOOK_HOST", "the app")
    assert [tab["name"] for tab in tabs_state()["tabs"] if tab["folded"]] == ["requests", "code"]


def test_style_knows_a_panel_for_every_tab():
    """Switching is done by the style sheet alone, so a name missing there would show nothing."""
    names = {*PORTFOLIO, *LABELS}
    css = (STATIC / "console.css").read_text("utf-8")
    assert set(re.findall(r'\[data-tab="(\w+)"\] \.codat-panel-\1\b', css)) == names
