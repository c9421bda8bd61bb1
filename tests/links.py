"""The links of the project's texts, which are its Markdown files and the notebooks' Markdown cells.

`python tests/links.py` lists those that lead out, for a person with a network; where the others lead is a test's.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
_FENCES = re.compile(r"^(```|~~~).*?^\1$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)(?:\s[^)]*)?\)|<(https?://[^>\s]+)>")


class Link(NamedTuple):
    """Where a link stands, and where it leads."""

    file: Path
    target: str


def texts() -> Iterator[tuple[Path, str]]:
    """Each file and its prose."""
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/benchmarks/*.md")]):
        yield path, path.read_text(encoding="utf-8")
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield path, "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def links() -> list[Link]:
    """All links, those in code excepted."""
    prose = ((path, re.sub(r"`[^`\n]*`", "", _FENCES.sub("", text))) for path, text in texts())
    return [Link(path, match[1] or match[2]) for path, text in prose for match in _LINK.finditer(text)]


def anchors(path: Path) -> set[str]:
    """The headings of a Markdown file as links name them."""
    headings = re.findall(r"^#+ +(.+?) *$", _FENCES.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(link: Link) -> bool:
    """Whether the file that is meant is there, and the heading in it."""
    name, _, anchor = link.target.partition("#")
    path = (link.file.parent / name) if name else link.file
    return path.exists() and (not anchor or anchor in anchors(path))


def leads_out(link: Link) -> bool:
    """Whether it leaves the project."""
    return re.match(r"[a-z]+:", link.target) is not None


if __name__ == "__main__":
    outside = sorted({f"{link.target}  ({link.file.relative_to(ROOT)})" for link in links() if leads_out(link)})
    sys.stdout.write("\n".join(outside) + "\n")
