"""What a session tells of sync settings: as a frame, and held against what the data is for.

:class:`SettingsMethods` is a part of :class:`Session`. Each finding of the audit says what to do and names its source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from codat_notebook import frames
from codat_notebook.models.instants import MONTH
from codat_notebook.models.vocabulary import PURPOSES, REFERENCE_DATA, STATEMENTS, Purpose
from codat_notebook.planning.sync_settings import Settings, TypeSetting, read_settings
from codat_notebook.runs.context import CompanyFacts, RunContext
from codat_notebook.runs.journal import kinds
from codat_notebook.words import rhythm_text

if TYPE_CHECKING:
    import pandas as pd

_PAGE: Final = "docs/knowledge-base/advanced-sync-settings.md"
_TYPES: Final = "docs/core-concepts/data-type-settings.md"
_TWICE: Final = "docs/enterprise/tech-implementation/multiple-use-cases.md"
#: Where settings are changed, for people and for programs.
_WHERE: Final = "in Codat's portal (Settings > Data types), or for this company alone by “Set company sync settings”"


class SettingsMethods:
    """What a session does with sync settings; ``context`` and ``_ask`` are the session's."""

    context: RunContext
    _ask: Callable[..., Any]

    def settings(self, company_id: str) -> pd.DataFrame:
        """When Codat reads which data types of a company by itself, and how far back. Read only; two requests.

        Returns a frame with a row for each data type, in the order of queueing: ``data_type``, ``fetch_on_first_link``,
        ``schedule`` (a duration; missing: none), ``order``, ``from_utc`` and ``window_months`` (only records changed
        since then are read), ``months_to_sync`` (of financial statements), ``locked``, ``level`` (whose setting it is:
        ``company`` or ``client``) and ``company_id``. Custom data types have no settings.

        Raises the client's typed errors.

        >>> session.settings(company_id).query("schedule.isna()")  # doctest: +SKIP
        """
        reading = read_settings(self.context, company_id, anew=True)
        settings = self._ask(reading, "The sync settings could not be read", company_id)
        return frames.of_rows(frames.SETTINGS, settings.values())

    def settings_audit(
        self, company_id: str, purpose: str = "lending", *, journal: str | Path | Iterable[str | Path] = (),
        months: int = 24,
    ) -> pd.DataFrame:  # fmt: skip
        """What in a company's sync settings does not go with what its data is for. Three or four requests.

        Parameters
        ----------
        company_id : the company.
        purpose : ``"lending"`` or ``"expenses"`` (the documented minimum), or a report: ``"financials"``, ``"bank"``,
            ... Only data types that the company's connections can deliver are looked for.
        journal : the files of your own regular refreshes: what Codat schedules as well is read, and paid for, twice.
        months : of history that the purpose needs; 24 is what Codat reads of financial statements by itself.

        Returns a frame with a row for each finding: ``finding``, ``data_type``, ``what``, ``action``, ``source`` (the
        page of Codat's documentation), ``level``, ``company_id``. It is empty where nothing was found.

        Raises ``ValueError`` for a purpose that there is not, and naming those that there are, :class:`JournalError`
        for a file that is no journal or is in use, and the client's typed errors.

        >>> session.settings_audit(company_id, "lending", journal="nightly.sqlite")  # doctest: +SKIP
        """
        needed = PURPOSES.get(purpose.strip().lower()) if isinstance(purpose, str) else None
        if needed is None:
            raise ValueError(f"There is no purpose {purpose!r}; there are {', '.join(PURPOSES)}.")
        if isinstance(months, bool) or not isinstance(months, int) or months < 1:
            raise ValueError(f"months: a whole number of months, at least 1, not {months!r}.")
        paths = [journal] if isinstance(journal, (str, Path)) else list(journal)
        ours = {kind for path in paths for kind in kinds(Path(path), company_id)}
        what = "The sync settings could not be judged"
        facts = self._ask(self.context.company(company_id), what, company_id)
        settings = self._ask(read_settings(self.context, company_id, anew=True), what, company_id)
        now = self.context.now
        return frames.build(frames.AUDIT, _columns(audit_rows(facts, settings, needed, ours, months, now)))


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in frames.AUDIT}


def audit_rows(
    facts: CompanyFacts, settings: Settings, purpose: Purpose, ours: Set[str | None], months: int, now: datetime
) -> list[dict[str, Any]]:
    """The findings, as rows of ``session.settings_audit``. Pure.

    ``ours`` are the data types that a journal of ours refreshes; ``None`` among them stands for a refresh of
    everything, which takes those with *fetch on first link*.
    """
    able = frozenset().union(*facts.supported.values()) if facts.connections else frozenset(purpose.data_types)
    by_us = {
        name for name, setting in settings.items() if name in ours or (None in ours and setting.fetch_on_first_link)
    }
    found = [
        (name, *finding)
        for name in purpose.data_types
        if name in able
        for finding in _lacking(name, settings.get(name), purpose, name in by_us | ours, months, now)
    ]
    for name, setting in settings.items():
        if name in by_us and setting.schedule is not None:
            what = f"Codat reads {name} {rhythm_text(setting.schedule)}, and a journal of yours does."
            how = f"Leave it to one of them: take it out of your refresh, or off the schedule {_WHERE}."
            found.append((name, "read twice", what, how, _TWICE))
    columns = ("data_type", "finding", "what", "action", "source")
    levels = {name: setting.level for name, setting in settings.items()}
    return [
        {**dict(zip(columns, row, strict=True)), "level": levels.get(row[0]), "company_id": facts.id} for row in found
    ]


def _lacking(
    name: str, setting: TypeSetting | None, purpose: Purpose, by_us: bool, months: int, now: datetime
) -> Iterable[tuple[str, str, str, str]]:
    """What one needed data type lacks: finding, what, action, source."""
    if setting is None or not setting.fetch_on_first_link:
        told = "is not in the settings" if setting is None else "is not fetched on first link"
        how = f"Switch on “fetch on first link” for it {_WHERE}; then refresh it once."
        yield "not fetched", f"{name} {told}, so it is missing after linking.", how, purpose.source
    if not by_us and (setting is None or setting.schedule is None):
        how = f"Choose a frequency for it {_WHERE}, or refresh it yourself."
        yield "not refreshed", f"Neither Codat's schedule nor a journal of yours reads {name} again.", how, _TYPES
    if setting is None:
        return
    if name in REFERENCE_DATA:
        if setting.window_months or setting.from_utc:
            what = f"{name} is a list that other records refer to, and is read in part."
            yield "window on reference data", what, f"Take its window off {_WHERE}.", _PAGE
    elif (back := _months_back(setting, now)) < months:
        how = f"Widen the window {_WHERE}; a full sync has to follow."
        yield "window too short", f"{back:g} months of {name} are read; {months} are needed.", how, _PAGE


def _months_back(setting: TypeSetting, now: datetime) -> float:
    """How many months of history are read; infinite where all of it is."""
    if setting.data_type in STATEMENTS:
        return 24 if setting.months_to_sync is None else setting.months_to_sync  # documented default
    dated = (now - setting.from_utc).days // MONTH if setting.from_utc else float("inf")
    return min(setting.window_months or float("inf"), dated)
