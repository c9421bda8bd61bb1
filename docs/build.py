"""Build the documentation site: `python docs/build.py [FOLDER]`, offline, with warnings as errors.

The pages in `docs/` are written by people. The reference is made here of the code's own data, so that it cannot differ:
the public names, the frames, the commands, the assumptions, the rules of the diagnosis.
"""

import contextlib
import importlib
import inspect
import io
import os
import pkgutil
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from unittest import mock

import codat_notebook as cn
from codat_notebook import frames
from codat_notebook.cli import main, parser
from codat_notebook.cli.exits import Exit
from codat_notebook.columns import series_of
from codat_notebook.diagnosis import rules
from codat_notebook.models.assumptions import ASSUMPTIONS
from codat_notebook.strategies import table as cells

ROOT = Path(__file__).parent.parent
DOCS = "https://github.com/codatio/codat-docs/blob/main/"
#: Frame -> what gives it.
GIVEN_BY = {
    "COMPANIES": "session.companies()",
    "CONNECTIONS": "session.connections(company_id)",
    "DATA_STATUS": "session.status(company_id)",
    "PULL_OPERATIONS": "session.history(company_id), run.operations (with origin and attempt in front)",
    "ERRORS": "session.errors, run.errors",
    "REQUESTS": "session.requests",
    "SETTINGS": "session.settings(company_id)",
    "AUDIT": "session.settings_audit(company_id, purpose)",
    "PLAN": "session.plan(...)",
    "ESTIMATE": "session.estimate(...)",
    "PORTFOLIO": "session.portfolio_status().companies",
    "GOALS": "session.portfolio_status().goals",
    "SKEW": "session.portfolio_status().skew",
    "TOKENS": "session.portfolio_status().tokens",
    "TROUBLES": "session.portfolio_status().troubles",
    "RUNS": "*Runs* of the console",
    "SUMMARY": "run.summary",
    "SKIPPED": "run.skipped",
    "REMEDIES": "run.remedies",
    "CHANGES": "session.changes()",
    "CONNECTION_HISTORY": "session.connection_history(company_id)",
    "RELINKS": "session.relinks()",
}


