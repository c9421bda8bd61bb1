"""Two versions of the official SDK, each in its own process, meet the same sandbox and read the same."""

import base64
import json
import os
import sys
import venv
from pathlib import Path
from subprocess import run
from typing import Any

import pytest

from codat_notebook.sandbox import Sandbox

SCRIPT = Path(__file__).with_name("drive_sdk.py")


def _drive(python: str | Path) -> dict[str, Any]:
    with Sandbox(companies=6, speed=0) as sandbox:
        header = "Basic " + base64.b64encode(sandbox.key.encode()).decode()
        command = [str(python), str(SCRIPT), sandbox.url, header, sandbox.world.company_store.ids[0]]
        done = run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _expect(seen: dict[str, Any], version: str) -> None:
    assert seen == {
        "version": version,
        "companies": [6, 5],
        "name": "Toft Stores UK",
        "platforms": ["Oracle NetSuite", "Plaid", "Shopify"],
        "connection": [True, "Linked"],
        "status": True,
        "queued": ["Queued", 0],
        "again": [400, 32],
        "history": [True, True],
        "same": True,
        "unknown": [[404, 32]] * 4,
        "malformed": [400, 32],
    }


def test_version_12() -> None:
    """codat-lending 12.0.0, which sits on urllib3."""
    _expect(_drive(sys.executable), "12.0.0")


@pytest.mark.full
def test_version_11(tmp_path: Path) -> None:
    """codat-lending 11.0.1, which sits on httpx, installed for the occasion (or found where a variable says)."""
    python = Path(os.environ.get("CODAT_LENDING_11_PYTHON", tmp_path / "bin" / "python"))
    if not python.exists():
        venv.create(tmp_path, with_pip=True)
        run([python, "-m", "pip", "install", "-q", "codat-lending==11.0.1"], check=True, timeout=300)
    _expect(_drive(python), "11.0.1")
