"""The companies of a world and their connections, each generated when it is first looked at.

The first few are written by hand in :mod:`codat_notebook.sandbox.stories`; the rest come from
:mod:`codat_notebook.sandbox.population`. Both give a :class:`CompanyTemplate`, which is made real here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from codat_notebook.models.platforms import Platform
from codat_notebook.sandbox.listing import Kind
from codat_notebook.sandbox.stories import CompanyTemplate, Link, Trouble
from codat_notebook.sandbox.virtual_time import DAY, to_text

if TYPE_CHECKING:
    from codat_notebook.sandbox.company_history import CompanyHistory

_NEVER: Final = 1 << 62  # ticks: after all dates

#: Documented, in the contract's event ``connection.disconnected``: text and message of the error are the same.
_REVOKED: Final = "The integration de-authorized access to the connection."
INSTALLING: Final = "{platform} answered 404 Not Found for {plain}: the extension is still being installed."  # assumed
#: Documented (dynamics365businesscentral/accounting-dynamics365businesscentral-setup.md): the extension is installed
#: for 10 to 20 minutes after linking, with fetch errors meanwhile.
AFTER_LINKING: Final[Mapping[str, Trouble]] = {"trji": Trouble("FetchError", lasts=20 / 1440, text=INSTALLING)}
#: Documented (plaid/faqs-plaid.md): "very occasionally" the first read of much data fails after 15 minutes, the next
#: one succeeds. How often is assumed, and the text.
FIRST_READS: Final[Mapping[tuple[str, str], tuple[float, Trouble]]] = {
    ("suuo", "banking-transactions"): (0.1, Trouble(
        "FetchError", hold="slow", minutes=15,
        text="{platform} did not deliver {plain} within 15 minutes; the operation timed out.",
    )),
}  # fmt: skip


@dataclass(slots=True)
class Condition:
    """A trouble of one connection, from ``since`` until ``until`` (ticks); ``error`` is what the connection shows."""

    trouble: Trouble
    since: int
    until: int
    error: dict[str, Any] | None = None

    @classmethod
    def of(cls, trouble: Trouble, start: int) -> Condition:
        """It at work, its days counted from ``start``."""
        since = start - round(trouble.began * DAY)
        if trouble.lasts == "midnight":
            return cls(trouble, since, (start // DAY + 1) * DAY)
        return cls(trouble, since, _NEVER if trouble.lasts is None else since + round(trouble.lasts * DAY))

    def active(self, now: int) -> bool:
        """Whether it is there at an instant."""
        return self.since <= now < self.until

    def show(self, now: int) -> dict[str, Any] | None:
        """The error that the connection shows from now on, if it is new; one whose trouble is over is resolved."""
        before = self.error
        if before is None and self.trouble.code is not None and now >= self.since:
            self.error = connection_error(*self.trouble.code, self.since)
        if self.error is not None and self.until <= now:
            resolve(self.error, self.until)
        return self.error if before is None else None


def connection_error(code: str, words: str, at: int) -> dict[str, Any]:
    """An entry of a connection's ``dataConnectionErrors``; documented: message and text may be the same."""
    return {
        "statusCode": code, "statusText": words, "errorMessage": words, "erroredOnUtc": to_text(at), "status": "Active",
    }  # fmt: skip


def resolve(error: dict[str, Any], at: int) -> None:
    """Say that an error is over; does nothing to one that was before."""
    if error["status"] == "Active":
        error.update(status="Resolved", resolvedOnUtc=to_text(at))


