"""How objects of the lower floors are shown: type name -> the view that draws it, found when it is needed.

A run or a session knows no widget; its ``_repr_mimebundle_`` asks here. Where the widgets cannot be loaded (plain
IPython, a script, a kernel without ipywidgets) the object's ``repr`` is shown.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

#: Type -> "module:function", where the function makes the widget that shows an object of that type.
VIEWS = {
    "PortfolioStatus": "codat_notebook.widgets.portfolio_view:portfolio_view",
    "RefreshRun": "codat_notebook.widgets.run_view:run_view",
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
