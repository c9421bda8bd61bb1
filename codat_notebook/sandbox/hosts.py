"""Which names a server on this machine answers to.

A web site whose own name leads to 127.0.0.1 (DNS rebinding) has the browser send that name in the ``Host`` header; a
server that looks at it first cannot be reached so.
"""

from __future__ import annotations

import re
from typing import Final

_NAMES: Final = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?", re.IGNORECASE)


def is_this_machine(host: str | None) -> bool:
    """Whether a ``Host`` header names this machine, at any port.

    >>> is_this_machine("localhost:8765"), is_this_machine("evil.example:8765"), is_this_machine(None)
    (True, False, False)
    """
    return host is not None and _NAMES.fullmatch(host) is not None
