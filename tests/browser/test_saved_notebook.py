"""Saved notebooks: small, and drawn again from the file alone, when no kernel runs any more."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd
from ipywidgets.embed import dependency_state, embed_data
from playwright.sync_api import Page, expect

from codat_notebook.runs.engine import engine
from codat_notebook.widgets import FrameTable
from codat_notebook.widgets.part import source

from .notebooks import Notebook
from .test_console import SETUP, SLOWLY, pick, refresh, tick

TABLE = "from codat_notebook.widgets import FrameTable\nFrameTable(session.companies(), title='Companies')"
#: Bytes: the console of a company with its history, and everything that draws it.
MOST = 225_000


def test_a_saved_console_is_small_and_drawn_again_without_its_kernel(open_notebook: Callable[..., Notebook]) -> None:
    """The file with a used console and a table stays small; opened anew it is readable, and says as of when."""
    notebook = open_notebook(SETUP, "cn.console(session)", TABLE)
    console, table = notebook.locator(".codat-console"), notebook.output(2).locator(".codat-table")
    expect(table.locator("tbody tr").first).to_be_visible(timeout=SLOWLY)
    pick(console, "Toft")
    tick(console, "Customers")
    refresh(console)
    expect(console.locator(".codat-progress")).to_contain_text("1 of 1 done", timeout=SLOWLY)
    expect(notebook.locator(".c-stale")).to_have_count(0)
    states: list[dict[str, Any]] = [model["state"] for model in notebook.saved_widgets().values()]
    names = [state["name"] for state in states if "packed" in state]
    assert sorted(names) == ["first", "others"]
    assert notebook.path.stat().st_size < MOST, size_by_kind(notebook)

    notebook.forget_kernel()
    notebook.open()
    expect(table.locator("tbody tr").first).to_be_visible(timeout=SLOWLY)
    expect(table).to_contain_text("Toft Stores UK")
    expect(table.locator(".c-stale")).to_contain_text("Not live: this is what was shown last, as of 20")
    expect(console.locator(".codat-status .c-stale")).to_be_visible()
    expect(console.locator(".codat-table .c-stale").first).to_be_hidden()
    expect(console.locator(".codat-progress")).to_contain_text("1 of 1 done")
    expect(console.locator(".codat-operations tbody tr").first).to_contain_text("Customers")
    signs = "all => all.filter((e) => getComputedStyle(e, '::before').display !== 'none').length"
    assert notebook.locator(".codat-console, .codat-part, .codat-console .widget-box").evaluate_all(signs) == 0
    notebook.page.set_viewport_size({"width": 1560, "height": 1500})
    for theme in ("dark", "light"):
        notebook.theme(theme)
        notebook.shot(f"console-not-live-{theme}", console)


def size_by_kind(notebook: Notebook) -> dict[str, int]:
    """Bytes of the widgets' states by the kind of widget, largest first; to tell what grew."""
    sizes: dict[str, int] = {}
    for model in notebook.saved_widgets().values():
        state = model["state"]
        kind = "sources" if "packed" in state else state.get("_anywidget_id", model["model_name"])
        sizes[kind] = sizes.get(kind, 0) + len(str(model))
    return dict(sorted(sizes.items(), key=lambda each: -each[1]))


def test_the_site_draws_saved_widgets_by_itself(page: Page, tmp_path: Path) -> None:
    """What the documentation shows of an executed notebook: boxes and parts, with neither a kernel nor a network."""
    table = FrameTable(pd.DataFrame({"name": ["Toft Stores UK"]}))
    engine().settle()
    box = ipywidgets.VBox([ipywidgets.Label("Above"), table])
    shown = embed_data(box, drop_defaults=False, state=dependency_state(box, drop_defaults=False))
    scripts = [("state", shown["manager_state"]), *(("view", view) for view in shown["view_specs"])]
    lines = [
        f"<script type='application/vnd.jupyter.widget-{kind}+json'>{json.dumps(data)}</script>"
        for kind, data in scripts
    ]
    embed = (Path(__file__).parents[2] / "docs" / "static" / "embed.js").read_text("utf-8")
    saved = tmp_path / "saved.html"
    saved.write_text(
        "\n".join(["<!doctype html><body>", *lines, f"<script type='module'>{embed}</script>"]), encoding="utf-8"
    )
    page.goto(saved.as_uri())
    drawn = page.locator(".widget-drawn")
    expect(drawn.locator(".codat-table tbody tr")).to_have_text("Toft Stores UK")
    expect(drawn).to_contain_text("Above")
    expect(drawn.locator(".c-stale")).to_contain_text("Not live")


def test_the_console_has_a_width_where_one_is_asked_for(page: Page) -> None:
    """In a shadow root that is as wide as what is in it (Panel) it does not shrink to its border."""
    page.set_content("<div id='host' style='display: inline-block'></div>")
    width = page.evaluate(
        """css => {
          const root = document.getElementById("host").attachShadow({ mode: "open" });
          root.innerHTML = `<style>${css}</style><div class="codat-console"></div>`;
          return root.lastChild.offsetWidth;
        }""",
        source("console.css"),
    )
    assert width > 900
