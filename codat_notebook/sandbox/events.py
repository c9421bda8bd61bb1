"""The only place where a change at the source is told: ``read.completed`` events.

Codat sends them to webhooks; here they are a list. One is told for each operation that completes, with
``recordsModified`` drawn from the platform's change rate and the time since the last success, and false the first
time after linking.
"""

from __future__ import annotations

import math
from typing import Any

from codat_notebook.models.platforms import CHANGES_A_DAY, DEFAULT_CHANGES
from codat_notebook.sandbox import validation
from codat_notebook.sandbox.companies import Company
from codat_notebook.sandbox.operations import Operation
from codat_notebook.sandbox.seeded_random import SeededRandom
from codat_notebook.sandbox.time_units import DAY, to_text


def read_completed(draws: SeededRandom, company: Company, op: Operation, before: Operation | None) -> dict[str, Any]:
    """The event of an operation that has completed; ``before`` is the success that preceded it."""
    return {
        "id": draws.uuid("event", op.id),
        "eventType": "read.completed",
        "generatedDate": to_text(op.completed),
        "payload": {
            "referenceCompany": _reference(company),
            "modifiedFromDate": None if before is None else to_text(before.completed),
            "dataTypes": [
                {
                    "dataType": op.data_type,
                    "connectionId": op.connection_id,
                    "status": op.status,
                    "recordsModified": modified(draws, op, before),
                    "issues": [] if not validation.results(draws, op, op.completed)["warnings"] else [_warning(op)],
                }
            ],
        },
    }


def _reference(company: Company) -> dict[str, Any]:
    return {
        "id": company.id,
        "name": company.sketch.name,
        "description": company.sketch.description,
        "links": {"portal": f"https://app.codat.io/companies/{company.id}/summary"},
        "tags": dict(company.sketch.tags),
    }


def _warning(op: Operation) -> dict[str, Any]:
    logs = f"https://api.codat.io/companies/{op.company_id}/sync/{op.id}/validation"
    return {
        "type": "warning.validation",
        "message": f"Some records of {op.data_type} look wrong; the validation results tell which.",
        "links": {"logs": logs, "portal": f"https://app.codat.io/companies/{op.company_id}/pull-history"},
    }


def modified(draws: SeededRandom, op: Operation, before: Operation | None) -> bool:
    """Whether the source has changed since it was last read."""
    if before is None:
        return False
    days = (op.requested - before.requested) / DAY
    rate = CHANGES_A_DAY.get(op.data_type, DEFAULT_CHANGES)
    return draws.number("modified", op.id) < 1 - math.exp(-rate * days)
