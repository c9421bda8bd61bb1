"""What the short commands do. Those that serve run until they are asked to stop, and leave nothing."""

import base64
import os
import shlex
import shutil
import tempfile
import webbrowser
from argparse import Namespace
from collections.abc import Collection
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from codat_notebook import words
from codat_notebook.cli.child import Child, ConsolePage, Lab, usual_port
from codat_notebook.cli.stopping import ArgumentsError, CommandError, Stop
from codat_notebook.models.errors import ConfigurationError, get_extra
from codat_notebook.models.secret import VARIABLES, Secret

if TYPE_CHECKING:
    from codat_notebook.sandbox import Sandbox

FIRST = "01_first_look.ipynb"
_PACKAGE = Path(__file__).parent.parent
#: What leads to the operator's own account: kept from what is for the sandbox alone.
_TO_THE_ACCOUNT = (*VARIABLES, "CODAT_BASE_URL")
_NO_LOGIN = (
    "There is no login: whoever can open this address on this machine {}. "
    "It listens on 127.0.0.1 only; do not forward the port."
)


def demo(arguments: Namespace, stop: Stop) -> None:
    """Start the sandbox and JupyterLab, show the first notebook, and wait for Ctrl-C (or Lab's own "Shut Down")."""
    _need("jupyterlab", "JupyterLab")
    _copy_notebooks(arguments.dir)
    with _sandbox(12, arguments) as sandbox:
        _say(f"Sandbox     {sandbox.url}")
        _run_lab(stop, arguments, _joining(sandbox), without=_TO_THE_ACCOUNT)
        _say("Ending the sandbox ...")


def lab(arguments: Namespace, stop: Stop) -> None:
    """Start JupyterLab with the notebooks; they connect as they say, or as the environment does."""
    _need("jupyterlab", "JupyterLab")
    _copy_notebooks(arguments.dir)
    _run_lab(stop, arguments, {})


def app(arguments: Namespace, stop: Stop) -> None:
    """Serve the console as a page, and wait for Ctrl-C."""
    _need("voila", "Voila, which serves the page,")
    if "memory" in arguments and (arguments.connect_form or not arguments.live):
        raise ArgumentsError("A memory belongs to one account: --memory goes with --live, not with --connect-form.")
    if arguments.journals is not None and (arguments.connect_form or not arguments.live):
        raise ArgumentsError("Journals belong to one account: --journals goes with --live, not with --connect-form.")
    if arguments.live:
        visitor, ways = _live(arguments)
        memory = None if ways else memory_file(arguments)
        _serve(stop, arguments, visitor, ways=ways, memory=memory, journals=_journals(arguments))
        return
    with _sandbox(12, arguments) as sandbox:
        if arguments.connect_form:
            visitor = "can use it with made-up companies, or connect with a key of their own"
            _serve(stop, arguments, visitor, _joining(sandbox), ways=("sandbox", "key"), without=VARIABLES)
        else:
            visitor = "can use it; its companies are made up"
            with TemporaryDirectory(prefix="codat-") as folder:  # its runs end with the sandbox
                to_itself = _joining(sandbox)
                _serve(stop, arguments, visitor, to_itself, without=_TO_THE_ACCOUNT, journals=Path(folder))


def _journals(arguments: Namespace) -> Path | None:
    """The folder of the runs, made where it is missing; without one it is said what that means."""
    folder: Path | None = arguments.journals
    if folder is None:
        if not arguments.read_only and not arguments.connect_form:
            _say("A refresh ends with the page that began it. With --journals FOLDER it outlives the page.")
        return None
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise CommandError(f"The folder {folder} cannot be made: {error.strerror}. Try another --journals.") from error
    return folder.absolute()


