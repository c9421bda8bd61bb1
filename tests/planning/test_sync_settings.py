"""Sync settings: the company's and the client's as one, what they explain and cost in requests, and the audit."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from codat_notebook import frames
from codat_notebook.models.shared import SyncSetting, SyncSettings
from codat_notebook.planning.sync_settings import explained, merged
from codat_notebook.runs.store import JournalError
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

from .test_session import asked

COMPANY = "11111111-1111-4111-8111-111111111111"
SETTINGS = {"settings.get_company_sync_settings": 1, "settings.get_profile_sync_settings": 1}


def toft(session: Session) -> str:
    """The first company's id."""
    return str(session.companies(search="Toft").id[0])


def setting(data_type: str, hours: int | None = 0, **fields: object) -> SyncSetting:
    """One setting, fetched on first link."""
    given = {"fetch_on_first_link": True, **fields}
    return SyncSetting(data_type=data_type, sync_schedule=hours, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("overrides", "hours", "level"), [(True, 24, "company"), (None, 24, "company"), (False, 168, "client")]
)
def test_a_company_overrides_the_client(overrides: bool | None, hours: int, level: str) -> None:
    """Only where it says so, or says nothing; what its list lacks keeps the client's setting."""
    company = SyncSettings(settings=[setting("invoices", 24)], overrides_defaults=overrides)
    profile = SyncSettings(settings=[setting("invoices", 168), setting("bills", None)])
    settings = merged(COMPANY, company, profile)
    assert (settings["invoices"].schedule, settings["invoices"].level) == (timedelta(hours=hours), level)
    assert (settings["bills"].schedule, settings["bills"].level) == (None, "client")


@pytest.mark.parametrize(
    ("given", "never", "words"),
    [
        (None, True, "never fetched: not in the company's settings"),
        (setting("bills", fetch_on_first_link=False), True, "never fetched: read only when asked for"),
        (setting("bills", 24, sync_from_window=9), False,
         "Codat reads it every day; records changed in the last 9 months"),
        (setting("profitAndLoss", 36, months_to_sync=24), True, "Codat reads it every 36 hours; 24 months of history"),
        (setting("bills", sync_from_utc="2020-01-01"), False,
         "read on first link, not scheduled; records changed since 2020-01-01"),
        (setting("bills", 10**15), False, "read on first link, not scheduled"),
    ],
)  # fmt: skip
def test_what_they_explain(given: SyncSetting | None, never: bool, words: str) -> None:
    """Why a type was never read, its schedule, and how far back it is read."""
    settings = merged(COMPANY, SyncSettings(settings=[given] if given else []))
    assert explained(settings, given.data_type if given else "bills", never) == words


def test_the_frame(sandbox: Sandbox, session: Session) -> None:
    """Two requests; a row for each type with fixed columns; one company's own settings, and the client's."""
    id = toft(session)
    sandbox.faults.profile_settings = {"journals": None, "bills": {"syncSchedule": 168}}
    before = session.settings(id).set_index("data_type")
    sandbox.faults.company_settings = {id: {"invoices": {"syncSchedule": 24, "syncFromWindow": 6, "isLocked": True}}}
    after = session.settings(id)
    assert asked(session).items() >= dict.fromkeys(SETTINGS, 2).items()
    assert list(after.columns) == list(frames.SETTINGS)
    after = after.set_index("data_type")
    assert "journals" not in after.index
    assert (before.level.unique().tolist(), after.level.unique().tolist()) == (["client"], ["company"])
    assert before.schedule["bills"] == pd.Timedelta("7D")
    row = after.loc["invoices"]
    assert (row.schedule, row.window_months, row.locked) == (pd.Timedelta("1D"), 6, True)


def test_status_asks_for_them_where_something_was_never_read(sandbox: Sandbox, session: Session) -> None:
    """Once; and not for a company of which everything was read."""
    sandbox.faults.profile_settings = {"journalEntries": None}
    for _ in range(2):
        status = session.status(toft(session)).set_index("data_type")
    assert status.setting["journalEntries"] == "never fetched: not in the company's settings"
    assert asked(session).items() >= SETTINGS.items()
    dave = str(session.companies(search="Dave").id[0])
    assert session.status(dave).setting.isna().all()
    assert asked(session).items() >= SETTINGS.items()


def test_a_plan_with_settings(sandbox: Sandbox, session: Session) -> None:
    """Reasons say what Codat does by itself; one request a company and one for the client. Without: none."""
    id = toft(session)
    plain = session.plan([id])
    assert not SETTINGS.keys() & asked(session).keys()
    sandbox.faults.profile_settings = {"journalEntries": None}
    sandbox.faults.company_settings = {id: {"bills": None, "invoices": {"syncSchedule": 24}}}
    told = session.plan([id], settings=True)
    assert asked(session).items() >= SETTINGS.items()
    reasons = dict(zip(told.data_type.astype(str), told.reason.astype(str), strict=True))
    assert reasons["journalEntries"] == "never fetched: not in the company's settings"
    assert reasons["invoices"].startswith("asked for; Codat reads it every day")
    assert reasons["bills"].startswith("asked for; read on first link, not scheduled")
    assert told.action.tolist() == plain.action.tolist()


