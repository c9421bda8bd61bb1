"""The house's rules that no linter knows: what is forbidden where, each exception with its reason.

Floors are held by import-linter (run here too, so that plain pytest tells), prints and blind excepts by ruff.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = sorted((ROOT / "codat_notebook").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SCRIPTS = sorted((ROOT / "codat_notebook").rglob("*.js"))

#: Dotted name -> why nobody writes it.
FORBIDDEN = {
    "asyncio.run": "a kernel has a running loop, so this raises there: use the engine",
    "nest_asyncio": "archived, and it breaks other people's loops: use the engine",
    "datetime.now": "now is the server's: take it from the clock that is handed in",
    "datetime.utcnow": "now is the server's: take it from the clock that is handed in",
    "datetime.today": "now is the server's: take it from the clock that is handed in",
    "date.today": "now is the server's: take it from the clock that is handed in",
    "time.time": "now is the server's: take it from the clock that is handed in",
    "threading.Lock": "a fork copies it locked, for good: use forking.Lock",
    "threading.RLock": "a fork copies it locked, for good: use forking.Lock",
    "hold_sync": "made updates slower, and two writers lost values",
}
#: (file, dotted name) -> why it may stand there after all.
ALLOWED = {
    ("codat_notebook/forking.py", "threading.Lock"): "what forking.Lock is made of",
    ("codat_notebook/sandbox/world.py", "threading.RLock"): "the kind of forking.Lock that is wanted",
    ("codat_notebook/client/clock.py", "time.time"): "the machine's time, until the server has told its own",
    ("codat_notebook/widgets/part.py", "time.time"): "when something was shown is the reader's machine's time",
    ("codat_notebook/cli/page_server.py", "datetime.now"): "Jupyter counts idle minutes by the machine's time",
    ("codat_notebook/events/__init__.py", "datetime.now"): "a service that gets events has no clock but the machine's",
    ("codat_notebook/sandbox/webhooks.py", "datetime.now"): "who gets deliveries checks their time by the machine's",
    ("codat_notebook/sandbox/virtual_time.py", "datetime.now"): "a sandbox starts at the machine's time by default",
}
#: In scripts: names and messages come from third parties and are set as text nodes only; nothing comes from elsewhere.
FORBIDDEN_IN_SCRIPTS = re.compile(
    r"\.innerHTML|\.outerHTML|insertAdjacentHTML\(|document\.write|\beval\(|new Function|https?://(?!www\.w3\.org/)"
)


def name_of(path: Path) -> str:
    """A file's name as the messages and lists above write it."""
    return path.relative_to(ROOT).as_posix()


def dotted_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of each name and attribute chain, imports included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def forbidden_in(path: Path, source: str) -> list[str]:
    """What a source says that the house forbids, as readable lines."""
    return [
        f"{name_of(path)}:{line}: {name}: {reason}"
        for line, text in dotted_names(ast.parse(source))
        for name, reason in FORBIDDEN.items()
        if (text == name or text.endswith(f".{name}")) and (name_of(path), name) not in ALLOWED
    ]


def test_floors() -> None:
    """Modules import from lower floors only, every room stands on a floor, and only the client imports httpx."""
    # In a process of its own: import-linter configures logging, and by that silences every logger that exists.
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_forbidden_names() -> None:
    """No module calls what the house forbids."""
    assert [line for path in PACKAGE for line in forbidden_in(path, path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "source",
    ["import asyncio\nasyncio.run(f())", "from asyncio import run", "import nest_asyncio", "import datetime\n"
     "datetime.datetime.now()", "from datetime import datetime\nx = datetime.now", "with self.hold_sync(): pass"],
)  # fmt: skip
def test_forbidden_names_are_found(source: str) -> None:
    """The rule above sees each way to write a forbidden name."""
    assert forbidden_in(ROOT / "codat_notebook" / "example.py", source)


def test_exceptions_are_used() -> None:
    """An exception to the rule that nobody needs any more is removed."""
    unused = []
    for file, name in ALLOWED:
        names = [text for _, text in dotted_names(ast.parse((ROOT / file).read_text(encoding="utf-8")))]
        if not any(text == name or text.endswith(f".{name}") for text in names):
            unused.append((file, name))
    assert unused == []


def lines_of(paths: list[Path]) -> Iterator[tuple[str, Path, str]]:
    """Each line of the files, with where it stands."""
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{name_of(path)}:{number}: {line.strip()}", path, line


def test_scripts_set_text_only() -> None:
    """Scripts build no HTML or code from text, and fetch nothing from elsewhere."""
    assert [place for place, _, line in lines_of(SCRIPTS) if FORBIDDEN_IN_SCRIPTS.search(line)] == []


def test_silenced_checkers_give_a_reason() -> None:
    """`type: ignore` (in the package, which mypy reads) and `noqa` name the rule that they silence, and why."""
    reasoned = re.compile(r"(?:\[[\w, -]+\]|:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)\s*(?:#|-|—|:)\s*\w+\W+\w+")
    bad = []
    for place, path, line in lines_of(PACKAGE + TESTS):
        words = r"type:\s*ignore|noqa" if path in PACKAGE else "noqa"
        silenced = re.search(rf"#\s*(?:{words})\b(?P<rest>.*)", line)
        if silenced and not reasoned.match(silenced["rest"]) and path != Path(__file__):
            bad.append(place)
    assert bad == []


def test_each_test_says_what_it_shows() -> None:
    """Each test has a docstring that states the behaviour."""
    mute = [
        f"{name_of(path)}: {node.name}"
        for path in TESTS
        if path.name.startswith(("test_", "bench_"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith(("test_", "bench_"))
        and not ast.get_docstring(node)
    ]
    assert mute == []


def test_a_name_stands_in_one_room() -> None:
    """No class and no file has the name of one in another room, so that a name says where it is."""
    rooms: dict[str, set[str]] = {}
    for path in PACKAGE:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        for name in (*names, *([] if path.name == "__init__.py" else [path.name])):
            rooms.setdefault(name, set()).add(path.parent.name)
    assert {name: where for name, where in rooms.items() if len(where) > 1} == {}


def test_files_are_short() -> None:
    """A file can be read in one sitting."""
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE + TESTS}
    assert {name: length for name, length in lengths.items() if length > 500} == {}
