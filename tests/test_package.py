"""The package from outside: its public names, what importing it costs, what its archives hold, one version."""

import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import codat_notebook

from .commands import STRICT, running

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PUBLIC = [
    "CodatLending", "RefreshRun", "Sandbox", "Session", "__version__", "compare", "connect", "console",
    "doctor", "load_ipython_extension", "preload", "run_strategy", "save", "simulate", "strategies",
]  # fmt: skip
HEAVY = ["anywidget", "httpx", "ipywidgets", "msgspec", "pandas", "starlette", "uvicorn", "IPython", "numpy"]


def in_new_python(code: str) -> Any:
    """Run code in a fresh interpreter; return what it printed as JSON."""
    run = subprocess.run([sys.executable, *STRICT, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_public_names_are_pinned() -> None:
    """The root promises these names and no others."""
    assert sorted(codat_notebook.__all__) == PUBLIC
    assert dir(codat_notebook) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_resolve(name: str) -> None:
    """Each public name is found, and is the same object each time."""
    assert getattr(codat_notebook, name) is getattr(codat_notebook, name)


def test_unknown_names_are_refused() -> None:
    """A name that does not exist raises as in any module."""
    with pytest.raises(AttributeError, match="module 'codat_notebook' has no attribute 'conect'"):
        _ = codat_notebook.conect


@pytest.mark.parametrize("module", ["codat_notebook", "codat_notebook.cli"])
def test_import_is_light(module: str) -> None:
    """Importing the root, or answering `--help`, loads nothing heavy."""
    code = f"import json, sys, {module}; print(json.dumps(sorted(m.partition('.')[0] for m in sys.modules)))"
    assert set(in_new_python(code)).isdisjoint(HEAVY)


def test_one_version() -> None:
    """The installed metadata, the package and the newest heading of the CHANGELOG tell the same version."""
    assert importlib.metadata.version("codat-notebook") == codat_notebook.__version__
    headings = re.findall(r"^## \[?([^\]\s]+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert codat_notebook.__version__ == next(heading for heading in headings if heading != "Unreleased")


def test_one_address() -> None:
    """CITATION and the links for a package index have the version and the repository that the project names."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (cited["version"], cited["repository-code"]) == (codat_notebook.__version__, PROJECT["urls"]["Source"])
    assert set(re.findall(r"https://(?:raw\.githubusercontent|github)\.com/([\w-]+/[\w-]+)", text)) == {
        PROJECT["urls"]["Source"].removeprefix("https://github.com/")
    }


def build(kind: str, folder: Path) -> Path:
    """Build an archive of the working tree with the build backend, which pip would call too."""
    code = f"import sys; from hatchling.build import build_{kind}; print(build_{kind}(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return folder / run.stdout.split()[-1]


def tree(folder: str, pattern: str) -> set[str]:
    """Names of the files below a folder of the project, relative to the project."""
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob(pattern) if path.is_file()}


def test_wheel_holds_what_it_should(tmp_path: Path) -> None:
    """The wheel has every module, script and style, the typing marker, the notebooks and the licence, and no more."""
    with zipfile.ZipFile(build("wheel", tmp_path)) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        licences = [name for name in wheel.namelist() if name.endswith("/licenses/LICENSE")]
        metadata = next(wheel.read(name).decode() for name in wheel.namelist() if name.endswith("/METADATA"))
    package = tree("codat_notebook", "**/*.py") | tree("codat_notebook", "**/static/*") | {"codat_notebook/py.typed"}
    package |= tree("codat_notebook/cli/template", "**/*") | {"codat_notebook/cli/refresh.schema.json"}
    notebooks = {f"codat_notebook/{name}" for name in tree("notebooks", "*.ipynb")}
    assert names == package | notebooks
    assert "codat_notebook/notebooks/01_first_look.ipynb" in names
    assert len(licences) == 1
    links = re.findall(r"\]\(([^)]+)\)", metadata)
    assert len(links) > 10
    assert [link for link in links if not link.startswith("https://")] == []  # a package index has no files beside it


def test_sdist_holds_what_it_should(tmp_path: Path) -> None:
    """The source archive has the package, the notebooks, the tests and the papers, and nothing that is ignored."""
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "LICENSE", "CHANGELOG.md", "environment.yml", "pyproject.toml", "PKG-INFO"} <= names
    assert {"CONTRIBUTING.md", "SECURITY.md"} | tree("docs", "**/*") | tree(".ci", "*") <= names  # the tests read them
    assert tree("codat_notebook", "**/*.py") | tree("notebooks", "*.ipynb") | tree("tests", "**/*.py") <= names
    assert [name for name in names if re.search(r"__pycache__|\.ipynb_checkpoints|screenshots/|\.venv", name)] == []


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_builds_are_reproducible(kind: str, tmp_path: Path) -> None:
    """Building the same tree twice gives the same bytes, though its files were touched in between."""
    archives = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        archives.append(build(kind, tmp_path / name))
        (ROOT / "codat_notebook" / "py.typed").touch()
    assert archives[0].name == archives[1].name
    assert archives[0].read_bytes() == archives[1].read_bytes()


@pytest.mark.full
@pytest.mark.xdist_group("jupyter")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")
def test_wheel_works_in_a_clean_environment(tmp_path: Path) -> None:
    """Installed without what the tests need: it imports, answers from the sandbox, and the demo and the page start."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    wheel = build("wheel", tmp_path)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([python, "-m", "pip", "install", "-q", f"{wheel}[lab]"], check=True, env=environment, timeout=900)
    code = """import importlib.util, codat_notebook as cn
assert not any(map(importlib.util.find_spec, ("pytest", "playwright", "codat_lending")))
with cn.connect(sandbox=True) as session: print(len(session.companies()), cn.__file__)"""
    run = subprocess.run(
        [python, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith(f"12 {tmp_path / 'venv'}")
    for command, place in (("demo", "JupyterLab  http"), ("app", "Page        http")):
        with running(command, "--no-browser", cwd=tmp_path, environment={"PYTHONPATH": ""}, python=python) as started:
            started.expect(f"^{place}")
            started.end(signal.SIGINT)
    assert (tmp_path / "codat-notebooks" / "01_first_look.ipynb").is_file()


def test_environment_agrees_with_the_project() -> None:
    """`environment.yml` asks for the Python and the Lab that pyproject does, with the same lower bounds."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    extras = PROJECT["optional-dependencies"]
    wanted = {*PROJECT["dependencies"], *extras["lab"], f"python{PROJECT['requires-python']}"}
    listed = {entry for entry in environment["dependencies"] if isinstance(entry, str)}
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    assert {entry.replace("matplotlib-base", "matplotlib") for entry in listed} == wanted | {"pip"}
    assert environment["dependencies"][-1] == {"pip": ["-e ."]}
