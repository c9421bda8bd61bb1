"""``codat-notebook doctor``: looks at this machine, and with ``--deep`` at Codat as it really is.

On this machine: Python, packages, widgets, proxies, certificates, the key; then server and clock. Each check gives an
:class:`Observation`, which goes to stderr, and nothing of the environment is told but names of variables. The report of
``--deep`` goes to stdout.
"""

import os
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

from codat_notebook.checkup import examine
from codat_notebook.cli.exits import Exit, shown_command
from codat_notebook.cli.printing import put, say
from codat_notebook.cli.refresh import company_id
from codat_notebook.cli.stopping import ArgumentsError, CommandError, NoMatchError, Stop, Stopped, StoppedError
from codat_notebook.client import CodatLending, transport
from codat_notebook.models.errors import CodatLendingError, ConfigurationError, shown
from codat_notebook.models.secret import VARIABLES, Secret
from codat_notebook.session import Session, connect
from codat_notebook.utils import RetryConfig

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_EXTENSIONS = {"anywidget": "anywidget", "ipywidgets": "@jupyter-widgets/jupyterlab-manager"}
#: Seconds that the machine's clock may be off before it matters to somebody who compares times.
_OFF = 60.0


class Observation(NamedTuple):
    """One line of the doctor: how it stands, with what, what was found and what to do (``""``: nothing)."""

    state: Literal["ok", "warning", "problem"]
    what: str
    found: str
    action: str = ""

    def __str__(self) -> str:
        return f"{self.state:8} {self.what:13} {self.found} {self.action}".rstrip()


def doctor(arguments: Namespace, stop: Stop) -> Exit:
    """Look, tell, and return the exit code."""
    code = _look(arguments, stop)
    if code is Exit.DIFFERS:
        say("Attach the report to an issue.")
    if code is not Exit.DONE:
        say(f"Next: {shown_command(arguments.words)}")
    return code


def _look(arguments: Namespace, stop: Stop) -> Exit:
    if (arguments.output or arguments.write_probes) and not arguments.deep:
        raise ArgumentsError("--output and --write-probes go with --deep.")
    if _tell(observe(needs_key=not arguments.sandbox)):
        return Exit.PROBLEM
    try:
        with connected(arguments) as (client, session):
            if _tell(stop.unless(lambda: list(reach(client, session is not None, arguments.sandbox)))):
                return Exit.PROBLEM
            if not arguments.deep:
                return Exit.DONE
            if session is None:
                raise CommandError("--deep needs a key: set CODAT_API_KEY or CODAT_AUTH_HEADER, or use --sandbox.")
            return _deep(session, arguments.write_probes, arguments.output, stop)
    except CodatLendingError as error:
        kind = NoMatchError if error.status_code == 404 else CommandError
        raise kind(f"{error} Nothing was queued.") from None
    except Stopped:
        raise StoppedError("Stopped.", shown_command(arguments.words)) from None


def _tell(observations: Iterable[Observation]) -> bool:
    """Print what is observed, line by line; whether there is a problem."""
    problem = False
    for each in observations:
        say(str(each))
        problem = problem or each.state == "problem"
    return problem


@contextmanager
def connected(arguments: Namespace) -> Iterator[tuple[CodatLending, Session | None]]:
    """A client and its session, read-only unless a refresh is wanted; without a key there is no session."""
    key = None if arguments.sandbox else Secret.from_environment()
    if key is None and not arguments.sandbox:
        with CodatLending(server_url=os.environ.get("CODAT_BASE_URL") or None, read_only=True) as client:
            yield client, None
        return
    with connect(key, sandbox=arguments.sandbox, read_only=not arguments.write_probes) as session:
        yield session.client, session


def _deep(session: Session, wanted: str | None, output: Path | None, stop: Stop) -> Exit:
    company = company_id(session, wanted)
    if company is not None:
        _confirm(session, company, stop)
    result = stop.unless(lambda: examine(session, company))
    put(result.report.rstrip("\n"))
    try:
        if output is not None:
            output.write_text(result.report, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}.") from None
    return Exit.DIFFERS if result.named("contradicted") else Exit.DONE


