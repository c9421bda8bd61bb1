"""The refresh of a custom product: one request, whose operations the history shows; queued once, whatever happens."""

from pathlib import Path

import pytest

from codat_notebook.models import errors
from codat_notebook.runs.journal import Start
from codat_notebook.runs.targets import Targets, everything, read_targets

from .conftest import DEADLINE
from .virtual import Stage, staged

PRODUCT = "credit-monitoring"
POST = "POST */products/*/refresh"


def begun(stage: Stage, data_types: tuple[str, ...] = (), journal: Path | None = None, **how: object):  # type: ignore[no-untyped-def]
    """The refresh of the first company's product."""
    targets = read_targets(stage.ids[0], data_types, None, PRODUCT)
    return stage._begin(lambda: Start.of(stage.context, targets, journal), how.get("at") or {})  # type: ignore[arg-type]


def kinds(stage: Stage) -> list[tuple[str | None, int]]:
    """Of each POST that the sandbox took in: the product, and how many operations it queued."""
    return [(entry.product, len(entry.operations)) for entry in stage.world.accepted]


def test_all_of_a_product() -> None:
    """What the history shows since is followed to the end, without a second POST."""
    with staged(4) as stage:
        run = begun(stage).wait(DEADLINE)
        assert kinds(stage) == [(PRODUCT, 4)]
        assert set(run.operations.id) == set(stage.world.accepted[0].operations)
        assert (run.phase, run.counts.get("unknown", 0)) == ("done", 0)


def test_some_data_types_of_it() -> None:
    """A row for each that is named, queued by one request."""
    with staged(4) as stage:
        run = begun(stage, ("invoices", "bills")).wait(DEADLINE)
        assert kinds(stage) == [(PRODUCT, 2)]
        assert dict(zip(run.operations.data_type, run.operations.origin, strict=True)) == {
            "invoices": "queued", "bills": "queued",
        }  # fmt: skip


def test_what_is_read_already_is_attached_to() -> None:
    """The refusal is no failure: what is running is followed, and it is not sent again."""
    with staged(4) as stage:
        stage.world.refresh_product(stage.ids[0], PRODUCT, ["invoices"])
        run = begun(stage).wait(DEADLINE)
        assert kinds(stage) == [(PRODUCT, 1)]
        assert (run.operations.origin.tolist(), run.counts) == (["attached"], {"complete": 1})


@pytest.mark.parametrize("lag", [0, 30])
def test_a_lost_answer_is_looked_up(lag: int) -> None:
    """The POST was heard and its answer was lost: the history shows it, also late, and nothing is sent again."""
    with staged(4, history_lag=lag) as stage:
        stage.faults.next(match=POST, when="after", status=503)
        run = begun(stage).wait(DEADLINE)
        assert kinds(stage) == [(PRODUCT, 4)]
        assert set(run.operations.id) == set(stage.world.accepted[0].operations)


@pytest.mark.parametrize("status", [200, 204, 303])
def test_only_a_202_is_taken_for_an_acceptance(status: int) -> None:
    """Any other answer may be a proxy's: it is looked up, and sent again under the same key."""
    with staged(4) as stage:
        stage.faults.next(match=POST, when="before", status=status)
        run = begun(stage).wait(DEADLINE)
        assert kinds(stage) == [(PRODUCT, 4)]
        assert set(run.operations.id) == set(stage.world.accepted[0].operations)


def test_a_refusal_after_a_lost_answer_is_about_our_own() -> None:
    """Keys are not honoured and the history is late: the second POST is refused, and the first one's are found."""
    with staged(4, history_lag=25, honours_keys=False) as stage:
        stage.faults.next(match=POST, when="after", status=503)
        run = begun(stage).wait(DEADLINE)
        assert kinds(stage) == [(PRODUCT, 4)]
        assert stage.statuses.count(400) == 1
        assert set(run.operations.id) == set(stage.world.accepted[0].operations)
        assert run.phase == "done"


def test_what_failed_is_refreshed_again_as_the_product() -> None:
    """By the product's own call, with the data types that failed."""
    with staged(4) as stage:
        stage.faults.end_next("Cancelled", data_type="invoices")
        run = begun(stage).wait(DEADLINE)
        assert run.counts["failed"] == 1
        run.retry_failed().wait(DEADLINE)
        assert kinds(stage) == [(PRODUCT, 4), (PRODUCT, 1)]


