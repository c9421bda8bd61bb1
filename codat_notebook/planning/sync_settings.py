"""What Codat does by itself for a company: its own sync settings and the client's as one, in words, and audited.

The client's settings hold for every company; a company's own override them, as ``overridesDefaults`` says
(docs/knowledge-base/advanced-sync-settings.md). Where that is not said it is taken for true, as in the contract. A data
type that a company's own list leaves out keeps the client's setting (assumed: whether it is reset is not documented).
Settings are only read. The audit holds them against what the data is for; each finding says what to do and its source.
"""

import asyncio
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import inf
from typing import Any, Final

from codat_notebook.models.errors import CodatLendingError
from codat_notebook.models.instants import instant
from codat_notebook.models.shared import SyncSetting, SyncSettings
from codat_notebook.models.vocabulary import REFERENCE_DATA, STATEMENTS, Purpose, custom_identifier, plain_name
from codat_notebook.runs.cells import Cell, CompanyStatus
from codat_notebook.runs.context import CompanyFacts, RunContext
from codat_notebook.words import rhythm_text

_LONGEST: Final = 24 * 366 * 10  # hours; a schedule beyond ten years is none
_PAGE: Final = "docs/knowledge-base/advanced-sync-settings.md"
_TYPES: Final = "docs/core-concepts/data-type-settings.md"
_TWICE: Final = "docs/enterprise/tech-implementation/multiple-use-cases.md"
#: Where settings are changed, for people and for programs.
_WHERE: Final = "in Codat's portal (Settings > Data types), or for this company alone by “Set company sync settings”"


@dataclass(frozen=True, slots=True)
class TypeSetting:
    """What holds for one data type of a company: a row of ``session.settings``; no ``schedule``: None."""

    company_id: str
    data_type: str
    fetch_on_first_link: bool
    schedule: timedelta | None
    order: int
    from_utc: datetime | None
    window_months: int | None
    months_to_sync: int | None
    locked: bool | None
    level: str

    @property
    def words(self) -> str:
        """What Codat does by itself, and how far back."""
        if self.schedule is not None:
            does = f"Codat reads it {rhythm_text(self.schedule)}"
        else:
            does = "read on first link, not scheduled" if self.fetch_on_first_link else "read only when asked for"
        if self.data_type in STATEMENTS:
            back = f"{self.months_to_sync} months of history" if self.months_to_sync else None
        elif self.window_months:
            back = f"records changed in the last {self.window_months} months"
        else:
            back = f"records changed since {self.from_utc:%Y-%m-%d}" if self.from_utc else None
        return "; ".join(filter(None, (does, back)))


Settings = Mapping[str, TypeSetting]


def merged(company_id: str, company: SyncSettings, profile: SyncSettings | None = None) -> dict[str, TypeSetting]:
    """Data type -> what holds for a company, of its own settings and of the client's, in the order of queueing. Without
    the ``profile`` a company that overrides nothing is taken to have been told the client's settings."""
    own = company.overrides_defaults is not False
    rows = {str(each.data_type): (each, "client") for each in (profile.settings if profile else ())}
    for each in company.settings:
        if own or each.data_type not in rows:
            rows[str(each.data_type)] = each, "company" if own else "client"
    made = [_type_setting(company_id, each, level) for each, level in rows.values() if each.data_type]
    return {each.data_type: each for each in sorted(made, key=lambda each: (each.order, each.data_type))}


def _type_setting(company_id: str, setting: SyncSetting, level: str) -> TypeSetting:
    hours = setting.sync_schedule or 0
    return TypeSetting(
        company_id=company_id,
        data_type=str(setting.data_type),
        fetch_on_first_link=setting.fetch_on_first_link,
        schedule=timedelta(hours=hours) if 0 < hours <= _LONGEST else None,
        order=setting.sync_order,
        from_utc=instant(setting.sync_from_utc),
        window_months=setting.sync_from_window,
        months_to_sync=setting.months_to_sync,
        locked=setting.is_locked,
        level=level,
    )


def explained(settings: Settings, data_type: str, never: bool) -> str:
    """Why a data type is as old as it is, as far as the settings tell. ``never``: it was never read."""
    if custom_identifier(data_type) is not None:
        return "custom: read only when asked for"
    setting = settings.get(data_type)
    if setting is None:
        return "never fetched: not in the company's settings" if never else "not in the company's settings"
    return f"never fetched: {setting.words}" if never and left_out(settings, data_type) else setting.words


def left_out(settings: Settings, data_type: str) -> bool:
    """Whether Codat never reads a data type by itself: neither on first link nor on a schedule."""
    setting = settings.get(data_type)
    return setting is None or (setting.schedule is None and not setting.fetch_on_first_link)


