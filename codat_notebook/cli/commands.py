"""What each command does. Both run in the foreground until they are asked to stop, and then leave nothing behind."""

import base64
import webbrowser
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from codat_notebook.cli import notebooks
from codat_notebook.cli.lab import Lab
from codat_notebook.cli.problem import Problem
from codat_notebook.cli.stopping import Stop, stoppable

if TYPE_CHECKING:
    from codat_notebook.sandbox import Sandbox

_NO_LAB = (
    'JupyterLab is not installed in this Python environment. It comes with the extra "lab": in the project\'s folder, '
    "run  python -m pip install '.[lab]'"
)


def demo(arguments: Namespace) -> int:
    """Start the sandbox and JupyterLab, show the first notebook, and wait for Ctrl-C (or Lab's own "Shut Down")."""
    if find_spec("jupyterlab") is None:
        raise Problem(_NO_LAB)
    folder: Path = arguments.dir
    with stoppable() as stop:
        kept = notebooks.copy(notebooks.shipped(), folder)
        _say(f"Notebooks   {folder.resolve()}" + (" (those that were there are kept as they are)" if kept else ""))
        with _sandbox(12, arguments) as sandbox:
            environment = {"CODAT_SANDBOX_URL": sandbox.url, "CODAT_SANDBOX_KEY": sandbox.key}
            _say(f"Sandbox     {sandbox.url}")
            with Lab(folder, arguments.port, environment) as lab:
                if stop.wait_until(lab.answers):
                    _show(lab.url(notebooks.FIRST), arguments.no_browser)
                    _wait_for_end(stop, lab)
                _say("\nEnding JupyterLab and the sandbox ...")
    return 0


def sandbox(arguments: Namespace) -> int:
    """Start a sandbox alone, say how to talk to it, and wait for Ctrl-C."""
    with stoppable() as stop, _sandbox(arguments.companies, arguments) as running:
        token = base64.b64encode(running.key.encode()).decode()
        _say(f"URL   {running.url}")
        _say(f"Key   {running.key}")
        _say(f'Try   curl -H "Authorization: Basic {token}" "{running.url}/companies?pageSize=3"')
        _say(f"Rule  {running.url}/_sandbox/ (faults, clock) with the header X-Sandbox-Token: {running.control_token}")
        _say("Join  set CODAT_SANDBOX_URL and CODAT_SANDBOX_KEY to these, then: connect(sandbox=True)")
        _say("Ctrl-C ends it.")
        stop.wait_until(lambda: False, every=0.2)
    return 0


def _sandbox(companies: int, arguments: Namespace) -> "Sandbox":
    from codat_notebook.sandbox import Sandbox

    options = {"port": arguments.port, "key": arguments.key} if arguments.command == "sandbox" else {}
    sandbox = Sandbox(companies=companies, seed=arguments.seed, speed=arguments.speed, **options)
    try:
        return sandbox.start()
    except OSError as error:
        raise Problem.port(arguments.port, error) from error


def _show(url: str, no_browser: bool) -> None:
    _say(f"JupyterLab  {url}")
    opened = not no_browser and webbrowser.open(url)
    _say(("" if opened else "Open this address in a browser. ") + "Ctrl-C ends it all.")


def _wait_for_end(stop: Stop, lab: Lab) -> None:
    if stop.wait_until(lab.ended, every=0.2):
        lab.check_end()


def _say(line: str) -> None:
    print(line, flush=True)
