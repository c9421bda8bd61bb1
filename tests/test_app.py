"""`codat-notebook app` as a process: a kernel for each visitor, which ends when idle; no host but the loopback.

What a visitor sees is in `browser/test_app.py`.
"""

import re
import signal
import sys
from pathlib import Path

import pytest

from codat_notebook.cli import main

from .commands import fetch, refuses, running

pytestmark = [
    pytest.mark.xdist_group("jupyter"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process"),
]


def test_each_visitor_gets_a_kernel_that_ends_when_idle(tmp_path: Path) -> None:
    """It says that there is no login; two visits are two kernels, which end alone; Ctrl-C leaves nothing behind."""
    with running("app", "--no-browser", "--idle", "0.05", cwd=tmp_path) as command:
        base = command.expect(r"^Page        (http://127\.0\.0\.1:\d+)$")[1]
        assert "There is no login" in command.printed
        assert "made up" in command.printed
        server = command.family()
        pages = [fetch(base) for _ in range(2)]
        assert [status for status, _ in pages] == [200, 200]
        kernels = {re.search(rb'"kernelId": "([-0-9a-f]+)"', page)[1].decode() for _, page in pages}  # type: ignore[index] # it is there
        assert len(kernels) == 2
        command.wait_until(lambda: all(fetch(f"{base}/api/kernels/{kernel}")[0] == 404 for kernel in kernels))
        command.wait_until(lambda: len(command.family()) == len(server))
        command.end(signal.SIGINT)
        assert refuses(base)


def test_only_the_loopbacks_names_are_answered(tmp_path: Path) -> None:
    """A page under another host's name (DNS rebinding) is refused and starts nothing; so are other files."""
    with running("app", "--no-browser", "--read-only", cwd=tmp_path) as command:
        base = command.expect(r"^Page        (http://127\.0\.0\.1:\d+)$")[1]
        server = len(command.family())
        assert fetch(base, {"Host": "evil.example"})[0] == 403
        for path in (
            "/voila/files/voila.json",
            "/voila/files/Codat%20console.ipynb",
            "/voila/render/other.ipynb",
            "/tree",
        ):
            assert fetch(base + path)[0] >= 300, path
        assert len(command.family()) == server
        command.end(signal.SIGTERM)


@pytest.mark.parametrize("key", [None, "two lines\nhere"])
def test_live_needs_a_key(key: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without one, or with one that cannot be right, nothing starts, and one line says what is missing, not the key."""
    monkeypatch.delenv("CODAT_AUTH_HEADER", raising=False)
    monkeypatch.delenv("CODAT_API_KEY", raising=False)
    if key:
        monkeypatch.setenv("CODAT_API_KEY", key)
    assert main(["app", "--live", "--no-browser"]) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(r"codat-notebook: .*key.*\n", said)
    assert "two lines" not in said
