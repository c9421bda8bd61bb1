"""Deliveries as Codat sends them, signed by arithmetic that is not the package's."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
COMPANY, CONNECTION = "8a210b68-6988-41ed-a1eb-0242ac120002", "2e9d2c44-f675-40ba-8049-353bfcb5e171"


def signature(secret: str, id: str, at: int | str, body: bytes) -> str:
    """One signature, as in the header."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()).decode()


def signed(body: bytes, id: str = "msg_1", at: int | None = None, secret: str = SECRET) -> dict[str, str]:
    """The headers of a delivery."""
    sent = int(NOW.timestamp()) if at is None else at
    return {
        "webhook-id": id,
        "webhook-timestamp": str(sent),
        "webhook-signature": signature(secret, id, sent, body),
    }


def event(type: str = "read.completed", id: str = "e1", **payload: Any) -> dict[str, Any]:
    """A body: of a read of invoices, unless the payload says otherwise."""
    rows = [{"dataType": "invoices", "connectionId": CONNECTION, "status": "Complete", "recordsModified": True}]
    company = {"id": COMPANY, "name": "Toft"}
    told = {"referenceCompany": company, "modifiedFromDate": "2026-11-20T10:00:00Z", "dataTypes": rows, **payload}
    return {"id": id, "eventType": type, "generatedDate": "2026-11-23T13:59:58.1234567Z", "payload": told}


def body_of(told: Any) -> bytes:
    """The bytes of a body."""
    return json.dumps(told).encode()
