"""The published contract as plain tables, and a check of a document against them.

Each field: its types, whether it is always there, and a pattern for text. A field that is in no table is undocumented.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from codat_notebook.models.status import CONNECTION_STATUSES, STATUSES
from codat_notebook.models.vocabulary import DATA_TYPES, SourceType

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
ANY_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z"
URL = r"https?://\S+"


class Field(NamedTuple):
    types: tuple[type, ...]
    required: bool = True
    pattern: str | None = None


def text(pattern: str | None = None, *, required: bool = True, null: bool = False) -> Field:
    """A field of text."""
    return Field((str, type(None)) if null else (str,), required, pattern)


def one_of(words: tuple[str, ...], *, required: bool = True) -> Field:
    """A field of one of some words."""
    return text("|".join(map(re.escape, words)), required=required)


INT, BOOL, LIST, MAP = Field((int,)), Field((bool,)), Field((list,)), Field((dict,))

COMPANY = {
    "id": text(UUID), "name": text(), "redirect": text(URL), "description": text(required=False, null=True),
    "created": text(TIME, required=False), "createdByUserName": text(required=False, null=True),
    "lastSync": text(TIME, required=False, null=True), "tags": Field((dict,), False), "products": Field((list,), False),
    "ownerUserIds": Field((list,), False), "dataConnections": Field((list,), False),
    "referenceParentCompany": Field((dict, type(None)), False), "referenceSubsidiaryCompanies": Field((list,), False),
}  # fmt: skip
COMPANY_REFERENCE = {
    "id": text(UUID, required=False), "name": text(required=False), "description": text(required=False, null=True),
    "links": Field((dict,), False), "tags": Field((dict,), False),
}  # fmt: skip
CONNECTION = {
    "id": text(UUID), "integrationId": text(ANY_UUID), "integrationKey": text("[a-z]{4}"),
    "sourceId": text(ANY_UUID), "sourceType": one_of(SourceType), "platformName": text(), "linkUrl": text(URL),
    "status": one_of(CONNECTION_STATUSES), "created": text(TIME), "lastSync": text(TIME, required=False, null=True),
    "connectionInfo": Field((dict, type(None)), False), "dataConnectionErrors": Field((list, type(None)), False),
}  # fmt: skip
CONNECTION_ERROR = {
    "statusCode": text(required=False), "statusText": text(required=False), "errorMessage": text(required=False),
    "erroredOnUtc": text(TIME, required=False), "resolvedOnUtc": text(TIME, required=False, null=True),
    "status": text("Active|Resolved", required=False, null=True),
}  # fmt: skip
DATA_STATUS = {
    "dataType": one_of(DATA_TYPES), "currentStatus": one_of(STATUSES),
    "lastSuccessfulSync": text(TIME, required=False), "latestSyncId": text(UUID, required=False),
    "latestSuccessfulSyncId": text(UUID, required=False),
}  # fmt: skip
OPERATION = {
    "id": text(UUID), "companyId": text(UUID), "connectionId": text(UUID), "dataType": text(),
    "status": one_of(STATUSES), "statusDescription": text(required=False, null=True),
    "errorMessage": text(required=False, null=True), "requested": text(TIME), "completed": text(TIME, required=False),
    "progress": INT, "isCompleted": BOOL, "isErrored": BOOL,
}  # fmt: skip
PAGE = {"results": LIST, "pageNumber": INT, "pageSize": INT, "totalResults": INT, "_links": MAP}
LINKS = {"self": MAP, "current": MAP, "next": Field((dict,), False), "previous": Field((dict,), False)}
ERROR = {
    "statusCode": INT, "service": text(), "error": text(), "correlationId": text("[0-9a-f]{32}"),
    "canBeRetried": text(), "detailedErrorCode": INT, "validation": Field((dict, type(None)), False),
}  # fmt: skip
VALIDATION = {"errors": LIST, "warnings": LIST}
VALIDATION_ITEM = {
    "ruleId": text(UUID, required=False), "itemId": text(), "message": text(), "validatorName": text(),
}  # fmt: skip
SETTING = {
    "dataType": one_of(DATA_TYPES), "fetchOnFirstLink": BOOL, "syncSchedule": INT, "syncOrder": INT,
    "monthsToSync": Field((int,), False), "syncFromWindow": Field((int,), False),
    "syncFromUtc": text(TIME, required=False), "isLocked": Field((bool,), False),
}  # fmt: skip
COMPANY_SETTINGS = {"companyId": text(UUID), "overridesDefaults": BOOL, "settings": LIST}
PROFILE_SETTINGS = {"clientId": text(UUID), "overridesDefaults": BOOL, "settings": LIST}
INTEGRATION = {
    "key": text("[a-z]{4}"), "logoUrl": text(URL), "name": text(), "enabled": BOOL,
    "sourceId": text(ANY_UUID, required=False), "sourceType": one_of(SourceType, required=False),
    "integrationId": text(ANY_UUID, required=False), "isOfflineConnector": Field((bool,), False),
    "isBeta": Field((bool,), False), "dataProvidedBy": text(required=False), "datatypeFeatures": Field((list,), False),
}  # fmt: skip
FEATURE = {"datatype": one_of(DATA_TYPES), "dataType": one_of(DATA_TYPES), "supportedFeatures": LIST}
SUPPORTED = {
    "featureType": one_of(("Get", "Post", "Categorization", "Delete", "Put", "GetAsPdf", "DownloadAttachment",
                           "GetAttachment", "GetAttachments", "UploadAttachment")),
    "featureState": one_of(("Release", "Alpha", "Beta", "Deprecated", "NotSupported", "NotImplemented")),
}  # fmt: skip
EVENT = {
    "id": text(UUID),
    "eventType": text(r"read\.completed(\.initial|\.(un)?successful)?"),
    "generatedDate": text(TIME),
    "payload": MAP,
}
EVENT_PAYLOAD = {"referenceCompany": MAP, "modifiedFromDate": text(TIME, null=True), "dataTypes": LIST}
EVENT_SUMMARY = {
    "connectionId": text(UUID), "dataType": one_of(DATA_TYPES), "recordsModified": BOOL, "status": one_of(STATUSES),
    "issues": Field((list, type(None))),
}  # fmt: skip


def check(document: Any, table: Mapping[str, Field]) -> None:
    """Assert that a document is as the table says."""
    assert isinstance(document, dict), document
    undocumented = document.keys() - table.keys()
    assert not undocumented, undocumented
    for name, field in table.items():
        if name not in document:
            assert not field.required, f"{name} is missing in {document}"
            continue
        value = document[name]
        assert type(value) in field.types, (name, value)
        if field.pattern is not None and value is not None:
            assert re.fullmatch(field.pattern, value), (name, value)


def check_page(page: Any, table: Mapping[str, Field]) -> None:
    """Assert that a page and all its rows are as published."""
    check(page, PAGE)
    check(page["_links"], LINKS)
    for link in page["_links"].values():
        assert link["href"].startswith("/"), link
    for row in page["results"]:
        check(row, table)
        for connection in row.get("dataConnections", ()):
            check_connection(connection)
        for reference in (row.get("referenceParentCompany"), *row.get("referenceSubsidiaryCompanies", ())):
            check(reference or {}, COMPANY_REFERENCE)
        for feature in row.get("datatypeFeatures", ()):
            check(feature, FEATURE)
            for supported in feature["supportedFeatures"]:
                check(supported, SUPPORTED)


def check_event(event: Any) -> None:
    """Assert that an event is as published."""
    check(event, EVENT)
    check(event["payload"], EVENT_PAYLOAD)
    check(event["payload"]["referenceCompany"], COMPANY_REFERENCE)
    for summary in event["payload"]["dataTypes"]:
        check(summary, EVENT_SUMMARY)


def check_connection(connection: Any) -> None:
    """Assert that a connection and its errors are as published."""
    check(connection, CONNECTION)
    for error in connection["dataConnectionErrors"] or ():
        check(error, CONNECTION_ERROR)


def check_error(answer: Any, status: int) -> None:
    """Assert that an answer is an ErrorMessage of that status."""
    import msgspec

    assert answer.status == status, (answer.status, answer.body)
    body = msgspec.json.decode(answer.body)
    check(body, ERROR)
    assert body["statusCode"] == status
    assert body["correlationId"] == answer.headers["X-Correlation-Id"]
