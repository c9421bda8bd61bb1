"""The command line's parts, in this process; `test_running.py` starts the commands for real."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from codat_notebook import __version__
from codat_notebook.cli import main
from codat_notebook.cli.child import Lab
from codat_notebook.cli.commands import FIRST, copy_notebooks, shipped_notebooks
from codat_notebook.cli.stopping import CommandError, stoppable
from codat_notebook.sandbox.stories import SCENARIOS

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send itself a signal")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` tells the package's version."""
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"codat-notebook {__version__}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
@pytest.mark.parametrize(("typed", "offered"), [
    (["re"], ["refresh", "ready"]),
    (["refresh", "--new"], ["--new-run"]),
    (["refresh", "--plan", "pla"], ["plan.csv"]),
])  # fmt: skip
def test_a_shell_completes(
    typed: list[str], offered: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands, options, and files where a path is wanted, as bash itself finds them."""
    (tmp_path / "plan.csv").touch()
    with pytest.raises(SystemExit) as end:
        main(["--print-completion", "bash"])
    assert not end.value.code
    words = f"COMP_WORDS=(codat-notebook {' '.join(typed)}); COMP_CWORD={len(typed)}; _shtab_codat_notebook"
    script = f"{capsys.readouterr().out}\n{words}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert sorted(done.stdout.split()) == sorted(offered), done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["demmo"], "invalid choice: 'demmo'"),
        (["demo", "--port", "70000"], "a port is a number from 0 to 65535"),
        (["demo", "--port", "eight"], "a port is a number from 0 to 65535"),
        (["demo", "--speed", "0"], "a speed is a number above 0"),
        (["demo", "--speed", "nan"], "a speed is a number above 0"),
        (["sandbox", "--companies", "0"], "at least one company"),
        (["sandbox", "--key", ""], "a key is some text"),
        (["sandbox", "--scenario", "year-end"], "invalid choice: 'year-end'"),
        (["app", "--idle", "0"], "a number of minutes above 0"),
        (["app", "--visitors", "0"], "at least one visitor"),
        (["lab", "--speed", "2"], "unrecognized arguments"),
        (["--print-completion", "fsh"], "invalid choice: 'fsh'"),
        (["lab", "\x1b[2J\x07"], r"unrecognized arguments: \x1b[2J\x07"),  # a name, handed on by a script
    ],
)
def test_wrong_arguments(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments end with code 2 and say what would be right."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_help_names_the_defaults(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`demo --help` lists the options with their defaults."""
    monkeypatch.setenv("COLUMNS", "200")  # no word is broken at its hyphen
    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    for option, default in {"--dir": "codat-notebooks", "--speed": "60", "--seed": "7", "--port": "0"}.items():
        assert re.search(rf"{option} .*?\(default: {default}", words)


def test_scenarios_are_the_sandboxs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`--scenario` takes the stories that the sandbox has."""
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        main(["sandbox", "--help"])
    assert f"its own start date: {', '.join(SCENARIOS)}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("command", "module"), [("demo", "jupyterlab"), ("lab", "jupyterlab"), ("app", "voila")])
def test_without_what_a_command_starts(command: str, module: str, tmp_path: Path) -> None:
    """Without JupyterLab or Voila a command says how to get it, and does nothing."""
    without = f"import sys; sys.modules['{module}'] = None"
    code = f"{without}; from codat_notebook.cli import main; sys.exit(main(['{command}']))"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert "pip install 'codat-notebook[lab]'" in run.stderr
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_demo_where_the_folder_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A problem is told in one line on stderr, with exit code 1."""
    (tmp_path / "taken").write_text("")
    assert main(["demo", "--no-browser", "--dir", str(tmp_path / "taken")]) == 1
    assert re.fullmatch(
        r"codat-notebook: The notebooks cannot be copied to .*File exists\. Start from a folder where you may "
        r"write, or name one:  --dir \S*taken\nNext: codat-notebook demo --help\n",
        capsys.readouterr().err,
    )


def test_copying_keeps_what_the_user_changed(tmp_path: Path) -> None:
    """The first copy brings every notebook; later ones bring what is missing and leave the rest alone."""
    shipped = shipped_notebooks()
    names = sorted(path.name for path in shipped.glob("*.ipynb"))
    assert FIRST in names
    assert copy_notebooks(shipped, tmp_path / "mine") == []
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == names
    (tmp_path / "mine" / FIRST).write_text("changed")
    assert copy_notebooks(shipped, tmp_path / "mine") == names
    assert (tmp_path / "mine" / FIRST).read_text() == "changed"


@POSIX_ONLY
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_leave_word(name: str) -> None:
    """Within the block a signal only sets the flag; afterwards it does what it did before."""
    number = signal.Signals[name]
    before = signal.getsignal(number)
    with stoppable() as stop:
        assert stop.wait_until(lambda: True)
        signal.raise_signal(number)
        assert not stop.wait_until(lambda: True)
    assert signal.getsignal(number) == before


def test_lab_on_a_taken_port(tmp_path: Path) -> None:
    """A port that another program listens on is told before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            CommandError, match=rf"^Port {port} cannot be used: .*Try another --port, or leave it out\.$"
        ):
            Lab(tmp_path, port)


def test_lab_that_cannot_start(tmp_path: Path) -> None:
    """A Lab that ends instead of answering tells its own last words."""
    with stoppable() as stop, Lab(tmp_path / "nowhere") as lab:
        with pytest.raises(CommandError, match=r"(?s)did not start.*nowhere"):
            stop.wait_until(lab.answers)
        assert lab.ended()
