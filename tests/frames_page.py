"""The page docs/frames.md, made of the schemas that the frames are built from: python tests/frames_page.py."""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from codat_notebook import columns, frames

PAGE = Path(__file__).parents[1] / "docs" / "frames.md"
#: Schema -> what gives such a frame.
GIVEN_BY = {
    "COMPANIES": "session.companies()",
    "CONNECTIONS": "session.connections(company_id)",
    "DATA_STATUS": "session.status(company_id)",
    "PULL_OPERATIONS": "session.history(company_id), and run.operations after its own origin and attempt",
    "ERRORS": "session.errors, and run.errors after its own attempt",
    "REQUESTS": "session.requests",
    "SETTINGS": "session.settings(company_id)",
    "AUDIT": "session.settings_audit(company_id)",
    "PLAN": "session.plan()",
    "ESTIMATE": "session.estimate()",
    "GOALS": "session.portfolio_status().goals",
    "SKEW": "session.portfolio_status().skew",
    "TOKENS": "session.portfolio_status().tokens",
    "TROUBLES": "session.portfolio_status().troubles",
    "SUMMARY": "run.summary",
    "SKIPPED": "run.skipped",
    "REMEDIES": "run.remedies",
}


def schemas() -> dict[str, Mapping[str, str]]:
    """The schemas of the module ``frames``."""
    return {name: value for name, value in vars(frames).items() if name.isupper() and isinstance(value, dict)}


def page() -> str:
    """The page's text."""
    kinds = [f"| {kind} | `{dtype}` |" for kind, dtype in columns.DTYPES.items()]
    lines = [
        "# The columns of the frames", "",
        "Each frame has these columns in this order, with these dtypes, also when it is empty. What cannot be read is",
        "missing, and its row stays. This page is made from `codat_notebook.frames` by `tests/frames_page.py`.", "",
        "| Kind | dtype |", "|---|---|", *kinds,
    ]  # fmt: skip
    for name, schema in schemas().items():
        lines += ["", f"## {GIVEN_BY[name]}", "", f"`frames.{name}`:", ""]
        for kind, names in groupby(schema, schema.__getitem__):
            lines.append(f"- {kind}: {', '.join(f'`{column}`' for column in names)}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
