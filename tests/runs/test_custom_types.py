"""Custom data types in runs: on the one connection that has them, and refused where that is not clear."""

from pathlib import Path

import pytest

from codat_notebook.runs.cells import company_status

from .conftest import DEADLINE
from .virtual import Stage, staged

NAME = "custom/netsuite-budget"


def configured(stage: Stage, *platforms: str) -> tuple[str, dict[str, str]]:
    """The first company, and its connections by platform's key; the type is configured for some platforms."""
    stage.faults.custom_data_types = {"netsuite-budget": set(platforms)}
    company_id = stage.ids[0]
    return company_id, {
        link["integrationKey"]: link["id"] for link in stage.world.company(company_id)["dataConnections"]
    }


def test_the_history_says_which_connection() -> None:
    """With two linked connections it goes to the one that has read it before."""
    with staged(4) as stage:
        company_id, connections = configured(stage, "akxx")
        stage.world.queue_custom(company_id, connections["akxx"], "netsuite-budget")
        stage.world.clock.advance("1h")
        run = stage.run({company_id: [NAME]}).wait(DEADLINE)
        assert run.operations.connection_id.tolist() == [connections["akxx"]]
        assert [entry.data_type for entry in stage.world.accepted] == [NAME, NAME]


def test_several_connections_are_not_guessed() -> None:
    """Nothing is sent, and the message names the choices."""
    with staged(4) as stage:
        company_id, connections = configured(stage, "akxx")
        run = stage.run({company_id: [NAME]}).wait(DEADLINE)
        assert (run.counts, stage.world.accepted) == ({"refused": 1}, [])
        assert connections["akxx"] in run.errors.why.iloc[0]
        assert "Plaid" in run.errors.why.iloc[0]


@pytest.mark.parametrize("name", ["custom/", "custom/../invoices", "custom/" + "x" * 500])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    """Whatever stands behind custom/ never becomes another path."""
    with staged(4) as stage:
        run = stage.run({stage.ids[2]: [name]}).wait(DEADLINE)
        assert (run.counts, stage.world.accepted) == ({"refused": 1}, [])
        assert "not a data type such as" in run.errors.why.iloc[0]


def test_a_kill_queues_it_once(tmp_path: Path) -> None:
    """The connection that was chosen is in the journal before the type is sent."""
    journal = tmp_path / "j"
    with staged(4) as stage:
        company_id, connections = configured(stage, "akxx")
        stage.world.queue_custom(company_id, connections["akxx"], "netsuite-budget")
        stage.world.clock.advance("1h")
        stage.run({company_id: [NAME]}, journal, at={0.3: lambda run: run.stop_watching()}).wait(DEADLINE)
        run = stage.resume(journal).wait(DEADLINE)
        assert (len(stage.world.accepted), run.counts) == (2, {"complete": 1})


def test_it_has_a_freshness() -> None:
    """Once read it is a cell like any other, of its connection."""
    with staged(4) as stage:
        company_id, connections = configured(stage, "akxx")
        stage.world.queue_custom(company_id, connections["akxx"], "netsuite-budget")
        stage.world.clock.advance("1h")
        status = stage.engine.call(company_status(stage.context, company_id))
        cell = next(cell for cell in status.cells if cell.data_type == NAME)
        assert (cell.connection_id, cell.last_success is not None) == (connections["akxx"], True)
