"""The validation results of an operation: what the checks found in the records that it read.

Drawn from the operation's id; there are errors exactly when it ended in ValidationError.
"""

from __future__ import annotations

from typing import Any, Final

from codat_notebook.sandbox.operations import Operation
from codat_notebook.sandbox.seeded_random import SeededRandom, pick

_ERRORS: Final = (
    ("LineItemTotalsRule", "The line items add up to {n}.00 less than the total."),
    ("CurrencyRateRequiredRule", "A currency rate is required where the currency is not the base currency."),
    ("AccountReferenceRule", "The referenced account does not exist in the chart of accounts."),
)
_WARNINGS: Final = (
    ("ModifiedDateRule", "The record has no modified date; changes may be missed."),
    ("DueDateRule", "The due date is {n} days before the issue date."),
)


def results(draws: SeededRandom, op: Operation, now: int) -> dict[str, Any]:
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
