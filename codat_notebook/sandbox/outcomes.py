"""How a pull operation ends, and what Codat says about it.

The kinds of ending are Codat's; which one an operation takes is decided when it is queued, in this order: what the
connection's state forces, what the company's story says, what the platform refuses, what must come first, chance.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from codat_notebook.models.platforms import Platform
from codat_notebook.models.vocabulary import plain_name
from codat_notebook.sandbox.seeded_random import pick


class Outcome(NamedTuple):
    """The last status, the hold on the way (``"paused"``, ``"waiting"``, ``"queued"`` or none)."""

    status: str
    hold: str | None = None


#: Words of a sketch's ``next_outcomes`` that are no status but a hold before completing.
HOLDS: Final = {
    "Paused": Outcome("Complete", "paused"),
    "Waiting": Outcome("Complete", "waiting"),
    "Offline": Outcome("Complete", "queued"),
}

_MESSAGES: Final = {
    "AuthError": "The authorization for {platform} has expired or was revoked. The customer must relink.",
    "FetchError": (
        "{platform} answered 503 Service Unavailable while {plain} were read.",
        "{platform} is down for maintenance; {plain} could not be read.",
        "The connection to {platform} timed out after 100 seconds while {plain} were read.",
    ),
    "RateLimitError": "{platform} answered 429: its limit on requests is used up.",
    "PermissionsError": (
        "The linked user lacks the role “View {plain_title}” in {platform}.",
        "{platform} answered 403: the linked user may not read {plain}.",
    ),
    "PrerequisiteNotMet": "Other data types of {platform} must be read before {plain}.",
    "NotSupported": "{platform} has no such data.",
    "MapError": "A record of {plain} from {platform} has a form that could not be mapped.",
    "ValidationError": "Validation of {plain} failed; see the validation results of this operation.",
    "ProcessingError": "{plain_title} could not be stored. Codat has been alerted.",
    "InternalError": "An internal error occurred. Codat has been alerted.",
    "Cancelled": "The connector of {platform} was restarted; the operation was cancelled.",
}  # fmt: skip


def message(status: str, platform: Platform, data_type: str, u: float) -> str | None:
    """What Codat says about an ending of that kind; None when it is no failure."""
    texts = _MESSAGES.get(status)
    if texts is None:
        return None
    plain = plain_name(data_type)
    template = texts if isinstance(texts, str) else pick(u, texts)
    return template.format(platform=platform.name, plain=plain.lower(), plain_title=plain)


def told(words: tuple[str, ...], ordinal: int) -> Outcome:
    """The ending that a story tells for the ``ordinal``-th operation (from 0); the last one repeats."""
    word = words[min(ordinal, len(words) - 1)]
    return HOLDS.get(word) or Outcome(word)


def drawn(platform: Platform, data_type: str, u: tuple[float, ...], on_premise_awake: bool) -> Outcome:
    """The ending that chance gives, from four numbers: whether it fails, how, whether it is held, how."""
    if data_type in platform.refuses:
        return Outcome("NotSupported")
    hold = None
    if platform.offline and not on_premise_awake and u[2] < 0.4:
        hold = "queued" if u[3] < 0.6 else "waiting"
    elif u[2] < 0.02:
        hold = "paused"
    if u[0] >= platform.failure_rate:
        return Outcome("Complete", hold)
    return Outcome(failure(platform, u[1]), hold)


def failure(platform: Platform, u: float) -> str:
    """A kind of failure, by the platform's weights."""
    left = u * sum(platform.failures.values())
    for status, weight in platform.failures.items():
        left -= weight
        if left < 0:
            return status
    return "FetchError"
