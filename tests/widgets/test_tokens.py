"""The shared colours: every pair of text and ground that the parts use can be read, in both themes."""

import re
from itertools import product
from pathlib import Path

import pytest

from codat_notebook.widgets import part

CSS = (Path(part.__file__).with_name("static") / "tokens.css").read_text("utf-8")
#: What stands on the two plain grounds, and each tone on its own.
PLAIN = ["text", "dim", "accent", "warn", "bad", "ok", "run", "idle"]
OWN = [(tone, f"{tone}-bg") for tone in ("ok", "run", "warn", "bad", "idle", "accent")]
PAIRS = [*product(PLAIN, ["panel", "sunk"]), *OWN, ("accent-ink", "accent"), ("panel", "bad"), ("dim", "idle-bg")]
#: Parts of controls that carry meaning need 3 : 1 (WCAG 1.4.11).
SHAPES = [*product(["edge", "ok-fill", "warn-fill", "bad", "run"], ["panel"])]


def colours(theme: str) -> dict[str, str]:
    """A theme's tokens that are plain colours."""
    light, dark = (
        dict(re.findall(r"--c-([\w-]+): (#\w{3,6})", block))
        for block in CSS.split("color-scheme")[0].split("[data-jp", 1)
    )
    return light if theme == "light" else light | dark


def luminance(colour: str) -> float:
    """Relative luminance after WCAG 2."""
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(PAIRS, 4.5), (SHAPES, 3.0)], ids=["text", "shapes"])
def test_contrast_is_aa(theme, pairs, least):
    """4.5 to 1 for words, 3 to 1 for shapes."""
    tokens = colours(theme)
    weak = {pair: round(c, 2) for pair in pairs if (c := contrast(tokens[pair[0]], tokens[pair[1]])) < least}
    assert weak == {}
