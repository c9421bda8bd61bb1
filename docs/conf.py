"""How Sphinx makes the site of what `build.py` has gathered."""

import os
import re
import tomllib
from pathlib import Path

from codat_notebook import __version__ as release

ROOT = Path(os.environ["CODAT_DOCS_ROOT"])
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]

project = "codat_notebook"
author = "The codat_notebook engineers"
version = release
language = "en"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["images", "static"]
html_theme = "furo"
html_title = f"codat_notebook {release}"
html_baseurl = URLS["Documentation"]
html_extra_path = ["extra"]
html_static_path = ["static"]
html_show_copyright = False
pygments_style, pygments_dark_style = "default", "github-dark"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
#: "force" executes the notebooks, which takes some minutes.
nb_execution_mode = os.environ.get("CODAT_DOCS_EXECUTE", "off")
nb_execution_timeout = 300
nb_execution_raise_on_error = True
#: Draws what the widgets showed last; the default is fetched from a CDN.
nb_ipywidgets_js = {"embed.js": {"defer": "defer"}}
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
napoleon_use_rtype = False
python_use_unqualified_type_names = True

_PARAMETER = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*) : (.+)")


def _parameters(app, what, name, obj, options, lines):  # type: ignore[no-untyped-def]  # as Sphinx calls it
    """Docstrings say what a parameter is right after its name, where napoleon expects a type."""
    section = ""
    for at in range(len(lines)):
        section = lines[at] if lines[at] and lines[at + 1 : at + 2] == ["-" * len(lines[at])] else section
        if section in ("Parameters", "Attributes", "Raises") and (match := _PARAMETER.fullmatch(lines[at])):
            lines[at] = f"{match[1]}\n    {match[2]}"
    lines[:] = "\n".join(lines).split("\n")


def setup(app):  # type: ignore[no-untyped-def]  # as Sphinx calls it
    """Have our docstrings read before napoleon does."""
    app.connect("autodoc-process-docstring", _parameters, priority=100)
