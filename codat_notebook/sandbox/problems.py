"""The one exception of the sandbox: an answer that is an error, with the words that Codat uses.

The world raises a :class:`Problem`; the service turns it into the ErrorMessage body. Texts in quotes of the
published examples are kept to the letter, because clients read them.
"""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """An error answer: HTTP status, Codat's text, the service that speaks, headers beyond the usual."""

    def __init__(
        self, status: int, error: str, service: str = "PublicApi", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.service = service
        self.headers = headers or {}

    def body(self, correlation_id: str) -> dict[str, Any]:
        """The ErrorMessage that Codat sends."""
        return {
            "statusCode": self.status,
            "service": self.service,
            "error": self.error,
            "correlationId": correlation_id,
            "validation": None,
            "canBeRetried": "Unknown",
            "detailedErrorCode": 0,
        }


def malformed_query() -> Problem:
    """A query that the grammar refuses."""
    return Problem(400, "Error parsing query - Malformed query.", "ClientsApi")


def unknown_property(name: str, kind: str) -> Problem:
    """A query or order by something that cannot be queried."""
    return Problem(400, f"Error parsing query - Could not resolve property {name} on {kind}", "PullApi")


def misdirected() -> Problem:
    """A request under the name of another host."""
    return Problem(421, "This sandbox answers to 127.0.0.1, localhost and [::1] only.", "Sandbox")


def invalid(what: str) -> Problem:
    """A request that is not valid for another reason."""
    return Problem(400, f"Error processing request - {what}")


def no_company(company_id: str) -> Problem:
    """No such company."""
    return Problem(404, f"No company was found with ID {company_id}", "ClientsApi")


def no_connection(connection_id: str) -> Problem:
    """No such connection of this company."""
    return Problem(404, f"Data connection {connection_id} not found")


def no_dataset(dataset_id: str) -> Problem:
    """No such pull operation of this company."""
    return Problem(404, f"No dataset was found with ID {dataset_id}", "PullApi")


def in_progress(data_type: str, company_id: str, dataset_id: str, status: int) -> Problem:
    """The type is being pulled already."""
    return Problem(
        status,
        f"DatasetAlreadyInProgressException: Cannot queue {data_type} sync for {company_id} "
        f"as previous sync {dataset_id} is still in progress",
        "PullApi",
    )
