"""What the API tells about itself: the integrations, and the settings that say what is synced when.

Which types are fetched on first link, how often and how far back are the profile's settings; a company may have its
own, which :func:`settings_of` knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from codat_notebook.models.platforms import Platform
from codat_notebook.models.vocabulary import DATA_TYPES, STATEMENTS
from codat_notebook.sandbox.faults import SandboxSettings
from codat_notebook.sandbox.listing import Kind

#: Types that are read only when asked for by name (assumed).
_NOT_ON_FIRST_LINK: Final = frozenset(
    {"itemReceipts", "journals", "salesOrders", "commerce-taxComponents", "banking-transactionCategories"}
)
#: Small lists that are always read whole, as the documentation advises.
_WHOLE: Final = frozenset({"company", "commerce-companyInfo", "taxRates", "chartOfAccounts", "trackingCategories"})
#: What a query for integrations may name (assumed).
INTEGRATION: Final[Mapping[str, Kind]] = {
    "key": "text", "logoUrl": "text", "name": "text", "enabled": "bool", "sourceId": "text", "sourceType": "text",
    "integrationId": "text", "isOfflineConnector": "bool", "isBeta": "bool", "dataProvidedBy": "text",
}  # fmt: skip


def types_of(platform: Platform, new_types: dict[str, set[str]]) -> tuple[str, ...]:
    """The types that a platform has, those added since included."""
    return platform.types + tuple(name for name, keys in new_types.items() if platform.key in keys)


def integration(platform: Platform, new_types: dict[str, set[str]]) -> dict[str, Any]:
    """A platform as ``/integrations`` writes it."""
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
            for t in types_of(platform, new_types)
        ],
    }


def settings_of(settings: SandboxSettings, company_id: str | None = None) -> dict[str, dict[str, Any]]:
    """Data type -> the sync setting that holds for the client, or for a company.

    What a company's settings leave out keeps the client's (assumed: that is not documented).
    """
    of_company = settings.company_settings.get(company_id or "", {})
    made = {}
    for order, data_type in enumerate(DATA_TYPES):
        own = settings.profile_settings.get(data_type, {})
        if own is not None:
            usual = _setting(order, data_type, settings.sync_schedule)
            made[data_type] = usual | own | (of_company.get(data_type) or {})
    return made


def _setting(order: int, data_type: str, hours: int) -> dict[str, Any]:
    setting: dict[str, Any] = {
        "dataType": data_type,
        "fetchOnFirstLink": data_type not in _NOT_ON_FIRST_LINK,
        "syncSchedule": max(hours, 0),
        "syncOrder": order,
        "isLocked": False,
    }
    if data_type in STATEMENTS:
        setting["monthsToSync"] = 24
    elif data_type not in _WHOLE:
        setting["syncFromWindow"] = 24
    return setting
