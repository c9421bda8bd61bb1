"""Saved notebooks: small, and drawn again from the file alone, when no kernel runs any more."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from .notebooks import Notebook
from .test_console import SETUP, SLOWLY, pick, refresh, tick

TABLE = "from codat_notebook.widgets import FrameTable\nFrameTable(session.companies(), title='Companies')"
#: Bytes: the console of a company with its history, and everything that draws it.
MOST = 200_000


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
