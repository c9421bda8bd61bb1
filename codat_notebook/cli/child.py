"""Jupyter servers as child processes: JupyterLab, and the console as a web page without code.

Each is started on the loopback, waited for, and ended with all its kernels. It gets a configuration and runtime files
of its own in a private temporary folder, so that the user's Jupyter settings (a password, another port, a base URL)
neither break it nor are touched. Ctrl-C in the terminal does not reach it (it would ask back, or end before its
kernels): the child has a process group of its own. One that does not end when asked to is killed.
"""

import html
import http.client
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlencode

from codat_notebook import forking
from codat_notebook.cli.stopping import CommandError
from codat_notebook.models.secret import HOST
from codat_notebook.models.vocabulary import ID

LOOPBACK = "127.0.0.1"
#: Where the app is, unless somebody says otherwise.
APP_PORT = 26328
#: Seconds that an answer may take, and that a server and its kernels are given to end by themselves.
_ANSWER, _END = 3.0, 10.0

#: Before Lab: jsonschema's checker of international addresses compiles a grammar for 3 s when it is imported, more than
#: all else that Lab does at its start. It is optional, nothing here checks such addresses, so it is declared absent.
_LAB = """
import sys
sys.modules["rfc3987_syntax"] = None
from jupyterlab.labapp import main
sys.exit(main())
"""

_LEADS_ON = """<!doctype html><meta charset="utf-8"><title>JupyterLab</title>
<meta http-equiv="refresh" content="0; url={0}"><p><a href="{0}">Open JupyterLab</a></p>
"""

#: Without these, Lab asks at each start whether it may fetch news.
_QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}

_PAGE = "from codat_notebook.cli.page_server import main; main()"
_TEMPLATES = Path(__file__).parent / "template"
_NOTEBOOK = "Codat console.ipynb"
#: Seconds between two looks for idle kernels.
_LOOK = 10
#: No site may show the page in a frame, include it, or keep a hold on its window.
_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: The page's one cell. A browser may ask for the state of widgets, but opens none of its own choice.
_CELL = """\
import comm
import codat_notebook as cn
from codat_notebook.cli.child import asked_company, asked_run, visitors_query
query = visitors_query()
frame = {}
comm.get_comm_manager().targets.pop("jupyter.widget")
frame"""


class Child:
    """A running server; leaving the ``with`` block ends it.

    ``port``: 0 takes a free one. ``code``: the Python that the child runs. ``files``: JSON files of its private folder,
    by path. ``environment``: variables that it and its kernels get on top of this process's; ``without``: those of
    this process that they do not get. ``inside``: whether it runs in its private folder. Raises
    :class:`CommandError` if the port is taken.
    """

    #: What messages call it; a path that it alone answers, and what it must be asked with.
    name: str
    sign: str
    headers: Mapping[str, str] = {}

    def __init__(
        self,
        port: int,
        code: str,
        files: Mapping[str, Any],
        environment: Mapping[str, str],
        *,
        without: Collection[str] = (),
        inside: bool = False,
    ) -> None:
        self.port = port
        self._private = tempfile.TemporaryDirectory(prefix="codat-", ignore_cleanup_errors=True)
        self.folder = private = Path(self._private.name)
        for path, content in files.items():
            (private / path).parent.mkdir(exist_ok=True)
            (private / path).write_text(json.dumps(content), encoding="utf-8")
        self._log = private / "server.log"
        inherited = {name: value for name, value in os.environ.items() if name not in without}
        own = {"JUPYTER_CONFIG_DIR": str(private), "JUPYTER_RUNTIME_DIR": str(private), "JUPYTER_PREFER_ENV_PATH": "1"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", code],  # -P: nothing is imported from the folder we happen to be in
                cwd=private if inside else None,
                env={**inherited, **environment, **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=sys.platform != "win32",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same, on Windows
            )

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.port}"

    def ended(self) -> bool:
        """Whether it is gone: because it was told to by somebody else, or because it failed."""
        return self._process.poll() is not None

    def answers(self) -> bool:
        """Whether it is up and is ours. Raises :class:`CommandError` if it ended instead."""
        if self.ended():
            raise CommandError(f"{self.name} did not start. It said:\n{self._last_words()}")
        return self.ask("GET", self.sign)

    def ask_to_end(self) -> None:
        """Have it end by itself, with its kernels."""
        self._process.terminate()

    def check_end(self) -> None:
        """Raise :class:`CommandError` if it ended with a failure rather than because it was told to."""
        if self._process.returncode:
            raise CommandError(
                f"{self.name} ended with code {self._process.returncode}. It said:\n{self._last_words()}"
            )

    def close(self) -> None:
        """End it and its kernels, within some ten seconds, and remove its private files."""
        if not self.ended():
            self.ask_to_end()
            try:
                self._process.wait(_END)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._private.cleanup()

    def ask(self, method: str, path: str) -> bool:
        """Whether a request is answered with 200."""
        # http.client and nothing cleverer: it never goes through a proxy of the environment.
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=_ANSWER)
        try:
            connection.request(method, path, headers=self.headers)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


