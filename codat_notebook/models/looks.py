"""How many requests it takes to follow refreshes to their end, for plans, estimates, budgets and simulations alike."""

from typing import Any

#: Companies that a run reads one by one, and from which on it looks at each as seldom as it ever does.
FEW, MANY = 5, 30


def looks(companies: Any, refreshes: Any, seconds: Any) -> Any:
    """Looks at a company until its refreshes have ended; numbers, or arrays of them.

    A run begins by reading its companies: up to 5 one by one, more in one list. It looks again when what it waits for
    is worth a request: as many seconds as companies are on their way, up to 30 (``runs.polling``). That makes about the
    square root of the seconds on the way per second of this price, fewer where these are few, and one look at the end.
    The numbers are fitted to rounds of 1 to 80 companies with 1 to 14 refreshes each, played with the functions that a
    run goes by: within a tenth, also for one refresh by itself.

    Parameters
    ----------
    companies : how many are in the round.
    refreshes, seconds : how many this company has, and how long these take, added up (medians).

    Examples
    --------
    >>> round(looks(1, 1, 60.0), 1), round(looks(100, 8, 480.0), 1)
    (5.5, 4.4)
    """
    price = companies - (companies > MANY) * (companies - MANY)
    start = 1 + 1 / companies + (companies <= FEW) * (1 - 1 / companies)  # at the end, and its share of the reading
    share = seconds / price * (refreshes**0.35 - (refreshes <= 1) * 0.4 / companies**2)  # one alone ends as usual
    return start + 0.65 * share / (share + 7.5) ** 0.5