def table(*heads: str, rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def code(text: str, language: str = "text") -> str:
    """A block of code."""
    return f"```{language}\n{text.strip()}\n```\n"


def source(text: str) -> str:
    """Where something stands in Codat's documents, with a link where it is a page."""
    page = re.match(r"(?:docs|blog)/\S+\.md", text)
    return f"[{text}]({DOCS}{page[0]})" if page and "@" not in text else text


def rooms() -> Iterator[str]:
    """Modules that promise names."""
    found = (module.name for module in pkgutil.walk_packages(cn.__path__, "codat_notebook."))
    for module in ["codat_notebook", *found]:
        if hasattr(importlib.import_module(module), "__all__"):
            yield module


def api(room: str, homes: dict[int, str]) -> str:
    """The page of a room: what it is for, then each name, or where it stands already."""
    module = importlib.import_module(room)
    summary, _, rest = inspect.cleandoc(module.__doc__ or "").partition("\n\n")
    lines = [summary, "", rest, "", f".. py:module:: {room}", ""]
    for name in module.__all__:
        thing = getattr(module, name)
        home = homes.setdefault(id(thing), f"{room}.{name}")
        if home != f"{room}.{name}":
            lines += [f":obj:`{name} <{home}>`"]
        elif inspect.isclass(thing):
            lines += [f".. autoclass:: {name}", "   :members:"]
            # Methods from a base that has no page of its own stand here.
            ours = (base.__module__.startswith("codat_notebook") for base in thing.__mro__[1:])
            lines += ["   :inherited-members: BaseException, Struct"] * any(ours)
        elif inspect.isroutine(thing):
            lines += [f".. autofunction:: {name}"]
        elif inspect.ismodule(thing):
            lines += [f"``{name}``: a module, see :mod:`{thing.__name__}`"]
        else:
            lines += [f".. py:data:: {name}"]
        lines.append("")
    return f"# {room}\n\n" + code("\n".join(lines), "{eval-rst}")


def frames_page() -> str:
    """The columns and dtypes of each frame."""
    parts = [
        "# Frames\n\nEach frame has these columns in this order and with these dtypes, also where it is empty. "
        "Times are UTC."
    ]
    for name, schema in vars(frames).items():
        if name.isupper() and isinstance(schema, dict):
            parts.append(f"## {name.lower().replace('_', ' ').capitalize()}\n")
            parts += [f"`{GIVEN_BY[name]}`, in code `frames.{name}`\n"] if name in GIVEN_BY else [f"`frames.{name}`\n"]
            parts.append(table("column", "dtype", rows=((f"`{c}`", series_of(k, []).dtype) for c, k in schema.items())))
    parts.append("## The cells of a strategy\n\n`session.cells()`, in code `strategies.CELLS`\n")
    parts.append(table("column", "dtype", rows=((f"`{name}`", dtype) for name, dtype in cells({}).dtypes.items())))
    return "\n".join(parts)


def commands_page() -> str:
    """Each command as its own help tells it, and what `refresh --json` prints."""
    parts = ["# Commands\n", "An exit code means one thing, whatever the command. Of several the highest is given.\n"]
    parts.append(table("code", "meaning", rows=((code.value, code.meaning) for code in Exit)))
    parts.append("`python -m codat_notebook` is the same program.\n")
    made = next(action for action in parser()._actions if action.dest == "command")
    for name, command in (made.choices or {}).items():  # type: ignore[union-attr]  # a mapping, for subcommands
        with mock.patch.dict(os.environ, COLUMNS="84"):
            parts += [f"## {name}\n", code(command.format_help())]
    parts += ["## What `refresh --json` prints\n", "One document, here of a company of the sandbox:\n"]
    with cn.Sandbox(speed=3000) as sandbox:
        printed, joined = io.StringIO(), {"CODAT_SANDBOX_URL": sandbox.url, "CODAT_SANDBOX_KEY": sandbox.key}
        quiet = contextlib.redirect_stderr(io.StringIO())
        with mock.patch.dict(os.environ, joined), contextlib.redirect_stdout(printed), quiet:
            main(["refresh", "--sandbox", "Toft Stores UK", "invoices", "--json"])
    return "\n".join([*parts, code(printed.getvalue(), "json")])


def assumptions_page() -> str:
    """The register of what is taken for true of Codat."""
    rows = ((f"`{a.name}`", a.statement, source(a.source), a.effect, a.seen_by or "–") for a in ASSUMPTIONS)
    return (
        "# Assumptions\n\nWhat is taken for true of Codat, where it stands, and what is affected where it is not so. "
        "`codat-notebook doctor --deep` compares it with the real Codat.\n\n"
        + table("name", "what is taken for true", "source", "what if not", "seen by", rows=rows)
    )


def rules_page() -> str:
    """The rules of the diagnosis, with their sources."""
    parts = [
        f"# Diagnosis rules\n\nAll {len(rules.RULES)} rules that `diagnose` knows. Of those that hold, the most "
        "specific is the diagnosis. *Documented* advice stands at the source, *inferred* advice follows from it.\n"
    ]
    told = ("platforms", "data_types", "connection", "text", "shape", "linked", "age", "unseen")
    for rule in rules.RULES:
        conditions = [f"{name.replace('_', ' ')}: {_plain(value)}" for name in told if (value := getattr(rule, name))]
        parts += [
            f"## {rule.name}\n",
            f"{rule.cause} *{rule.action}*\n",
            table("status", "where", "retry", "who acts", "basis", "source", rows=[(
                ", ".join(rule.statuses), "; ".join(conditions) or "–",
                rule.retry, rule.who, rule.basis, source(rule.source),
            )]),
        ]  # fmt: skip
    return "\n".join(parts)


def _plain(value: object) -> str:
    if isinstance(value, tuple) and len(value) == 2 and all(hasattr(each, "total_seconds") for each in value):
        return " to ".join("any" if each == rules.NEVER else str(each) for each in value)
    return f"`{'`, `'.join(map(str, value)) if isinstance(value, tuple) else value}`"


def llms(pages: Mapping[str, str]) -> str:
    """The site for programs that read: each page with its first sentence."""
    lines = ["# codat_notebook", "", "> Refresh and diagnose company data in Codat from Jupyter.", ""]
    for name, text in sorted(pages.items()):
        prose = re.sub(r"^```(?!\{eval-rst\})[^\0]*?^```$", "", text, flags=re.MULTILINE)  # no code
        prose = re.sub(r"^(?:#.*|```\{eval-rst\}|:::.*|!\[.*|\|.*)$", "", prose, flags=re.MULTILINE).strip()
        title = re.search(r"^# (.+)$", text, re.MULTILINE)
        first = " ".join(re.split(r"[.:]\s|\n\n", prose)[0].split())
        lines.append(f"- [{title[1] if title else name}]({name}.html): {first}")
    return "\n".join(lines) + "\n"


def reference() -> dict[str, str]:
    """The pages that are made of the code: name -> text."""
    homes: dict[int, str] = {}
    pages = {f"api/{room}": api(room, homes) for room in rooms()}
    others = code(":glob:\n:maxdepth: 1\n\napi/*.*", "{toctree}")
    pages["api"] = f"# Names by module\n\nWhat each module promises.\n\n{others}"
    pages |= {"frames": frames_page(), "commands": commands_page()}
    return pages | {"assumptions": assumptions_page(), "rules": rules_page()}


def gather(folder: Path) -> None:
    """Put all pages into a folder: those of people, the notebooks, the papers of the project, and the reference."""
    shutil.copytree(ROOT / "docs", folder, dirs_exist_ok=True)
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("[!0-9]*"))
    for paper in ("CHANGELOG", "CONTRIBUTING", "SECURITY"):
        text = (ROOT / f"{paper}.md").read_text("utf-8")
        text = re.sub(r"\]\((\w+)\.md([#)])", lambda m: f"]({m[1].lower()}.md{m[2]}", text)
        (folder / f"{paper.lower()}.md").write_text(text, encoding="utf-8")
    for name, text in reference().items():
        path = folder / "reference" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    pages = {p.relative_to(folder).with_suffix("").as_posix(): p.read_text("utf-8") for p in folder.rglob("*.md")}
    (folder / "extra").mkdir()
    (folder / "extra" / "llms.txt").write_text(llms(pages), encoding="utf-8")


def build(target: Path) -> int:
    """Build the site into a folder; Sphinx's exit code."""
    from sphinx.cmd.build import build_main

    os.environ["CODAT_DOCS_ROOT"] = str(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        gather(Path(folder))
        return build_main(["-q", "-W", "--keep-going", "-j", "2", "-d", f"{folder}/.doctrees", folder, str(target)])


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "site"))
