"""What Codat tells of a read once it has ended: its validation results, and the ``read.completed`` event.

The validation results are drawn from the operation's id; there are errors exactly when it ended in ValidationError.

The event is the only place where Codat tells of a change at the source. Codat sends it to webhooks; here events are a
list, one for each operation that completes, with ``recordsModified`` drawn from the platform's change rate and the
time since the last success, and false the first time after linking.
"""

from __future__ import annotations

import math
from typing import Any, Final

from codat_notebook.models.platforms import changes_a_day
from codat_notebook.sandbox.companies import SimulatedCompany, reference
from codat_notebook.sandbox.pull_operation import Operation
from codat_notebook.sandbox.seeded_random import SeededRandom, pick
from codat_notebook.sandbox.virtual_time import DAY, to_text

_ERRORS: Final = (
    ("LineItemTotalsRule", "The line items add up to {n}.00 less than the total."),
    ("CurrencyRateRequiredRule", "A currency rate is required where the currency is not the base currency."),
    ("AccountReferenceRule", "The referenced account does not exist in the chart of accounts."),
)
_WARNINGS: Final = (
    ("ModifiedDateRule", "The record has no modified date; changes may be missed."),
    ("DueDateRule", "The due date is {n} days before the issue date."),
)


def validation_results(draws: SeededRandom, op: Operation, now: int) -> dict[str, Any]:
    """``{"errors": [...], "warnings": [...]}`` as the API writes them."""
    u = draws.uniforms("validation", op.id)
    read = op.status in ("Complete", "ValidationError") and not op.running(now)
    errors = 1 + int(u[0] * 3) if read and op.status == "ValidationError" else 0
    warnings = int(u[1] * 3) if read and (errors or u[2] < 0.3) else 0
    return {
        "errors": [_item(draws, op, _ERRORS, "error", n) for n in range(errors)],
        "warnings": [_item(draws, op, _WARNINGS, "warning", n) for n in range(warnings)],
    }


def _item(draws: SeededRandom, op: Operation, rules: tuple[tuple[str, str], ...], kind: str, n: int) -> dict[str, Any]:
    u = draws.uniforms("validation", op.id, kind, n)
    rule, text = pick(u[0], rules)
    return {
        "ruleId": draws.uuid("rule", rule),
        "itemId": str(1000 + int(u[1] * 9000)),
        "message": text.format(n=1 + int(u[2] * 40)),
        "validatorName": rule,
    }


def read_completed(
    draws: SeededRandom, company: SimulatedCompany, op: Operation, before: Operation | None
) -> dict[str, Any]:
    """The event of an operation that has completed; ``before`` is the success that preceded it."""
    warning = {
        "type": "warning.validation",
        "message": f"Some records of {op.data_type} look wrong; the validation results tell which.",
        "links": {
            "logs": f"https://api.codat.io/companies/{op.company_id}/sync/{op.id}/validation",
            "portal": f"https://app.codat.io/companies/{op.company_id}/pull-history",
        },
    }
    return {
        "id": draws.uuid("event", op.id),
        "eventType": "read.completed",
        "generatedDate": to_text(op.completed),
        "payload": {
            "referenceCompany": {
                **reference(company.id, company.template.name),
                "description": company.template.description,
                "tags": dict(company.template.tags),
            },
            "modifiedFromDate": None if before is None else to_text(before.completed),
            "dataTypes": [
                {
                    "dataType": op.data_type,
                    "connectionId": op.connection_id,
                    "status": op.status,
                    "recordsModified": modified(draws, op, before),
                    "issues": [warning] if validation_results(draws, op, op.completed)["warnings"] else [],
                }
            ],
        },
    }


def modified(draws: SeededRandom, op: Operation, before: Operation | None) -> bool:
    """Whether the source has changed since it was last read."""
    if before is None:
        return False
    days = (op.requested - before.requested) / DAY
    return draws.number("modified", op.id) < 1 - math.exp(-changes_a_day(op.data_type) * days)
