"""`codat-notebook ready`: its exit codes, its text and its JSON."""

import json

import pytest

from codat_notebook.cli import main
from codat_notebook.cli.exits import Exit
from codat_notebook.sandbox import Sandbox
from tests.planning.conftest import NOON
from tests.planning.planted import BANK, BOOKS, add, connection, link

pytestmark = pytest.mark.codat(companies=3, start=NOON, speed=0)

ASKED = ["--sandbox", "--period-end", "2026-10-31"]
BOTH = ["--source", "accounting", "--source", "bank"]


def test_the_exit_code_is_the_answer(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Of several the highest; each is told, in the order given, one that is named twice once."""
    well, late = add(sandbox, link(BOOKS), link(BANK), name="Well"), add(sandbox, link(BOOKS, 40), link(BANK))
    assert main(["ready", "Well", well, *ASKED, *BOTH]) == Exit.DONE
    assert capsys.readouterr().out.startswith("Well: Ready for lending, to 31 Oct 2026.\n")
    assert main(["ready", well, late, *ASKED, *BOTH]) == Exit.NOT_READY
    out = capsys.readouterr().out
    assert out.index("Ready for lending") < out.index("Not ready for lending")
    assert "Refresh it." in out
    assert main(["ready", well, "--sandbox", *BOTH]) == Exit.NOT_KNOWN
    assert "Fresh; period not checked." in capsys.readouterr().out
    nobody = "00000000-0000-0000-0000-000000000000"
    assert main(["ready", late, nobody, *ASKED]) == Exit.NOT_READY
    assert main(["ready", well, nobody, *ASKED, *BOTH]) == Exit.NO_MATCH
    assert not sandbox.world.accepted


def test_json(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """One document with everything that was asked and found, but no link URL."""
    id = add(sandbox, link(BOOKS), link(BANK))
    sandbox.world.deauthorize(id, connection(sandbox, id, BANK))
    limits = ["--months", "12", "--max-age", "14D", "--max-skew", "1D,7D", "--json"]
    assert main(["ready", id, *ASKED, *BOTH, *limits]) == Exit.NOT_READY
    out = capsys.readouterr().out
    told = json.loads(out)
    answer = told["companies"][0]
    assert told["exit_code"] == Exit.NOT_READY
    assert {row["code"] for row in answer["reasons"]} == {"not_linked"}
    assert (answer["state"], answer["ready"], answer["months"]) == ("not_ready", False, 12)
    assert answer["period_end"] == "2026-10-31"
    assert answer["sources"] == ["accounting", "banking"]
    assert answer["reasons"][0]["since"].startswith("2026-11-23T")
    assert answer["actions"][0]["who"] == "customer"
    assert "/start" not in out


def test_a_list_of_ones_own(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Data types, joined by commas."""
    id = add(sandbox)
    assert main(["ready", id, *ASKED, "--purpose", "invoices, bills", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out)["companies"][0]["data_types"] == ["invoices", "bills"]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (["--purpose", "lendng"], "financials"), (["--period-end", "soon"], "period_end"),
        (["--months", "0"], "months"),
        (["--max-age", "7"], "max_age"), (["--source", "shoe"], "accounting"),
    ],
)  # fmt: skip
def test_what_makes_no_sense(sandbox: Sandbox, capsys: pytest.CaptureFixture[str], wrong: list[str], word: str) -> None:
    """Is refused in a line, with the code for wrong arguments."""
    assert main(["ready", add(sandbox), *ASKED, *wrong]) == 2
    assert word in capsys.readouterr().err


def test_a_wrong_key_is_a_problem(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And no answer about any company."""
    monkeypatch.setenv("CODAT_SANDBOX_KEY", "wrong")
    assert main(["ready", sandbox.world.company_store.ids[0], *ASKED]) == 1
    assert capsys.readouterr().out == ""
