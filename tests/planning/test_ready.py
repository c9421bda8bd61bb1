"""Is it ready? A defect is planted in a company that is: that reason is told, no other, and its advice mends it."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from codat_notebook import frames
from codat_notebook.planning.readiness import CODES
from codat_notebook.planning.verdict import ALONE, UNSEEN, Readiness
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from .planted import BANK, BOOKS, PERIOD, SHOP, add, connection, link

Do = Callable[[Sandbox, Session, str], object]


class Defect(NamedTuple):
    """What is wrong, how it is asked about, and what is done about it: by default what the plan says."""

    plant: Callable[[Sandbox], str]
    mend: Do | None = None
    asked: Mapping[str, Any] = MappingProxyType({})
    then: dict[str, Any] | None = None
    types: tuple[str, ...] = ("balanceSheet",)


def refreshed(sandbox: Sandbox, session: Session, answer: Readiness) -> None:
    """Run the plan of an answer to its end."""
    sandbox.clock.resume()
    session.refresh(answer.plan()).wait(60)
    sandbox.clock.pause()


def aged(age: float | None, **settings: Any) -> Callable[[Sandbox], str]:
    """The balance sheet was read so many days ago."""

    def plant(sandbox: Sandbox) -> str:
        sandbox.faults.profile_settings |= settings
        return add(sandbox, link(BOOKS, ages={"balanceSheet": age}), link(BANK), link(SHOP))

    return plant


def ended(status: str) -> Callable[[Sandbox], str]:
    """The last refresh of the balance sheet ended so, a moment ago."""

    def plant(sandbox: Sandbox) -> str:
        id = add(sandbox)
        sandbox.faults.end_next(status, data_type="balanceSheet")
        sandbox.world.queue(id, "balanceSheet")
        sandbox.clock.advance("1h")
        return id

    return plant


def under_way(sandbox: Sandbox) -> str:
    """The balance sheet is being read."""
    id = add(sandbox)
    sandbox.world.queue(id, "balanceSheet")
    sandbox.clock.advance("5s")
    return id


def lost(sandbox: Sandbox) -> str:
    """The bank is disconnected."""
    id = add(sandbox)
    sandbox.world.deauthorize(id, connection(sandbox, id, BANK))
    return id


def relinked(sandbox: Sandbox, session: Session, id: str) -> None:
    """The customer does as asked."""
    sandbox.world.relink(id, connection(sandbox, id, BANK))


def widened(sandbox: Sandbox, session: Session, id: str) -> None:
    """The window is made as wide as is needed."""
    sandbox.faults.profile_settings = {}


def without_shop(sandbox: Sandbox) -> str:
    """No shop was ever connected."""
    return add(sandbox, link(BOOKS), link(BANK))


def on_xero(sandbox: Sandbox) -> str:
    """The books are in Xero."""
    return add(sandbox, link("gbol"), link(BANK), link(SHOP))


def later(length: str) -> Do:
    """So much time passes."""
    return lambda sandbox, session, id: sandbox.clock.advance(length)


SHOPS = ("commerce-companyInfo", "commerce-customers", "commerce-orders")
BANKING = ("banking-accounts", "banking-transactions", "banking-transactionCategories", "banking-accountBalances")
DEFECTS = {
    "never_read": Defect(aged(None)),
    "not_fetched": Defect(aged(None, balanceSheet={"fetchOnFirstLink": False})),
    "stale": Defect(aged(5), asked={"max_age": "3D"}),
    "read_before_period_end": Defect(aged(25)),
    "skew": Defect(aged(1.2)),
    "failed": Defect(ended("FetchError")),
    "validation_error": Defect(ended("ValidationError")),
    "unknown": Defect(ended("Routing")),
    "running": Defect(under_way, later("2h")),
    "not_linked": Defect(lost, relinked, types=BANKING),
    "missing_connection": Defect(without_shop, asked={}, then={"sources": ["accounting", "bank"]}, types=SHOPS),
    "window_too_short": Defect(
        aged(0.1, balanceSheet={"monthsToSync": 6}), widened, asked={"months": 12}
    ),
    "period_not_ended": Defect(add, later("8D"), asked={"period_end": "2026-11-30"}, types=()),
    "not_supported": Defect(
        add, asked={"purpose": ["balanceSheet", "itemReceipts"]}, then={"purpose": ["balanceSheet"]},
        types=("itemReceipts",),
    ),
    "expected_failure": Defect(
        on_xero, asked={"sources": "accounting"}, then={"sources": ("accounting", "bank")},
        types=("bankTransactions",),
    ),
}  # fmt: skip


def test_all_reasons_are_planted() -> None:
    """None is left out."""
    assert set(DEFECTS) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_one_defect_is_one_reason_and_its_advice_mends_it(sandbox: Sandbox, session: Session, code: str) -> None:
    """That reason, no other; then the verdict flips."""
    defect = DEFECTS[code]
    id = defect.plant(sandbox)
    asked = {**PERIOD, **defect.asked}
    answer = session.ready(id, **asked)
    assert set(answer.reasons.code) == {code}
    assert tuple(answer.reasons.data_type.dropna()) == defect.types
    assert answer.state == ("unknown" if code == "unknown" else "not_ready")
    assert (bool(answer), answer.ready) == (False, False)
    assert answer.reasons.source.str.match(r"docs/|yaml/|blog/|inferred").all()
    if defect.mend is not None:
        assert len(answer.plan()) == 0
        defect.mend(sandbox, session, id)
        again = session.ready(id, **asked)
        if code == "period_not_ended":  # meanwhile everything was read before its end
            assert set(again.reasons.code) == {"read_before_period_end"}
        if len(again.plan()):
            refreshed(sandbox, session, again)
    elif defect.then is None:
        assert set(answer.plan().action) == {"queue"}
        assert answer.plan().data_type.tolist() == ["balanceSheet"]
        refreshed(sandbox, session, answer)
    mended = session.ready(id, **{**asked, **(defect.then or {})})
    assert mended.ready
    assert mended
    assert mended.reasons.empty


def test_a_company_without_defects_is_ready(sandbox: Sandbox, session: Session) -> None:
    """For lending; two requests, the platforms asked for once; the window takes two more."""
    id = add(sandbox)
    before = len(session.requests)
    answer = session.ready(id, **PERIOD)
    assert answer
    assert answer.summary == "Ready for lending, to 31 Oct 2026."
    assert answer.plan().empty
    assert answer.actions.empty
    assert UNSEEN in str(answer)
    assert len(session.requests) - before == 3
    assert session.ready(id, months=12, **PERIOD).summary == "Ready for lending, 12 months to 31 Oct 2026."
    assert len(session.requests) - before == 3 + 4


def test_a_company_that_is_not_there_is_not_known(session: Session) -> None:
    """Whatever was typed."""
    for id in ("nobody", "00000000-0000-0000-0000-000000000000"):
        answer = session.ready(id, **PERIOD)
        assert (answer.state, answer.ready) == ("unknown", False)
        assert "unknown company" in answer.summary


def test_a_company_that_cannot_be_read_is_not_known(sandbox: Sandbox, session: Session) -> None:
    """A refusal is no reason to be ready, nor not to be; the errors say more."""
    id = add(sandbox)
    sandbox.faults.next(9, match="GET */data/history*", status=403)
    assert session.ready(id, **PERIOD).state == "unknown"
    assert len(session.errors) == 1


def test_a_portfolio(sandbox: Sandbox, session: Session) -> None:
    """A row for each, what is not ready first; narrowed by ids and tags; nothing is queued."""
    ids = [add(sandbox, name="Well"), add(sandbox, link(BOOKS, 40), link(BANK), link(SHOP), name="Late")]
    found = session.portfolio_ready([*ids, "nobody"], **PERIOD)
    assert found.state.tolist() == ["not_ready", "unknown", "ready"]
    assert found.company.tolist() == ["Late", "nobody", "Well"]
    late = found.iloc[0]
    assert (late.reasons, late.missing, late.data_types, late.refreshes) == ("read_before_period_end", 6, 13, 6)
    question = {name: value for name, value in PERIOD.items() if name != "months"}
    rows = session.portfolio_status([*ids, "nobody"], **question).companies.set_index("company")
    assert dict(rows.ready) == {"Late": "not ready", "nobody": "not known", "Well": "ready"}
    some = session.portfolio_ready(tags={"region": "de"}, **PERIOD)
    assert 0 < len(some) < 40
    assert session.portfolio_ready([], **PERIOD).empty
    assert list(session.portfolio_ready([], **PERIOD).columns) == list(frames.READY)
    assert not sandbox.world.accepted


def test_lost_is_said_with_what_to_send(sandbox: Sandbox, session: Session) -> None:
    """The customer relinks; refreshing alone does not help; the URL stands in the actions alone."""
    answer = session.ready(lost(sandbox), **PERIOD)
    assert ALONE in answer.closing
    assert answer.actions.who.tolist() == ["customer"]
    url = answer.actions.link_url[0]
    assert url.startswith("http")
    assert url not in str(answer)
    assert answer.reasons["what"].str.startswith("Disconnected since").all()


def test_what_is_missing_is_linked_at_the_company(sandbox: Sandbox, session: Session) -> None:
    """Its redirect opens the choice of platforms."""
    answer = session.ready(without_shop(sandbox), **PERIOD)
    assert answer.actions.link_url.tolist() == [sandbox.world.company(answer.snapshot.id)["redirect"]]


def test_the_history_tells_how_long_it_takes(sandbox: Sandbox, session: Session) -> None:
    """From what such refreshes of the company took before."""
    id = add(sandbox, link(BOOKS, ages={"balanceSheet": 25}, period=5.0), link(BANK), link(SHOP))
    eta = session.ready(id, **PERIOD).eta
    assert eta is not None
    assert timedelta(0) < eta[0] < eta[1] < timedelta(hours=1)
    assert session.ready(aged(None)(sandbox), **PERIOD).eta is None