def _live(arguments: Namespace) -> tuple[str, tuple[str, ...]]:
    """What a visitor of a live page can do, and the ways to connect; none where it is, with the operator's key."""
    try:
        key = Secret.from_environment()
    except ConfigurationError as error:
        raise CommandError(error.message) from None
    account = "sees your companies" + ("" if arguments.read_only else " and can refresh them")
    if arguments.connect_form and key is None:
        return "connects with their own key", ("key",)
    if arguments.connect_form:
        return f"{account}, or connects with a key of their own", ("environment", "key")
    if key is None:
        raise CommandError(
            "There is no key. Set CODAT_API_KEY or CODAT_AUTH_HEADER, leave --live out for the sandbox, "
            "or let visitors use keys of their own with --connect-form."
        )
    if not arguments.no_memory and memory_file(arguments) is None:
        raise CommandError("Say where to keep what is seen, --memory FILE, or that nothing is kept, --no-memory.")
    return account, ()


def memory_file(arguments: Namespace) -> Path | None:
    """The memory that was named: by ``--memory``, else by ``CODAT_MEMORY``; none with ``--no-memory``."""
    named = getattr(arguments, "memory", None) or os.environ.get("CODAT_MEMORY")
    return None if getattr(arguments, "no_memory", False) or not named else Path(named).absolute()


def memory(arguments: Namespace, stop: Stop) -> None:
    """Forget a company."""
    from codat_notebook.runs.memory import forget
    from codat_notebook.runs.store import JournalError

    path = memory_file(arguments)
    if path is None:
        raise CommandError("Name the memory: --memory FILE, or set CODAT_MEMORY.")
    try:
        count = forget(path, arguments.forget)
    except JournalError as error:
        raise CommandError(str(error)) from None
    if not count:
        raise CommandError("The memory knows no company with this id. Nothing was deleted.")
    _say(f"{words.count(count, 'row')} deleted. What sessions see of the company from now on is kept again.")


def sandbox(arguments: Namespace, stop: Stop) -> None:
    """Start a sandbox alone, say how to talk to it, and wait for Ctrl-C."""
    with _sandbox(arguments.companies, arguments) as running:
        token = base64.b64encode(running.key.encode()).decode()
        _say(f"URL   {running.url}")
        _say(f"Key   {running.key}")
        _say(f'Try   curl -H "Authorization: Basic {token}" "{running.url}/companies?pageSize=3"')
        _say(f"Rule  {running.url}/_sandbox/ (faults, clock) with the header X-Sandbox-Token: {running.control_token}")
        _say("Join  set CODAT_SANDBOX_URL and CODAT_SANDBOX_KEY to these, then: connect(sandbox=True)")
        _say("Ctrl-C ends it.")
        stop.wait_until(lambda: False, every=0.2)


def listen(arguments: Namespace, stop: Stop) -> None:
    """Print the webhook events that come, and wait for Ctrl-C: those of a sandbox, or of whoever has the secret."""
    from codat_notebook.events.receiver import Receiver
    from codat_notebook.runs.engine import engine
    from codat_notebook.runs.listening import Listener
    from codat_notebook.session import connect

    with ExitStack() as stack:
        try:
            if arguments.sandbox:
                session = stack.enter_context(connect(sandbox=True))
                listener = stack.enter_context(session.listen(port=arguments.port, tell=_say))
                _say(f"Sandbox   {session.client.server_url}")
                session.refresh_all(session.companies(limit=5)["id"].tolist(), events=True)
            else:
                secret = os.environ.get("CODAT_WEBHOOK_SECRET", "")
                receiver = Receiver(secret, lambda event: None, _say)
                listener = stack.enter_context(Listener(engine(), receiver, arguments.port))
        except ConfigurationError as error:
            raise CommandError(f"{error} Set CODAT_WEBHOOK_SECRET to it, or try it with --sandbox.") from None
        except OSError as error:
            raise CommandError.port(arguments.port, error) from error
        _say(f"Listening {listener.url}")
        _say("Codat reaches it through a tunnel of yours to this port. Ctrl-C ends it.")
        stop.wait_until(lambda: False, every=0.2)