async def read_settings(context: RunContext, company_id: str, *, anew: bool = False) -> dict[str, TypeSetting]:
    """The settings of a company: one request, and one more for the client's, the first time or ``anew``."""
    if anew:
        context.settings.pop(company_id, None)
        context.profile = None
    company, profile = await asyncio.gather(context.company_settings(company_id), context.profile_settings())
    return merged(company_id, company, profile)


async def with_settings(context: RunContext, status: CompanyStatus) -> list[Cell]:
    """The cells of a company. Where one was never read, the settings say why, and what they do for the others; settings
    that cannot be read take nothing away but are told in the errors."""
    linked = {connection.id for connection in status.facts.linked}
    if not any(cell.status is None and cell.connection_id in linked for cell in status.cells):
        return status.cells
    try:
        settings = await read_settings(context, status.facts.id)
    except CodatLendingError as error:
        context.report(error, "The sync settings could not be read", status.facts.subject())
        return status.cells
    return [replace(cell, setting=explained(settings, cell.data_type, cell.status is None)) for cell in status.cells]


def audit_rows(
    facts: CompanyFacts, settings: Settings, purpose: Purpose, ours: Set[str | None], months: int, now: datetime
) -> list[dict[str, Any]]:
    """The findings, as rows of ``session.settings_audit``. ``ours``: the data types that a journal of ours refreshes;
    ``None`` stands for a refresh of everything, which takes those with *fetch on first link*."""
    able = frozenset().union(*facts.supported.values()) if facts.connections else frozenset(purpose.data_types)
    by_us = {
        name for name, setting in settings.items() if name in ours or (None in ours and setting.fetch_on_first_link)
    }
    problems = [
        (name, *finding)
        for name in purpose.data_types
        if name in able
        for finding in _lacking(name, settings.get(name), purpose, name in by_us | ours, months, now)
    ]
    for name, setting in settings.items():
        if name in by_us and setting.schedule is not None:
            what = f"{plain_name(name)}: Codat reads this {rhythm_text(setting.schedule)}, and a journal of yours does."
            how = f"Leave it to one of them: take it out of your refresh, or off the schedule {_WHERE}."
            problems.append((name, "read twice", what, how, _TWICE))
    columns = ("data_type", "finding", "what", "action", "source", "level", "company_id")
    levels = {name: setting.level for name, setting in settings.items()}
    return [dict(zip(columns, (*row, levels.get(row[0]), facts.id), strict=True)) for row in problems]


def _lacking(
    name: str, setting: TypeSetting | None, purpose: Purpose, by_us: bool, months: int, now: datetime
) -> Iterable[tuple[str, str, str, str]]:
    """What one needed data type lacks: finding, what, action, source."""
    said = plain_name(name)
    if setting is None or not setting.fetch_on_first_link:
        told = "not in the settings" if setting is None else "not fetched on first link"
        how = f"Switch on “fetch on first link” for it {_WHERE}; then refresh it once."
        yield "not fetched", f"{said}: {told}, so missing after linking.", how, purpose.source
    if not by_us and (setting is None or setting.schedule is None):
        how = f"Choose a frequency for it {_WHERE}, or refresh it yourself."
        what = f"{said}: neither Codat's schedule nor a journal of yours reads this again."
        yield "not refreshed", what, how, _TYPES
    if setting is None:
        return
    if name in REFERENCE_DATA:
        if setting.window_months or setting.from_utc:
            what = f"{said}: other records refer to this list, which is only partly read."
            yield "window on reference data", what, f"Remove its window {_WHERE}.", _PAGE
    elif (back := months_read(setting, now, now)) < months:
        how = f"Widen the window {_WHERE}; a full sync has to follow."
        yield "window too short", f"{said}: {back:g} months are read; {months} are needed.", how, _PAGE


def months_read(setting: TypeSetting, end: datetime, read: datetime) -> float:
    """How many whole months before ``end`` are read; infinite where all of it is. Windows count back from the time of
    the ``read``, so the months between both are lost (assumed: in whole months)."""
    lost = _months_between(end, read) if end < read else 0
    if setting.data_type in STATEMENTS:
        return (24 if setting.months_to_sync is None else setting.months_to_sync) - lost  # 24: the documented default
    dated = _months_between(setting.from_utc, end) if setting.from_utc else inf
    return min((setting.window_months or inf) - lost, dated)


def _months_between(start: datetime, end: datetime) -> int:
    """Whole months of the calendar from one time to a later one; negative from a later one."""
    whole = 12 * (end.year - start.year) + end.month - start.month
    return whole - ((end.day, end.time()) < (start.day, start.time()))