def test_a_standard_product_is_told_its_way() -> None:
    """One POST, refused; the row says how the documents say it is refreshed, and trying again is not offered."""
    with staged(4) as stage:
        stage.world.assign(stage.ids[0], "bank-feeds")
        targets = everything(stage.ids[0], "bank-feeds")
        run = stage._begin(lambda: Start.of(stage.context, targets), {}).wait(DEADLINE)
        assert (run.counts, kinds(stage), stage.statuses.count(400)) == ({"refused": 1}, [], 1)
        assert "Bank Feeds: it has nothing to pull" in run.errors.why.iloc[0]
        assert run.errors.action.iloc[0].startswith("Refresh it as its documentation says")
        with pytest.raises(ValueError, match="can be retried"):
            run.retry_failed()


def test_a_type_that_the_product_lacks_is_a_mistake_of_configuration() -> None:
    """The typed error holds Codat's list of the valid ones; nothing was queued."""
    with staged(4) as stage:
        calls = stage.context.client.manage_data.refresh
        request = {"company_id": stage.ids[0], "product": PRODUCT, "data_types": ["journals"]}
        with pytest.raises(errors.ConfigurationError, match="Valid data types are: invoices") as caught:
            stage.engine.call(calls.product_async(request=request))
        assert (caught.value.queued, caught.value.status_code, stage.statuses.count(400)) == ("no", 400, 1)


def test_accepted_and_nothing_queued_is_said() -> None:
    """A 202 after which nothing appears is no success."""
    with staged(4) as stage:
        stage.faults.custom_products = {PRODUCT: ["commerce-orders"]}
        run = begun(stage).wait(DEADLINE)
        assert (run.counts, run.phase) == ({"not queued by Codat": 1}, "done")


@pytest.mark.parametrize("data_types", [(), ("invoices", "bills")])
@pytest.mark.parametrize("after", [0.02, 0.2, 0.32, 0.6])
def test_a_kill_queues_nothing_twice(tmp_path: Path, after: float, data_types: tuple[str, ...]) -> None:
    """Whenever it is cut off, the run goes on from its journal, with one POST in all."""
    journal = tmp_path / "j"
    with staged(4) as stage:
        begun(stage, data_types, journal, at={after: lambda run: run.stop_watching()}).wait(DEADLINE)
        run = stage.resume(journal).wait(DEADLINE)
        assert kinds(stage) == [(PRODUCT, len(data_types) or 4)]
        assert set(run.operations.id) == set(stage.world.accepted[0].operations)


def test_a_journal_is_begun_anew_without_the_product(tmp_path: Path) -> None:
    """What the next run refreshes is no product."""
    journal = tmp_path / "j"
    with staged(4) as stage:
        begun(stage, ("invoices",), journal).wait(DEADLINE)
        stage.run({stage.ids[0]: ["bills"]}, journal).wait(DEADLINE)
        assert stage.resume(journal).wait(DEADLINE).operations.data_type.tolist() == ["bills"]


def test_a_standard_company_is_cautioned() -> None:
    """The run says how Bank Feeds is refreshed before anything ends; with Lending beside it nothing is to be said."""
    with staged(4) as stage:
        for products, told in ((("bank-feeds",), True), (("bank-feeds", "lending"), False)):
            stage.world.assign(stage.ids[0], *products)
            run = stage.run({stage.ids[0]: ["customers"]}).wait(DEADLINE)
            assert ("nothing to pull" in (run.note or "")) == told
            stage.world.clock.advance("1h")


@pytest.mark.parametrize("product", ["", "../x", "x" * 500, 7])
def test_a_product_that_is_none(product: str) -> None:
    """It is refused before anything is begun."""
    with pytest.raises(ValueError, match="an identifier such as"):
        read_targets("id", ["invoices"], None, product)
    with pytest.raises(ValueError, match="an identifier such as"):
        everything("id", product)


def test_a_product_takes_no_connection() -> None:
    """Neither named beside a company nor in a plan."""
    with pytest.raises(ValueError, match="takes no connection"):
        read_targets("id", ["invoices"], "c1", PRODUCT)
    assert read_targets({"id": ["invoices"]}, product=PRODUCT) == Targets({"id": (("invoices", None),)}, (), PRODUCT)