def test_settings_that_cannot_be_read_take_nothing_away(sandbox: Sandbox, session: Session) -> None:
    """The status and the plan are there, and the errors say what is missing."""
    id = toft(session)
    sandbox.faults.next(9, match="GET */syncSettings", status=403)
    assert session.status(id).setting.isna().all()
    assert "journalEntries" in session.plan([id], settings=True).data_type.tolist()
    assert session.errors.what.str.contains("sync settings").sum() == 2


def found(audit: pd.DataFrame) -> set[tuple[str, str]]:
    """Finding and data type."""
    return set(zip(audit.finding.astype(str), audit.data_type.astype(str), strict=True))


def test_the_audit(sandbox: Sandbox, session: Session, tmp_path: Path) -> None:
    """What lending needs and the settings lack, what is read in part, and what is read by both."""
    id = toft(session)
    journal = tmp_path / "nightly.sqlite"
    sandbox.clock.resume()
    session.refresh(id, "company", "balanceSheet", journal=journal).wait(60)
    sandbox.clock.pause()
    fine = {name: {"syncSchedule": 24} for name in ("chartOfAccounts", "profitAndLoss", "bankAccounts")}
    sandbox.faults.profile_settings = {
        **fine, "bankTransactions": None, "banking-accounts": {"fetchOnFirstLink": False, "syncSchedule": 24},
        "company": {"syncSchedule": 720}, "balanceSheet": {"monthsToSync": 12},
        "bankAccounts": {"syncSchedule": 24, "syncFromUtc": "2026-01-01", "syncFromWindow": None},
        "chartOfAccounts": {"syncSchedule": 24, "syncFromWindow": 24},
    }  # fmt: skip
    audit = session.settings_audit(id, "lending", journal=journal)
    assert list(audit.columns) == list(frames.AUDIT)
    findings = found(audit)
    assert findings >= {
        ("not fetched", "banking-accounts"), ("window too short", "balanceSheet"), ("read twice", "company"),
        ("window too short", "bankAccounts"), ("window on reference data", "chartOfAccounts"),
        ("not refreshed", "banking-transactions"),
    }  # fmt: skip
    # NetSuite has no bankTransactions, a journal of ours reads the balance sheet, and that one is not scheduled.
    absent = {("not fetched", "bankTransactions"), ("not refreshed", "balanceSheet"), ("read twice", "balanceSheet")}
    assert not findings & absent
    assert audit.source.str.startswith("docs/").all()
    assert audit.action.str.len().min() > 20


def test_a_journal_of_everything(sandbox: Sandbox, session: Session, tmp_path: Path) -> None:
    """It stands for what is fetched on first link; one of a product for the data types that it has brought."""
    id = toft(session)
    sandbox.faults.sync_schedule = 24
    for name, product in (("all", None), ("product", "credit-monitoring")):
        run = session.refresh_all(id, product=product, journal=tmp_path / name)
        sandbox.clock.resume()
        run.wait(60)
        sandbox.clock.pause()
    twice = {}
    for name in ("all", "product"):
        audit = session.settings_audit(id, "payables", journal=tmp_path / name)
        twice[name] = {data_type for finding, data_type in found(audit) if finding == "read twice"}
    assert twice["product"] == set(sandbox.faults.custom_products["credit-monitoring"])
    assert len(twice["all"]) > 30
    assert "journals" not in twice["all"]  # not fetched on first link


def test_an_audit_without_findings(sandbox: Sandbox, session: Session) -> None:
    """Everything fetched and scheduled: an empty frame with its columns."""
    sandbox.faults.sync_schedule = 24
    audit = session.settings_audit(toft(session), "payables")
    window = audit[audit.finding == "window on reference data"]
    assert found(audit) == {("window on reference data", "suppliers")}
    assert len(window) == 1


@pytest.mark.parametrize(("purpose", "months"), [("lendng", 24), (None, 24), ("lending", 0), ("lending", 1.5)])
def test_what_an_audit_refuses(session: Session, purpose: str, months: int) -> None:
    """A purpose that there is not, with those that there are; months that are none."""
    with pytest.raises(ValueError, match=r"lending|whole number"):
        session.settings_audit(COMPANY, purpose, months=months)


def test_a_journal_that_is_none(session: Session, tmp_path: Path) -> None:
    """A file that is missing, or something else, is told before anything is asked."""
    (other := tmp_path / "notes.txt").write_text("no journal" * 20)
    for path in (tmp_path / "missing", other):
        with pytest.raises(JournalError):
            session.settings_audit(COMPANY, journal=path)
    assert asked(session) == {}
