"""Which cells a refresh of everything should bring: decided once, by ``client.lookup.expected_cells``."""

from codat_notebook.client import lookup
from codat_notebook.models.shared import Connection, DataTypeFeature, Integration, SchemaDataType, SupportedFeature
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.widgets.data_types import all_by_connection

from .client.simulated import BANK_A, BANK_B, COMPANY, Stage

FIRST_LINK = frozenset({"invoices", "bills", "payments"})


def connections(*statuses: str) -> list[Connection]:
    """A connection for each status."""
    return [Connection(id=status, status=status, integration_key="gbol") for status in statuses]  # type: ignore[arg-type]


def test_what_is_linked_supported_and_fetched_on_first_link() -> None:
    """All three, in the order of the connections and of the alphabet; of what no platform is known nothing is."""
    supported = {"Linked": {"invoices", "bills", "items"}, "Unlinked": {"invoices"}, "PendingAuth": {"bills"}}
    every = connections("PendingAuth", "Linked", "Unlinked")
    assert lookup.expected_cells(every, FIRST_LINK, supported) == [("Linked", "bills"), ("Linked", "invoices")]
    assert lookup.expected_cells(every, frozenset(), supported) == []
    assert lookup.expected_cells(every, FIRST_LINK, {}) == []


def test_all_who_expect_something_ask_it() -> None:
    """What the client looks for, the rows of a run and what the button says are the same cells."""
    stage = Stage()
    stage.server.connections = [BANK_A, BANK_B]
    stage.server.types = ("invoices", "bills", "payments")
    looked_for = stage.drive(lookup.expected(stage.call(), COMPANY))
    linked = [Connection(id=id, status="Linked") for id in (BANK_A, BANK_B)]  # type: ignore[arg-type]
    gone = connections("Deauthorized")
    supported = {each.id: frozenset(stage.server.types) for each in (*linked, *gone)}
    facts = CompanyFacts(COMPANY, "A", {each.id: each for each in (*linked, *gone)}, supported)
    rows = facts.refreshed_by_all(FIRST_LINK)
    assert len(rows) == 6
    assert {(cell.connection_id, cell.data_type) for cell in looked_for} == set(rows)
    button = all_by_connection(facts, FIRST_LINK, {})
    assert [(each["platform"], each_type["key"]) for each in button for each_type in each["types"]] == rows


def test_a_connection_finds_its_platform_by_key_by_id_or_by_name() -> None:
    """The key is optional (oas #56); whoever tells no features, or is not listed, is not known to have none."""
    get = [SupportedFeature(feature_type="Get", feature_state="Release")]
    bills = [DataTypeFeature(datatype=SchemaDataType.BILLS, supported_features=get)]
    told = [
        Integration(key="gbol", name="Xero", integration_id="FD32", datatype_features=bills),
        Integration(key="mute", name="Mute"),
    ]
    asked = {
        "key": Connection(id="key", integration_key="gbol"), "id": Connection(id="id", integration_id="fd32"),
        "name": Connection(id="name", platform_name="Xero"), "mute": Connection(id="mute", integration_key="mute"),
        "new": Connection(id="new", integration_key="abcd"),
    }  # fmt: skip
    found = lookup.supported(asked.values(), lookup.readable(told))
    assert found == dict.fromkeys(("key", "id", "name"), frozenset({"bills"}))