class Lab(Child):
    """JupyterLab, with a token of its own that stands in no process list, quiet, ended through its own interface.

    The browser gets the token from a file that only this user can read: every user of a machine can read the arguments
    that a program is started with. ``/api/shutdown`` ends the kernels too and works alike on every platform.
    ``folder``: what it serves; the rest is :class:`Child`'s.
    """

    name = "JupyterLab"
    sign = "/api/status"

    def __init__(
        self, folder: Path, port: int = 0, environment: dict[str, str] | None = None, *, without: Collection[str] = ()
    ) -> None:
        port = free_port(port)
        self._token = secrets.token_urlsafe(24)
        self.headers = {"Authorization": f"token {self._token}"}
        files = {
            "jupyter_server_config.json": _lab_settings(folder, port, self._token),
            "labconfig/default_setting_overrides.json": _QUIET,
        }
        super().__init__(port, _LAB, files, environment or {}, without=without)

    def url(self, notebook: str) -> str:
        """The address that opens ``notebook``, with the token."""
        return f"{self.base}/lab/tree/{notebook}?token={self._token}"

    def page_to_open(self, notebook: str) -> str:
        """The address of a private file that leads a browser on to :meth:`url`; itself it holds no secret."""
        path = self.folder / "open.html"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(_LEADS_ON.format(html.escape(self.url(notebook))))
        return path.as_uri()

    def ask_to_end(self) -> None:
        """By its own interface; by a signal where that does not answer."""
        if not self.ask("POST", "/api/shutdown"):
            super().ask_to_end()


def _lab_settings(folder: Path, port: int, token: str) -> dict[str, Any]:
    """Lab's configuration: on the loopback alone, and without looking for news, updates or builds."""
    server = {
        **_listening(port),
        "root_dir": str(folder.resolve()),
        "allow_remote_access": False,  # answers to no other host's name (DNS rebinding)
        "allow_root": True,  # containers run as root; the loopback and the token are the protection
        "tornado_settings": {"page_config_data": {"buildCheck": False, "buildAvailable": False}},
    }
    lab = {
        "news_url": None,
        "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "extension_manager": "readonly",
    }
    return {
        "ServerApp": server,
        "LabApp": lab,
        "IdentityProvider": {"token": token},
        "LanguageServerManager": {"autodetect": False},  # or it runs npm to look for some
    }


class ConsolePage(Child):
    """The console as a web page without code: Voila, with a template of our own and one kernel for each visitor.

    The page has no login: who can open the port has what it shows. So it listens on the loopback only, starts no kernel
    for other sites (``page_server`` refuses them), and its kernels take messages of widgets and no code. The notebook
    fixes what the operator chose: server, key, read-only. A kernel whose page was closed ends at once, one whose page
    was lost ends when it has been idle. The template (``voila/templates/codat``) fetches nothing from elsewhere.

    ``sandbox``: whether its consoles are on the sandbox that ``environment`` names; else on Codat itself, with the key
    of the environment. ``ways``: how a visitor connects instead, by a form; without any nothing can be changed.
    ``memory``: where what is seen is kept; ``journals``: the folder of the runs, which outlive their pages so.
    ``visitors``: how many kernels there may be at a time. ``idle``: minutes
    after which a kernel without a page ends. ``how``: ``connect``'s ``read_only``, ``per_minute`` and ``concurrent``,
    for each visitor's session. The rest is :class:`Child`'s.
    """

    name = "The page's server (Voila)"
    sign = "/voila/templates/codat/static/page.js"

    def __init__(
        self,
        port: int,
        environment: dict[str, str],
        *,
        sandbox: bool,
        ways: Sequence[str] = (),
        memory: Path | None = None,
        journals: Path | None = None,
        visitors: int = 20,
        idle: float = 10,
        without: Collection[str] = (),
        **how: int,
    ) -> None:
        port = free_port(port)
        notebook = _notebook(sandbox=sandbox, ways=ways, memory=memory, journals=journals, **how)
        files = {"voila.json": _page_settings(port, visitors, idle), _NOTEBOOK: notebook}
        environment = {**environment, "JUPYTER_PATH": str(_TEMPLATES), HOST: "the app"}
        super().__init__(port, _PAGE, files, environment, without=without, inside=True)


