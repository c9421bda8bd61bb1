"""A machine that lacks something: what is missing is told in one line, with what to do; nothing fails for it."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest

from codat_notebook.models.errors import ConfigurationError, needed
from codat_notebook.models.secret import Secret

ROOT = Path(__file__).parent.parent
#: Runs code as if a package were not installed.
WITHOUT = "import sys; sys.modules[{!r}] = None; "


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A new interpreter in the project's folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODAT_")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment | variables, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    ("chromium", "advice"),
    [("", "Get one with:"), (sys.executable, "apt-get install libatomic1")],
    ids=["none", "no driver"],
)
def test_browser_tests_skip_in_one_line(chromium: str, advice: str, tmp_path: Path) -> None:
    """Without a Chromium, Playwright's driver is not even started; with one, a driver that does not start is told."""
    tests = ["tests/browser/test_connect.py", "tests/browser/test_room.py"]
    broken = {"PATH": str(tmp_path), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path), "CODAT_TEST_CHROMIUM": chromium}
    run = python(
        "-m", "pytest", "-n0", "-p", "no:cacheprovider", *tests, PLAYWRIGHT_NODEJS_PATH=str(tmp_path / "none"), **broken
    )
    skipped = [line for line in run.stdout.splitlines() if line.startswith("SKIPPED")]
    assert (run.returncode, len(skipped)) == (0, 1), run.stdout
    assert advice in skipped[0]


@pytest.mark.parametrize(
    ("package", "extra", "code"),
    [
        ("matplotlib", "lab", "s.simulate(s.oldest(), s.Portfolio.synthetic(2), days=1).plot()"),
        ("cloudpickle", "compare", "s.compare({'a': s.oldest()}, s.Portfolio.synthetic(2), days=1)"),
    ],
)  # fmt: skip
def test_a_missing_extra_is_named(package: str, extra: str, code: str) -> None:
    """What needs an optional package says which extra brings it, in words that are right for a wheel."""
    run = python("-c", f"{WITHOUT.format(package)}from codat_notebook import strategies as s; {code}")
    assert run.stderr.splitlines()[-1] == (
        f"ModuleNotFoundError: {package} is not installed in this Python environment. It comes with the extra "
        f"{extra!r}: run  python -m pip install 'codat-notebook[{extra}]'"
    )


NO_IPV4 = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && ip addr del 127.0.0.1/8 dev lo && exec "$@"', "sh"]


def test_a_loopback_without_ipv4_is_told() -> None:
    """Where there is no 127.0.0.1, another port would not help; the address is what is missing."""
    if not which("unshare") or subprocess.run([*NO_IPV4, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody take an address away")
    command = [sys.executable, "-m", "codat_notebook", "sandbox"]
    run = subprocess.run([*NO_IPV4, *command], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr.splitlines()) == (1, [
        "codat-notebook: This machine has no address 127.0.0.1, and nothing here listens on another; [::1] alone is "
        "not enough.",
        "Next: ip addr add 127.0.0.1/8 dev lo",
    ])  # fmt: skip


def test_what_is_there_is_imported() -> None:
    """A module that an extra brings is that module."""
    assert needed("json.decoder", "lab") is sys.modules["json.decoder"]


def test_python_m_is_the_command_line() -> None:
    """`python -m codat_notebook` is `codat-notebook`."""
    assert python("-m", "codat_notebook", "--version").stdout.startswith("codat-notebook 0.")


KEY = "q7Lw0ZpT3nXvB5sYkD2mJfRcHgUeA8iO6tNxW1yE"
KEPT = f"""from keyring.backend import KeyringBackend
class Kept(KeyringBackend):
    priority = 1
    def set_password(self, service, user, key): raise NotImplementedError
    def get_password(self, service, user): return dict([(("codat-notebook", "codat"), "{KEY}")]).get((service, user))
"""


def from_keyring(folder: Path, service: str, backend: str = "kept.Kept") -> str:
    """What `Secret.from_environment` gives, or the last line of what it raises."""
    (folder / "kept.py").write_text(KEPT, encoding="utf-8")
    code = "from codat_notebook.models.secret import Secret; print(Secret.from_environment().reveal())"
    paths = os.pathsep.join([str(folder), str(ROOT)])
    run = python("-c", code, CODAT_KEYRING=service, PYTHON_KEYRING_BACKEND=backend, PYTHONPATH=paths)
    assert KEY not in run.stdout + run.stderr
    return (run.stdout or run.stderr).splitlines()[-1]


@pytest.mark.skipif(find_spec("keyring") is None, reason="keyring comes with '.[test]'")
def test_the_key_comes_from_the_keyring(tmp_path: Path) -> None:
    """CODAT_KEYRING names a service of the operating system's keyring; where it has no key or is shut, that is told."""
    assert from_keyring(tmp_path, "codat-notebook") == Secret.of(KEY).reveal()
    assert "keyring set other codat" in from_keyring(tmp_path, "other")
    assert "cannot be read: No recommended backend" in from_keyring(tmp_path, "x", "keyring.backends.fail.Keyring")


def test_a_key_that_is_set_comes_before_the_keyring() -> None:
    """The keyring is asked only where no variable holds a key; without the package it is told what to install."""
    assert Secret.from_environment({"CODAT_KEYRING": "any", "CODAT_API_KEY": KEY}) == Secret.of(KEY)
    run = python("-c", f"{WITHOUT.format('keyring')}import codat_notebook as cn; cn.connect()", CODAT_KEYRING="any")
    assert ConfigurationError.__name__ in run.stderr
    assert "codat-notebook[keyring]" in run.stderr
