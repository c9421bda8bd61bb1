"""Refresh and diagnose company data in Codat from a notebook.

The public names are loaded when they are first used, so that ``import codat_notebook`` costs next to nothing:
no pandas, no HTTP, no widgets. ``connect()`` gives a :class:`Session`; ``connect(sandbox=True)`` gives one on
an embedded Codat that needs neither key nor network; ``console(session)`` is the form to click on. In IPython,
``%load_ext codat_notebook`` adds the magic ``%codat``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: Public name -> the module that holds it.
_HOMES = {
    "CodatLending": "client",
    "RefreshRun": "runs",
    "Sandbox": "sandbox",
    "Session": "session",
    "compare": "strategies",
    "connect": "session",
    "console": "widgets.console",
    "doctor": "checkup",
    "load_ipython_extension": "magics",
    "preload": "session",
    "run_strategy": "live",
    "save": "tables.exports",
    "simulate": "strategies",
    "strategies": "strategies",
}

__all__ = [
    "CodatLending", "RefreshRun", "Sandbox", "Session", "__version__", "compare", "connect", "console",
    "doctor", "load_ipython_extension", "preload", "run_strategy", "save", "simulate", "strategies",
]  # fmt: skip

if TYPE_CHECKING:
    from codat_notebook import strategies
    from codat_notebook.checkup import doctor
    from codat_notebook.client import CodatLending
    from codat_notebook.live import run_strategy
    from codat_notebook.magics import load_ipython_extension
    from codat_notebook.runs import RefreshRun
    from codat_notebook.sandbox import Sandbox
    from codat_notebook.session import Session, connect, preload
    from codat_notebook.strategies import compare, simulate
    from codat_notebook.tables.exports import save
    from codat_notebook.widgets.console import console


if not TYPE_CHECKING:  # a type checker is to find a name that is not there

    def __getattr__(name: str) -> Any:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"{__name__}.{home}")
        value = module if name == home else getattr(module, name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
