"""What the doctor finds on this machine: Python, packages, widgets, proxies, certificates, the key; server and clock.

Each check gives an :class:`Observation`. Nothing of the environment is told but names of variables.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

from codat_notebook.client import CodatLending, transport
from codat_notebook.models.errors import CodatLendingError, ConfigurationError
from codat_notebook.models.secret import VARIABLES, Secret
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
        return f"{self.state:8} {self.what:13} {self.found}" + (f" {self.action}" if self.action else "")


@dataclass(frozen=True)
class Machine:
    """What is looked at; tests hand in another.

    Parameters
    ----------
    environ : the environment's variables.
    versions : package -> installed version; looked up where it is ``None``.
    labs : folders that hold JupyterLab's prebuilt extensions.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    versions: Mapping[str, str] | None = None
    labs: Sequence[Path] | None = None

    def version(self, package: str) -> str | None:
        """The installed version of a package; ``None``: it is not there."""
        if self.versions is not None:
            return self.versions.get(package)
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return None

    def observations(self, needs_key: bool = True) -> Iterator[Observation]:
        """What can be said without asking the server; the key only where one is needed."""
        yield Observation("ok", "Python", ".".join(map(str, sys.version_info[:3])))
        yield self._packages()
        yield from self._widgets()
        yield self._set("proxies", _PROXIES, "none are set", "set, and used for Codat, never for this machine's own")
        yield self._certificates()
        if needs_key:
            yield self._key()

    def _packages(self) -> Observation:
        try:
            wanted = metadata.requires("codat-notebook") or []
        except metadata.PackageNotFoundError:
            return Observation("warning", "packages", "codat-notebook is not installed.", "Install it with pip.")
        bounds = [re.match(r"([\w-]+)>=([\d.]+)$", line) for line in wanted]
        old = [b[1] for b in bounds if b and _numbers(self.version(b[1]) or "0") < _numbers(b[2])]
        if old:
            action = f"Run  python -m pip install --upgrade {' '.join(old)}"
            return Observation("problem", "packages", f"{', '.join(old)}: missing or too old.", action)
        return Observation("ok", "packages", f"{sum(map(bool, bounds))}, none missing or too old")

    def _widgets(self) -> Iterator[Observation]:
        lab = self.version("jupyterlab")
        if lab is None:
            yield Observation("warning", "JupyterLab", "not installed here.", "The command line works without it.")
            return
        yield Observation("ok", "JupyterLab", lab)
        for package, extension in _EXTENSIONS.items():
            there = any((folder / extension / "package.json").is_file() for folder in self._labs())
            if there:
                yield Observation("ok", package, f"{self.version(package)}, with its JupyterLab extension")
            else:
                action = f"Install {package} into the environment that JupyterLab runs in, and restart it."
                yield Observation("problem", package, "JupyterLab's extension is not found: no widgets.", action)

    def _labs(self) -> Sequence[Path]:
        if self.labs is not None:
            return self.labs
        roots = [sys.prefix + "/share/jupyter", *self.environ.get("JUPYTER_PATH", "").split(os.pathsep)]
        home = self.environ.get("JUPYTER_DATA_DIR") or str(Path.home() / ".local/share/jupyter")
        return [Path(root) / "labextensions" for root in (*roots, home, "/usr/local/share/jupyter") if root]

    def _set(self, what: str, names: Sequence[str], none: str, some: str) -> Observation:
        there = [name for name in names if self.environ.get(name) or self.environ.get(name.lower())]
        return Observation("ok", what, f"{', '.join(there)}: {some}" if there else none)

    def _certificates(self) -> Observation:
        name = next((name for name in _CERTIFICATES if self.environ.get(name)), None)
        if name and not os.path.exists(self.environ[name].split(os.pathsep)[0]):
            return Observation("problem", "certificates", f"{name} names what is not there.", "Mend or unset it.")
        try:
            transport.tls_context()
        except transport.Unusable:
            return Observation("problem", "certificates", "those that are named cannot be read.", f"Mend {name}.")
        system = "the operating system's (truststore)" if self.version("truststore") else "those of certifi"
        return Observation("ok", "certificates", f"those of {name}" if name else system)

    def _key(self) -> Observation:
        try:
            key = Secret.from_environment(self.environ)
        except ConfigurationError as error:
            return Observation("problem", "key", error.message)
        name = next((name for name in VARIABLES if self.environ.get(name)), "")
        if key is None:
            return Observation("warning", "key", "there is none.", f"Set {VARIABLES[1]}, or use --sandbox.")
        return Observation("ok", "key", f"in {name}; it is not shown")


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:3]]


def reach(client: CodatLending, has_key: bool, is_sandbox: bool) -> Iterator[Observation]:
    """Whether the server answers, and whether its clock and the machine's agree. One request.

    ``has_key`` says whether a refusal (401) is a problem; with no key it shows that the server is there.
    """
    try:
        client.companies.list(request={"page_size": 1}, retries=RetryConfig("none"))
    except CodatLendingError as error:
        if error.status_code != 401 or has_key:
            action = "" if error.status_code else "Check the network, the proxy and CODAT_BASE_URL."
            yield Observation("problem", "server", error.message, action)
            return
        yield Observation("ok", "server", "answers (it refuses, for there is no key)")
    else:
        yield Observation("ok", "server", "answers, and takes the key")
    clock = client.clock
    if is_sandbox or not clock.known:
        yield Observation("ok", "clock", "the sandbox has its own" if is_sandbox else "the server tells no time")
        return
    ahead = clock.moment().wall - clock.epoch()
    if abs(ahead) > _OFF:
        found = f"this machine's is {abs(ahead):,.0f} s {'ahead' if ahead > 0 else 'behind'}."
        yield Observation("warning", "clock", found, "Have it set by the network; times here follow Codat's.")
    else:
        yield Observation("ok", "clock", "this machine's agrees with Codat's")
