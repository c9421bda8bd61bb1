"""How objects of the lower floors are shown: type name -> the view that draws it, found when it is needed.

A run or a session knows no widget; its ``_repr_mimebundle_`` asks here. Where the widgets cannot be loaded (plain
IPython, a script, a kernel without ipywidgets) the object's ``repr`` is shown, and where HTML is (a saved notebook on a
web site) its ``_repr_html_``, which :func:`static_html` makes of a frame.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from codat_notebook.markup import Child, h, text_of

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

#: Rows of the static form of a frame.
MOST = 20

#: Type -> "module:function", where the function makes the widget that shows an object of that type.
VIEWS = {
    "PortfolioStatus": "codat_notebook.widgets.charts:portfolio_view",
    "RefreshRun": "codat_notebook.widgets.run_overview:live_view",
    "Session": "codat_notebook.widgets.console:console",
}


def mimebundle(shown: Any, *, views: Mapping[str, str] = VIEWS, **options: Any) -> Any:
    """The MIME bundle of an object's view, with its ``repr`` as the text for front ends without widgets.

    ``options`` are those of IPython's ``_repr_mimebundle_`` (``include``, ``exclude``).
    """
    module, _, name = views[type(shown).__name__].partition(":")
    try:
        view = getattr(import_module(module), name)(shown)
    except ModuleNotFoundError as missing:
        if missing.name and missing.name.startswith("codat_notebook"):
            raise
        return {"text/plain": repr(shown)}
    bundle = view._repr_mimebundle_(**options)
    data, *metadata = bundle if isinstance(bundle, tuple) else (bundle or {},)
    data = {**data, "text/plain": repr(shown)}
    return (data, *metadata) if metadata else data


def static_html(
    heading: str, frame: "pd.DataFrame | None" = None, now: "datetime | None" = None, note: str = ""
) -> str:
    """What an object is shown as where no widget can be: its heading, the first rows of a frame, as of when.

    All of it is escaped. Times are UTC. ``note`` goes in front of the last line.

    >>> static_html("<Session>", note="Ask for companies().")
    '<p><b>&lt;Session&gt;</b></p><p>Ask for companies().</p>'
    """
    shown: Child = None
    lines = [note] if note else []
    if frame is not None and len(frame):
        from codat_notebook.columns import html_table

        shown = html_table(frame.head(MOST))
        lines += [f"{MOST} of {len(frame):,} rows."] if len(frame) > MOST else []
    if now is not None:
        lines.append(f"Not live: as of {now:%Y-%m-%d %H:%M} UTC.")
    return str(text_of([h("p", h("b", heading)), shown, h("p", " ".join(lines)) if lines else None]))
