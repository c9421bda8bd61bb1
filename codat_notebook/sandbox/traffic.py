"""What has been asked: counts of requests by call, and how many were under way at once.

Clients that pace themselves are judged by these books; and where the settings limit the requests at a time for one
company, this is where they are refused.
"""

from __future__ import annotations

from collections import Counter

from codat_notebook.models.vocabulary import ID
from codat_notebook.sandbox.exchange import Request
from codat_notebook.sandbox.limits import TOO_MANY
from codat_notebook.sandbox.problems import Problem


class Traffic:
    """Counts of one service.

    Attributes:
        calls: requests by method and path, ids replaced by ``*``.
        at_once: the most requests that were under way for one company at a time.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.at_once = 0
        self._under_way: Counter[str] = Counter()

    @property
    def requests(self) -> int:
        """All requests."""
        return self.calls.total()

    def come(self, request: Request) -> str:
        """Count a request in; gives what :meth:`go` must be given."""
        self.calls[f"{request.method} {ID.sub('*', request.path)[:100]}"] += 1
        match = ID.search(request.path)
        company = match.group() if match else ""
        self._under_way[company] += 1
        if company:
            self.at_once = max(self.at_once, self._under_way[company])
        return company

    def check(self, company: str, most: int | None) -> None:
        """Refuse a request of a company that has too many under way.

        Raises:
            Problem: 429.
        """
        if company and most is not None and self._under_way[company] > most:
            raise Problem(429, TOO_MANY, headers={"Retry-After": "1"})

    def go(self, company: str) -> None:
        """Count a request out."""
        self._under_way[company] -= 1
        if not self._under_way[company]:
            del self._under_way[company]
