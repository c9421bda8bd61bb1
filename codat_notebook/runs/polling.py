"""When to look again: pure functions, so that they can be tested on virtual time.

One request for the newest operations of a company shows all of them, so looks are at companies, never at single
operations. A look costs a request; not looking lets operations that have ended wait to be seen. So the next look
comes when the waiting that is expected by then has grown to the *price* of a request, in seconds of one operation's
waiting; for a steady stream of ends that is the optimum, sqrt(2 x price / ends per second). All durations are the
server's seconds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from codat_notebook.runs.durations import Lifetime

#: What a request is worth where nothing is short: seconds that one operation's end is seen late.
PRICE = 1.0
#: Companies from which on a request is worth no more.
MANY = 30
#: A look comes never sooner than this many seconds after the last one, and never more seldom than ...
SOONEST, LATEST = 1.0, 300.0
#: ... or, where delay is free, than this: an hour.
PATIENT = 3600.0
#: So many operations may probably be running still when waiting longer is not worth it: all that end have ended.
ALMOST_NONE = 0.1
#: After so many times the time after which all have probably ended, they surely have.
SURELY = 2.0
#: Where events tell what ends, a look for those that are lost comes no sooner and no later than after these seconds.
NET = 300.0, 900.0
#: The delay of an operation that runs longer than this is counted in proportion to how long it runs.
LONG = 120.0
#: Seconds for which an operation of unknown queueing is looked for, and for which none at all of what ``data/all``
#: queued may appear; longer where the history was seen to lag.
SETTLE, NOTHING = 120.0, 300.0
#: Operations that one page of the history may hold.
LARGEST_PAGE = 5000


@dataclass(frozen=True, slots=True)
class Running:
    """An operation on its way: for how long, how long such ones take, and for how long it is paused yet."""

    age: float
    lifetime: Lifetime
    paused: float = 0.0

    def left(self, seconds: float) -> float:
        """The chance that it still runs in so many seconds."""
        if self.paused:
            return self.lifetime.left(seconds - self.paused)  # what it has to do begins when the pause ends
        return self.lifetime.left(self.age + seconds) / self.lifetime.left(self.age)

    @property
    def weight(self) -> float:
        """What a second of delay counts: less for one that runs long."""
        return LONG / max(self.age, LONG)


def next_look(running: Sequence[Running], price: float = PRICE) -> float:
    """Seconds until the next look at a company with these operations on their way.

    ``price``: seconds of waiting of one operation that a request is worth; ``math.inf``: delay is free.

    >>> xero = Lifetime(math.log(60), 0.5)
    >>> next_look([Running(0, xero)]) > next_look([Running(0, xero)] * 40) > next_look([Running(50, xero)] * 40)
    True
    >>> 600 <= next_look([Running(5, xero, paused=600)], price=2) + LATEST
    True
    """
    latest = PATIENT if math.isinf(price) else LATEST
    if not running:
        return SOONEST
    waited = seconds = ended = 0.0
    step = SOONEST / 2
    while seconds < latest:
        seconds += step
        now = left = 0.0  # how many operations will have ended by then (weighed), and how many will still run
        for one in running:
            chance = one.left(seconds)
            left += chance
            now += one.weight * (1 - chance)
        grown = step * (ended + now) / 2
        waited += grown
        ended = now
        if waited >= price:
            inside = seconds - step * (waited - price) / max(grown, 1e-9)
            return min(max(inside, SOONEST), latest)
        if left < ALMOST_NONE:
            return min(max(seconds, SOONEST), latest)
        step = max(SOONEST / 2, seconds / 12)
    return latest


def looks_in(running: Sequence[Running], price: float, seconds: float) -> int:
    """How many looks come in so many seconds while all of these run on."""
    number = 0
    while running and (step := next_look(running, price)) <= seconds:
        running = [replace(one, age=one.age + step, paused=max(one.paused - step, 0.0)) for one in running]
        seconds -= step
        number += 1
    return number


def safety_net(running: Sequence[Running]) -> float:
    """Seconds until the next look where events tell what ends: when all have surely ended whose event is lost.

    >>> safety_net([Running(0, Lifetime(math.log(30), 0.5))]), safety_net([Running(0, Lifetime(math.log(1e6), 0.5))])
    (300.0, 900.0)
    """
    return min(max(SURELY * next_look(running, math.inf), NET[0]), NET[1])


def price_of(patience: float, companies: int, backlog: int, slot: float) -> float:
    """What a request is worth, in seconds of one operation's waiting.

    Nobody watches a thousand companies as closely as one: it is ``patience`` for each company on its way, up to
    :data:`MANY`. And where requests are short, a look makes all that waits to be queued wait for one slot more.

    >>> price_of(1, 1, 0, 0.06), price_of(1, 1000, 0, 0.06), price_of(1, 1000, 5000, 0.06)
    (1, 30, 300.0)
    """
    return max(patience * min(max(companies, 1), MANY), backlog * slot)


def page_size(tracked: int) -> int:
    """How many of the newest operations to ask for, so that those tracked are most probably among them."""
    return min(max(100, 2 * tracked + 50), LARGEST_PAGE)