def _sandbox(companies: int, arguments: Namespace) -> "Sandbox":
    from codat_notebook.sandbox import Sandbox

    given = {"seed", "speed", "scenario", *(("port", "key") if arguments.command == "sandbox" else ())}
    options = {name: value for name, value in vars(arguments).items() if name in given}
    sandbox = Sandbox(companies=companies, **options)
    try:
        return sandbox.start()
    except OSError as error:
        raise CommandError.port(options.get("port", 0), error) from error


def _joining(sandbox: "Sandbox") -> dict[str, str]:
    return {"CODAT_SANDBOX_URL": sandbox.url, "CODAT_SANDBOX_KEY": sandbox.key}


def _need(module: str, name: str) -> None:
    if find_spec(module) is None:
        raise CommandError(get_extra(name, "lab"))


def _copy_notebooks(folder: Path) -> None:
    kept = copy_notebooks(shipped_notebooks(), folder)
    _say(f"Notebooks   {folder.resolve()}" + (" (those that were there are kept as they are)" if kept else ""))


def shipped_notebooks() -> Path:
    """The folder of the notebooks as shipped: a wheel carries them inside the package, a checkout has them beside it.

    Raises :class:`CommandError` if the installation lacks them.
    """
    for folder in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"):
        if (folder / FIRST).is_file():
            return folder
    raise CommandError("The notebooks are missing from this installation. Install codat-notebook again.")


def copy_notebooks(source: Path, target: Path) -> list[str]:
    """Copy the notebooks of ``source`` that ``target`` lacks; return the names of those that were there already.

    Those are the user's, and never written over.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        names = sorted(path.name for path in source.glob("*.ipynb"))
        kept = [name for name in names if (target / name).exists()]
        for name in names:
            if name not in kept:
                shutil.copyfile(source / name, target / name)
    except OSError as error:
        other = shlex.quote(str(_writable() / target.name))
        raise CommandError(
            f"The notebooks cannot be copied to {target.absolute()}: {error.strerror}. "
            f"Start from a folder where you may write, or name one:  --dir {other}"
        ) from error
    return kept


def _writable() -> Path:
    """Where this user may write: the home folder, or that of temporary files for a user without one."""
    home = Path(os.path.expanduser("~"))
    return home if home.is_dir() and os.access(home, os.W_OK) else Path(tempfile.gettempdir())


def _run_lab(stop: Stop, arguments: Namespace, environment: dict[str, str], without: Collection[str] = ()) -> None:
    with Lab(arguments.dir, arguments.port, environment, without=without) as lab:
        if stop.wait_until(lab.answers):
            _show(stop, lab, "JupyterLab", lab.url(FIRST), None if arguments.no_browser else lab.page_to_open(FIRST))
        _say("\nEnding JupyterLab ...")


def _serve(
    stop: Stop, arguments: Namespace, visitor: str, environment: dict[str, str] | None = None, **border: Any
) -> None:
    options = {name: getattr(arguments, name) for name in ("read_only", "visitors", "idle", "per_minute", "concurrent")}
    port = arguments.port if "port" in arguments else usual_port()
    with ConsolePage(port, environment or {}, sandbox=not arguments.live, **options, **border) as page:
        if stop.wait_until(page.answers):
            _say(_NO_LOGIN.format(visitor))
            what = "Page (LIVE)" if arguments.live else "Page"
            _show(stop, page, what, page.base, None if arguments.no_browser else page.base)
        _say("\nEnding the page and its kernels ...")


def _show(stop: Stop, child: Child, what: str, url: str, to_open: str | None) -> None:
    """Print an address, have a browser open it by ``to_open``, which others may read, and wait for the end."""
    _say(f"{what:11} {url}")
    opened = to_open is not None and webbrowser.open(to_open)
    _say(("" if opened else "Open this address in a browser. ") + "Ctrl-C ends it all.")
    if stop.wait_until(child.ended, every=0.2):
        child.check_end()


def _say(line: str) -> None:
    print(line, flush=True)
