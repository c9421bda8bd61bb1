"""HTML made of elements, not of texts: what is put in is escaped, so no company's name can become markup.

:func:`h` makes an element; a plain ``str`` inside it is text, and what :func:`h` made is an element. That is all that
pages without scripts need: reports, and what stands in for a widget where none can be shown.
"""

import html
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit


class Markup(str):
    """HTML that was made by :func:`h`, or text of our own that goes into a page as it is: a style sheet.

    What leaves the package is a plain ``str``: marimo shows no other.
    """

    __slots__ = ()


#: Text, an element, several of them, or nothing.
Child = str | None | Iterable["Child"]

_VOID = frozenset({"meta", "br", "hr", "col"})


def h(tag: str, *children: Child, **attributes: str | None) -> Markup:
    """An element. In an attribute's name ``_`` stands for ``-``, one at the end for nothing; ``None`` leaves it out.

    >>> h("b", "Toft & <Co>", class_="name")
    '<b class="name">Toft &amp; &lt;Co&gt;</b>'
    """
    words = [
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    ]
    start = f"<{tag}{''.join(words)}>"
    return Markup(start if tag in _VOID else f"{start}{text_of(children)}</{tag}>")


def text_of(child: Child) -> Markup:
    """The HTML of what an element holds."""
    if child is None or isinstance(child, Markup):
        return child or Markup()
    if isinstance(child, str):
        return Markup(html.escape(child))
    return Markup("".join(map(text_of, child)))


def table(
    heads: Iterable[str], rows: Iterable[Iterable[Child]], *, named: bool = False,
    kinds: Sequence[str | None] | None = None, class_: str | None = None,
) -> Markup:  # fmt: skip
    """A table; ``named``: each cell tells the name of its column, for narrow pages, which show a row as a list.
    ``kinds``: a class for each column's cells.

    >>> table(["id"], [["a"]])
    '<table><thead><tr><th scope="col">id</th></tr></thead><tbody><tr><td>a</td></tr></tbody></table>'
    """
    names = list(heads)
    columns = list(zip(names, kinds or [None] * len(names), strict=True))
    lines = [
        [
            h("td", cell, data_name=name if named else None, class_=kind)
            for (name, kind), cell in zip(columns, row, strict=True)
        ]
        for row in rows
    ]
    head = h("thead", h("tr", [h("th", name, scope="col", class_=kind) for name, kind in columns]))
    return h("table", head, h("tbody", [h("tr", cells) for cells in lines]), class_=class_)


def link(url: str, *children: Child) -> Markup:
    """A link where the address is one of the web; else what it would have shown, as text.

    >>> link("javascript:alert(1)", "relink")
    'relink'
    """
    try:
        fine = urlsplit(url).scheme in ("https", "http")
    except ValueError:
        fine = False
    return h("a", *children, href=url, rel="noopener noreferrer") if fine else text_of(children)
