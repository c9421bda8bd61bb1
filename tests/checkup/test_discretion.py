"""What a report may hold: nothing by which anybody could be known, whatever Codat answers."""

import base64
import re
from typing import Any

import pytest

from codat_notebook.checkup import CheckUp
from codat_notebook.checkup.evidence import Atom, Discretion, told
from codat_notebook.models.assumptions import ASSUMPTIONS

from .looking import Line, check_up, sandbox

NAME, MAIL, ID = "Marlow & Finch Ltd", "ada@marlow.example", "5f0c7c1e-8d8e-4b07-9c3a-0d7b8a1f2e3d"
KEY = "sandbox-key"
HIDING = {"status", "currentStatus", "dataType", "datatype", "sourceType", "featureType", "featureState"}


def shown(result: CheckUp) -> str:
    """All forms in which a result is shown."""
    return "\n".join([result.report, result.frame.to_csv(), repr(result), result._repr_html_()])


def private_texts(value: Any, key: str = "") -> set[str]:
    """Names, ids, addresses and messages in what the sandbox answers."""
    if isinstance(value, dict):
        return {text for name, each in value.items() for text in private_texts(each, name)}
    if isinstance(value, list):
        return {text for each in value for text in private_texts(each, key)}
    telling = isinstance(value, str) and len(value) > 6 and key not in HIDING
    return {value} if telling and not re.match(r"\d{4}-\d\d-\d\dT", value) else set()


def planted() -> Line:
    """A sandbox whose answers hold names, ids, a key and addresses in every place where a word is expected."""
    api = sandbox(
        rename_statuses={"FetchError": NAME, "MapError": ID, "Cancelled": MAIL,
                         "ValidationError": KEY, "NotSupported": "Marlow"},
        rename_connection_statuses={"Deauthorized": NAME, "Unlinked": "https://link.example/x"},
        new_data_types={NAME: {"gbol"}, ID: {"gbol"}},
    )  # fmt: skip
    settings = {"settings": [{"dataType": "invoices", NAME: 1, ID: 2, MAIL: 3, "accountHolder": 4, "Marlow": 5}],
                "clientId": "Marlow"}  # fmt: skip
    api.faults.next(
        None, match="GET /profile/syncSettings", body=settings, headers={"X-Marlow-Finch": NAME, "X-New": MAIL}
    )
    return Line(api)


@pytest.mark.parametrize("line", [Line(sandbox()), planted()], ids=["as it is", "planted"])
def test_no_name_id_address_or_key_is_told(line: Line) -> None:
    """Each text of the sandbox's world is searched for in all that a result shows."""
    text = shown(check_up(line)).casefold()
    world = line.api.world
    telling = {NAME, MAIL, ID, KEY, base64.b64encode(KEY.encode()).decode(), "marlow &", "https://", "http://"}
    for company in world.companies()["results"]:
        telling |= private_texts(company) | private_texts(world.history(company["id"], {"pageSize": "500"}))
    assert len(telling) > 1_000
    ours = repr(ASSUMPTIONS).casefold()
    assert {each for each in telling if each.casefold() in text and each.casefold() not in ours} == set()


def test_what_is_unknown_is_listed() -> None:
    """Names of fields and headers that look like ones, and what stands for the others."""
    strange = check_up(planted()).strange
    assert "accountHolder" in strange["fields"].split(", ")
    assert strange["fields"].count("#") == 4  # a name, an id, an address, and a word that is a text elsewhere
    assert set(strange["headers"].split(", ")) == {"x-marlow-finch", "x-new"}
    assert strange["statuses"].count("#") == 5
    assert strange["data-types"].count("#") == 2


def test_a_report_tells_new_words() -> None:
    """A status that nobody knows is named, for somebody has to add it."""
    result = check_up(Line(sandbox(rename_statuses={"FetchError": "Routing"})))
    assert result.strange["statuses"] == "Routing"
    assert "- statuses: Routing" in result.report


def test_marks_differ_between_reports() -> None:
    """Nobody can look up an id by its mark."""
    assert Discretion(b"one").mark(ID) == Discretion(b"one").mark(ID) != Discretion(b"two").mark(ID)


@pytest.mark.parametrize("text", [NAME, ID, MAIL, "secret", "a" * 41, "", "https://a.example"])
def test_only_words_pass(text: str) -> None:
    """Whatever is no word, or stands elsewhere as a text, becomes a mark; a form holds no digits of its own."""
    discretion = Discretion(b"salt", {"Secret"})
    assert re.fullmatch(r"#[0-9a-f]{8}", discretion.word(text))
    assert discretion.form(text) == "another form"


def test_evidence_takes_no_text() -> None:
    """A slip in a judge cannot let a text through."""
    with pytest.raises(TypeError):
        told("{}", NAME)  # type: ignore[arg-type]
    assert told("{} of {}", 3, Atom("Complete")) == "3 of Complete"