def _confirm(session: Session, company: str, stop: Stop) -> None:
    """Have the company's name typed, or piped, before anything is queued."""
    name = session.client.companies.get(request={"company_id": company}).name.strip()
    where = "the sandbox" if session.is_sandbox else "LIVE"
    print(f"This queues ONE refresh of {shown(name)} ({where}). Type its name:", file=sys.stderr, flush=True)
    typed = b"" if sys.stdin is None else stop.unless(lambda: os.read(sys.stdin.fileno(), 1_000))
    if not name or typed.decode("utf-8", "replace").strip() != name:
        raise CommandError("The name was not typed. Nothing was queued.")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def observe(
    environ: Mapping[str, str] = os.environ,
    version: Callable[[str], str | None] = _version,
    labs: Sequence[Path] | None = None,
    needs_key: bool = True,
) -> Iterator[Observation]:
    """What can be said without asking the server.

    Parameters
    ----------
    environ : the environment's variables.
    version : gives the installed version of a package, ``None`` where it is not there.
    labs : folders that hold JupyterLab's prebuilt extensions; the usual ones by default.
    needs_key : whether a missing or malformed key is worth a word.
    """
    yield Observation("ok", "Python", ".".join(map(str, sys.version_info[:3])))
    yield _packages(version)
    lab = version("jupyterlab")
    if lab is None:
        yield Observation("warning", "JupyterLab", "is not installed here.", "The command line works without it.")
    else:
        from jupyter_core.paths import jupyter_path  # comes with JupyterLab

        yield Observation("ok", "JupyterLab", lab)
        folders = list(map(Path, jupyter_path("labextensions"))) if labs is None else labs
        yield from (_extension(package, version(package), folders) for package in _EXTENSIONS)
    there = [name for name in _PROXIES if environ.get(name) or environ.get(name.lower())]
    use = "set, and used for Codat, never for this machine's own servers"
    yield Observation("ok", "proxies", f"{', '.join(there)}: {use}" if there else "none are set")
    yield _certificates(environ)
    if needs_key:
        yield _key(environ)


def _packages(version: Callable[[str], str | None]) -> Observation:
    wanted = metadata.requires("codat-notebook") if _version("codat-notebook") else None
    bounds = [match for line in wanted or () if (match := re.match(r"([\w-]+)(?:<[\d.]+,)?>=([\d.]+)$", line))]
    old = " ".join(each[1] for each in bounds if _numbers(version(each[1]) or "0") < _numbers(each[2]))
    if old:
        return Observation("problem", "packages", f"missing or too old: {old}.", f"Run  pip install --upgrade {old}")
    return Observation("ok", "packages", "none missing or too old" if wanted else "codat-notebook is not installed")


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:3]]


def _extension(package: str, version: str | None, labs: Sequence[Path]) -> Observation:
    if any((folder / _EXTENSIONS[package] / "package.json").is_file() for folder in labs):
        return Observation("ok", package, f"{version}, with its JupyterLab extension")
    action = f"Install {package} into the environment that JupyterLab runs in, and restart it."
    return Observation("problem", package, "JupyterLab's extension is not found: no widgets.", action)


def _certificates(environ: Mapping[str, str]) -> Observation:
    name = next((name for name in _CERTIFICATES if environ.get(name)), None)
    try:
        if name and not os.path.exists(environ[name].split(os.pathsep)[0]):
            raise transport.Unusable
        transport.tls_context()
    except transport.Unusable:
        return Observation("problem", "certificates", f"{name} names none that can be read.", "Mend or unset it.")
    return Observation("ok", "certificates", f"those of {name}" if name else "the usual ones")


def _key(environ: Mapping[str, str]) -> Observation:
    try:
        key = Secret.from_environment(environ)
    except ConfigurationError as error:
        return Observation("problem", "key", error.message)
    if key is None:
        return Observation("warning", "key", "there is none.", f"Set {VARIABLES[1]}, or use --sandbox.")
    return Observation("ok", "key", f"in {next(name for name in VARIABLES if environ.get(name))}; it is not shown")


def reach(client: CodatLending, has_key: bool, is_sandbox: bool) -> Iterator[Observation]:
    """Whether the server answers, and whether its clock and the machine's agree: one request.

    ``has_key`` says whether a refusal (401) is a problem; without a key it shows that the server is there.
    """
    found = "answers, and takes the key"
    try:
        client.companies.list(request={"page_size": 1}, retries=RetryConfig("none"))
    except CodatLendingError as error:
        if error.status_code != 401 or has_key:
            action = "" if error.status_code else "Check the network, the proxy and CODAT_BASE_URL."
            yield Observation("problem", "server", f"{error.message.rstrip('.')}.", action)
            return
        found = "answers (and refuses, for there is no key)"
    yield Observation("ok", "server", found)
    ahead = client.clock.moment().wall - client.clock.epoch()
    if is_sandbox or not client.clock.known or abs(ahead) <= _OFF:
        yield Observation("ok", "clock", "the sandbox has its own" if is_sandbox else "this machine's is right")
    else:
        found = f"this machine's is {abs(ahead):,.0f} s {'ahead' if ahead > 0 else 'behind'}."
        yield Observation("warning", "clock", found, "Have it set by the network; times here follow Codat's.")
