"""What the documentation leaves open, as switches; and what a test or a demo may want to be otherwise.

Each default is the behaviour that the facts call likeliest. :class:`codat_notebook.sandbox.faults.Faults` adds the
means to make single answers go wrong. The ranges are kept to what is sent over HTTP; Python is trusted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

Count = Annotated[int, Meta(ge=0)]
ClientError = Annotated[int, Meta(ge=400, le=499)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Skew = Annotated[float, Meta(ge=-1e9, le=1e9)]


@dataclass(slots=True)
class Settings:
    """Switches of a sandbox; all can be changed while it runs.

    Attributes:
        in_progress_status: HTTP status of DatasetAlreadyInProgressException (400 or 409).
        queue_everywhere: whether queueing a type without a connection queues it on each that has it, or on one.
        all_in_progress: what ``data/all`` does with types in progress: skip them, or refuse with the exception.
        never_synced: how ``dataStatus`` shows a type never synced: left out, bare, or null.
        unsupported: a type that no platform has: 404, or an operation that ends NotSupported.
        history_lag: virtual seconds until a queued operation appears in lists and look-ups.
        honours_keys: whether Idempotency-Key has any effect.
        clock_skew: virtual seconds that the Date header is ahead of the sandbox's clock.
        max_page_size: the largest page that is given, above it 400; some deployments take no more than 2,000.
        quota: requests a day; None: 1,000 x (1 + companies with a linked connection, counted once a day). Enforced.
        per_minute: requests a virtual minute; None: not enforced.
        concurrent: requests at a time for one company; None: not enforced.
        time_format: of X-Rate-Limit-Reset: seconds left, epoch seconds, ISO 8601 or HTTP date.
        retry_after_format: of Retry-After, likewise.
        payment_required: answer 402 to everything: the plan has ended.
        latency: real seconds that every answer takes.
        gzip: compress where the client accepts it.
        rename_statuses: statuses shown under another name, for words nobody knows.
        new_data_types: data types added since: name -> keys of the platforms that have it.
        sync_schedule: hours after which Codat refreshes each type by itself, told in the sync settings; 0: never.
        maintenance: keys of platforms that are down: reads of them end in FetchError.
        offline: ids of on-premise connections whose machine is off: their operations wait.
    """

    in_progress_status: ClientError = 400
    queue_everywhere: bool = True
    all_in_progress: Literal["skip", "refuse"] = "skip"
    never_synced: Literal["omit", "bare", "null"] = "omit"
    unsupported: Literal["404", "operation"] = "404"
    history_lag: Seconds = 0
    honours_keys: bool = True
    clock_skew: Skew = 0
    max_page_size: Annotated[int, Meta(ge=1)] = 5_000
    quota: Count | None = None
    per_minute: Count | None = None
    concurrent: Count | None = None
    time_format: Literal["seconds", "epoch", "iso", "http"] = "iso"
    retry_after_format: Literal["seconds", "epoch", "iso", "http"] = "seconds"
    payment_required: bool = False
    latency: Seconds = 0
    gzip: bool = True
    rename_statuses: dict[str, str] = field(default_factory=dict)
    new_data_types: dict[str, set[str]] = field(default_factory=dict)
    sync_schedule: Count = 0
    maintenance: set[str] = field(default_factory=set)
    offline: set[str] = field(default_factory=set)
