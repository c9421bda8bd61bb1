"""How to retry: the official SDK's two classes, under its import path. Nothing else is ever put here.

The fields, their units (milliseconds) and their meaning are the SDK's. One default differs, on purpose: the
budget (``max_elapsed_time``) is a minute, not an hour, because a person is waiting.
"""

from dataclasses import dataclass


@dataclass
class BackoffStrategy:
    """How long to wait between attempts.

    Attributes:
        initial_interval: the longest first wait, in milliseconds.
        max_interval: the longest of the later ones. What a server asks for (``Retry-After``) is always waited.
        exponent: by how much each wait is longer than the one before.
        max_elapsed_time: the budget of a call in milliseconds, requests and waits together. A pause that would
            end later is not begun: the call raises at once.
    """

    initial_interval: int = 500
    max_interval: int = 60_000
    exponent: float = 1.5
    max_elapsed_time: int = 60_000


class RetryConfig:
    """Whether and how to try again.

    Attributes:
        strategy: ``"backoff"``, or ``"none"`` for exactly one request.
        backoff: the waits and the budget.
        retry_connection_errors: whether to try again when no answer came.

    >>> RetryConfig("backoff", BackoffStrategy(1, 50, 1.1, 100), False).backoff.max_interval
    50
    """

    def __init__(
        self, strategy: str = "backoff", backoff: BackoffStrategy | None = None, retry_connection_errors: bool = True
    ) -> None:
        self.strategy = strategy
        self.backoff = backoff or BackoffStrategy()
        self.retry_connection_errors = retry_connection_errors

    def __repr__(self) -> str:
        return f"RetryConfig({self.strategy!r}, {self.backoff!r}, {self.retry_connection_errors!r})"


__all__ = ["BackoffStrategy", "RetryConfig"]