def _page_settings(port: int, visitors: int, idle: float) -> dict[str, Any]:
    seconds = max(1, round(idle * 60))
    # Without Jupyter's own check (xsrf) a page that is left can end its kernel; the border refuses what others post.
    tornado = {
        "allow_remote_access": False,
        "local_hostnames": [LOOPBACK, "localhost"],
        "disable_check_xsrf": True,
        "headers": _HEADERS,
    }
    return {
        "Voila": {**_listening(port), "notebook_path": _NOTEBOOK, "tornado_settings": tornado},
        "VoilaConfiguration": {
            "template": "codat",
            "theme": "light",  # the page switches by itself, without a new kernel
            "allow_template_override": "NO",
            "allow_theme_override": "NO",
            "file_allowlist": [],
            "strip_sources": True,
            "show_tracebacks": False,
            "multi_kernel_manager_class": "codat_notebook.cli.page_server.Kernels",
        },
        "Kernels": {"places": visitors},
        "NotebookNotary": {"data_dir": "."},  # of the private folder: whoever never ran Jupyter has none of their own
        "MappingKernelManager": {
            "cull_idle_timeout": seconds,
            "cull_interval": min(_LOOK, seconds),
            "cull_connected": False,
        },
    }


def _notebook(
    *, sandbox: bool, ways: Sequence[str], memory: Path | None, journals: Path | None, **how: int
) -> dict[str, Any]:
    said = "".join(f", {name}={value!r}" for name, value in how.items())
    form = f"cn.console(company=asked_company(query), ways={tuple(ways)}{said})"
    kept = "" if memory is None else f", memory={str(memory)!r}"
    asked = "company=asked_company(query), run=asked_run(query)"
    folder = "" if journals is None else f", journals={str(journals)!r}"
    fixed = f"cn.console(cn.connect(sandbox={sandbox}{said}{kept}), {asked}{folder}, ways=())"
    source = _CELL.format(form if ways else fixed)
    cell: dict[str, Any] = {"cell_type": "code", "id": "console", "execution_count": None, "metadata": {}}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    title = "Codat console" + (", sandbox" if sandbox else "")
    return {
        "cells": [{**cell, "outputs": [], "source": source}],
        "metadata": {"kernelspec": kernel, "title": title},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def visitors_query() -> str:
    """What the address of a visitor's page asks for, in their kernel."""
    from ipykernel.connect import get_connection_file

    return query_file(get_connection_file()).read_text(encoding="ascii")


def asked(query: str) -> str:
    """What an address asks for, and nothing else of it: it is written to disk. No name is longer.

    >>> asked("run=..%2Fa.sqlite&voila-theme=dark")
    'company=&run=..%2Fa.sqlite'
    """
    return urlencode({name: _asked(query, name)[:255] for name in ("company", "run")})


def asked_company(query: str) -> str | None:
    """The company that an address names: an id; everything else is left out."""
    named = _asked(query, "company")
    return named if ID.fullmatch(named) else None


def asked_run(query: str) -> str | None:
    """The run that it names, as it stands there: it is looked for among the names of the operator's folder."""
    return _asked(query, "run") or None


def _asked(query: str, what: str) -> str:
    return parse_qs(query).get(what, [""])[0]


def query_file(connection_file: str) -> Path:
    """Where the server writes, for the kernel with this connection file, what its visitor's address asks for."""
    return Path(connection_file).with_suffix(".query")


def _listening(port: int) -> dict[str, Any]:
    """What every Jupyter server is told: this port of the loopback or none, and no browser."""
    return {"ip": LOOPBACK, "port": port, "port_retries": 0, "open_browser": False}


def usual_port() -> int:
    """The app's own port, so that its address stays the same; where it is taken, any free one."""
    try:
        return free_port(APP_PORT)
    except CommandError:
        return free_port(0)


def free_port(wanted: int) -> int:
    """The port that is wanted, or any free one for 0. Raises :class:`CommandError` if it is taken."""
    try:
        with forking.listening(wanted) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise CommandError.port(wanted, error) from error