@dataclass(slots=True)
class SimulatedConnection:
    """A company's link to a platform. Times are ticks."""

    id: str
    company_id: str
    platform: Platform
    link: Link
    status: str
    created: int
    last_sync: int | None
    authorized: int
    conditions: list[Condition] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    info: list[str] = field(default_factory=list)

    @property
    def leader(self) -> str | None:
        """The type that was read last, before the world began."""
        newest = self.link.newest
        return next((t for t in self.platform.types if self.link.age_of(t) == newest), None)

    def revoke(self, at: int) -> bool:
        """End the authorization, as the platform or the customer does; whether it had not ended before."""
        if self.status == "Deauthorized":
            return False
        self.status = "Deauthorized"
        self.errors.append(connection_error("401", _REVOKED, at))
        return True

    @property
    def expires(self) -> int | None:
        """When the authorization ends: the consent whatever happens, an unused token so long after the last sync."""
        given, unused = self.platform.consent_days, self.platform.token_days
        ends = [] if given is None else [self.authorized + round(given * DAY)]
        if unused is not None:
            ends.append(max(self.last_sync or 0, self.authorized) + round(unused * DAY))
        return min(ends, default=None)

    def bring(self, now: int) -> int | None:
        """Bring it up to an instant: the authorization may have ended, troubles begin and end. When that was, if so."""
        ended = None
        if self.status == "Linked" and (ends := self.expires) is not None and now >= ends:
            self.revoke(ends)
            ended = ends
        self.errors += [error for condition in self.conditions if (error := condition.show(now))]
        self.info = [c.trouble.info for c in self.conditions if c.trouble.info and c.active(now)]
        return ended

    def condition(self, data_type: str, now: int) -> Condition | None:
        """The trouble that a pull of that type meets now."""
        return next((c for c in self.conditions if c.active(now) and c.trouble.concerns(data_type)), None)

    def mend(self, at: int, relinked: bool = False) -> None:
        """Put right what is wrong (or what linking again puts right): the next pulls do not meet it."""
        for condition in self.conditions:
            if condition.active(at) and (condition.trouble.relink or not relinked):
                condition.until = at

    def authorize(self, at: int) -> None:
        """What the customer does through the link URL: errors are resolved, what needed a relink is mended."""
        self.status = "Linked"
        self.mend(at, relinked=True)
        going_on = [c.error for c in self.conditions if c.active(at)]
        for error in self.errors:
            if not any(error is each for each in going_on):
                resolve(error, at)
        self.begin(at)

    def begin(self, at: int) -> None:
        """The authorization begins, and what always follows it on the platform."""
        self.authorized = at
        if (trouble := AFTER_LINKING.get(self.platform.key)) is not None:
            self.conditions.append(Condition.of(trouble, at))

    def document(self, link_base: str) -> dict[str, Any]:
        """The connection as Codat writes it; ``lastSync`` is left out while there is none."""
        document: dict[str, Any] = {
            "id": self.id,
            "integrationId": self.platform.integration_id,
            "integrationKey": self.platform.key,
            "sourceId": self.platform.source_id,
            "sourceType": self.platform.source_type,
            "platformName": self.platform.name,
            "linkUrl": f"{link_base}/companies/{self.company_id}/connections/{self.id}/start",
            "status": self.status,
            "created": to_text(self.created),
            "dataConnectionErrors": [dict(error) for error in self.errors],
        }
        if self.status == "PendingAuth" and not self.errors:
            document["dataConnectionErrors"] = None
        if self.last_sync is not None:
            document["lastSync"] = to_text(self.last_sync)
        # What it holds is undocumented: none here on-premise while there is nothing to tell.
        if self.info or not self.platform.offline:
            told = {"source": self.platform.name} | ({"errors": list(self.info)} if self.info else {})
            document["connectionInfo"] = None if self.status == "PendingAuth" else told
        return document


@dataclass(slots=True)
class SimulatedCompany:
    """A company with its connections. Times are ticks."""

    index: int
    id: str
    template: CompanyTemplate
    created: int
    connections: list[SimulatedConnection]
    parent: dict[str, Any] | None = None
    subsidiaries: list[dict[str, Any]] = field(default_factory=list)
    products: tuple[str, ...] = ()
    history: CompanyHistory | None = None

    @property
    def last_sync(self) -> int | None:
        """When any of its connections was last synced."""
        return max((c.last_sync for c in self.connections if c.last_sync is not None), default=None)

    def find(self, connection_id: str) -> SimulatedConnection | None:
        """Its connection of that id."""
        return next((c for c in self.connections if c.id == connection_id), None)

    def document(self, link_base: str) -> dict[str, Any]:
        """The company as Codat writes it."""
        document: dict[str, Any] = {
            "id": self.id,
            "name": self.template.name,
            "description": self.template.description,
            "redirect": f"https://link.codat.io/company/{self.id}",
            "created": to_text(self.created),
            "createdByUserName": self.template.created_by,
            "products": list(self.products),
            "ownerUserIds": [],
            "tags": dict(self.template.tags),
            "referenceSubsidiaryCompanies": self.subsidiaries,
            "dataConnections": [c.document(link_base) for c in self.connections],
        }
        if self.parent is not None:
            document["referenceParentCompany"] = self.parent
        if (last_sync := self.last_sync) is not None:
            document["lastSync"] = to_text(last_sync)
        return document


def integration(platform: Platform, types: Sequence[str]) -> dict[str, Any]:
    """A platform that has these data types, as ``/integrations`` writes it."""
    return {
        "key": platform.key,
        "logoUrl": f"https://static.codat.io/public/officialLogos/Full/{platform.key}.png",
        "name": platform.name,
        "enabled": platform.withdrawn is None,
        "sourceId": platform.source_id,
        "sourceType": platform.source_type,
        "integrationId": platform.integration_id,
        "isOfflineConnector": platform.offline,
        "isBeta": False,
        "dataProvidedBy": platform.name,
        # The contract names the property dataType and requires datatype: both are there.
        "datatypeFeatures": [
            {"datatype": t, "dataType": t, "supportedFeatures": [{"featureType": "Get", "featureState": "Release"}]}
            for t in types
        ],
    }


#: What a query for connections may name. The API's documentation does not say: these are taken to be.
CONNECTION: Final[Mapping[str, Kind]] = {
    "id": "text", "integrationId": "text", "integrationKey": "text", "sourceId": "text", "sourceType": "text",
    "platformName": "text", "status": "text", "created": "time", "lastSync": "time",
}  # fmt: skip
#: What a query for integrations may name (assumed).
INTEGRATION: Final[Mapping[str, Kind]] = {
    "key": "text", "logoUrl": "text", "name": "text", "enabled": "bool", "sourceId": "text", "sourceType": "text",
    "integrationId": "text", "isOfflineConnector": "bool", "isBeta": "bool", "dataProvidedBy": "text",
}  # fmt: skip


def reference(company_id: str, name: str) -> dict[str, Any]:
    """A company as others refer to it."""
    links = {"portal": f"https://app.codat.io/companies/{company_id}/summary"}
    return {"id": company_id, "name": name, "links": links}
