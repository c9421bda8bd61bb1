"""HTML made of elements: texts are escaped, elements are not escaped twice, links lead to the web alone."""

import pytest

from codat_notebook.markup import h, link


def test_text_is_escaped_and_elements_are_nested() -> None:
    """In what an element holds, in its attributes, however deep in lists."""
    name = "<img src=x onerror='a' \"b\">"
    made = h("td", [name, [h("b", name), None]], title=name, data_key=None)
    assert made.count("<img") == 0
    assert made.count("&lt;img src=x onerror=&#x27;a&#x27; &quot;b&quot;&gt;") == 3
    assert made.startswith('<td title="&lt;img')
    assert h("br") == "<br>"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//x", "", "http://[", " javascript:x"])
def test_an_address_that_is_not_of_the_web_is_text(url: str) -> None:
    """Platforms and companies supply addresses; what a click could run is no link."""
    assert link(url, "the <words>") == "the &lt;words&gt;"
    assert link("https://link.codat.io/a?b=1&c", "x").startswith('<a href="https://link.codat.io/a?b=1&amp;c"')
