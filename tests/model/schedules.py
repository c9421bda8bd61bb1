"""Random schedules for "queue once": what server there is, what goes wrong, who asks when, and what must hold.

A schedule is drawn from its seed alone. :class:`World` says what kind of server and line it plays on; the ledger of
the simulated server says what was really queued. :class:`Verdict` holds that against what the caller was told:

* double: more than one operation for one cell, from the first time it was asked for until that had an end;
* lost: the caller was told that it is queued, or that it surely is not, and the ledger says otherwise;
* wrong: the operation that was handed out is not the one, or says that it ended while it runs.

``unknown`` is an end too, of the caller's call though not of the doubt.
"""

import random
from collections import Counter
from dataclasses import dataclass, field

from ..client.simulated import BANK_A, BANK_B, GET_FAULTS, KEPT, POST_FAULTS, START, Operation, Stage

#: What a server does that answers as Codat documents it, and a line that breaks now and then.
DOCUMENTED = tuple(
    fault for fault in POST_FAULTS if fault.split()[0] in ("refused", "lost", "503", "408", "429") and fault not in KEPT
)


@dataclass
class World:
    """A kind of server, line and clocks."""

    seed: int
    documented: bool
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = chance = random.Random(self.seed)
        harsh = not self.documented
        self.honours_keys = chance.random() < 0.6 or not harsh
        self.lag = chance.choice((0, 3, 8, 15, 60, 90, 120, "mixed") if harsh else (0, 1, 3, 6))
        self.duration = chance.choice((0.2, 5.0, 60.0, 600.0))
        self.tells_time = not harsh or chance.random() < 0.9
        self.in_order = not harsh or chance.random() < 0.8
        self.behind = chance.choice((0, 0, 0, 1, 5, 20)) if harsh else 0
        self.wall = chance.choice((0, 0, 0, -86400, 3600)) if harsh else 0
        self.sleeps = harsh and chance.random() < 0.3
        self.wakes = chance.random() < 0.5  # whether the local clock is right after a sleep
        self.connections = [BANK_A, BANK_B] if chance.random() < 0.25 else [BANK_A]
        self.faults = chance.choice((0.2, 0.5)) if harsh else 0.06
        self.interrupts = 0.2 if harsh else 0.0

    @property
    def longest_lag(self) -> float:
        """Seconds until the history shows an operation, at the most."""
        return 120.0 if self.lag == "mixed" else float(self.lag)

    def stage(self) -> Stage:
        """The world, ready to be played on."""
        stage = Stage(lambda time: START + time.now + self.wall + (time.asleep if self.wakes else 0.0))
        server = stage.server
        server.honours_keys, server.duration, server.behind = self.honours_keys, self.duration, float(self.behind)
        server.tells_time, server.in_order, server.connections = self.tells_time, self.in_order, self.connections
        server.lags = lambda: self.chance.uniform(60, 120) if self.lag == "mixed" else float(self.lag)
        server.in_progress_status = self.chance.choice((400, 409))
        server.names_operation = self.chance.random() < 0.8
        return stage

    def spoil(self, stage: Stage, requests: int = 40) -> None:
        """What goes wrong with the next requests."""
        server, chance = stage.server, self.chance
        posts = DOCUMENTED if self.documented else POST_FAULTS
        server.post_faults.clear()
        server.get_faults.clear()
        for _ in range(requests):
            server.post_faults.append(chance.choice(posts) if chance.random() < self.faults else "")
            server.get_faults.append(chance.choice(GET_FAULTS) if chance.random() < self.faults / 2 else "")
        if self.sleeps and chance.random() < 0.5:
            server.sleep = chance.choice((600.0, 7200.0))


@dataclass
class Ledger:
    """What was really queued for each cell since it was first asked for; see the module's docstring."""

    stage: Stage
    counts: Counter[str] = field(default_factory=Counter)
    since: dict[str, float] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)

    def ours(self, data_type: str) -> list[Operation]:
        """What our POSTs made for a type since it was first asked for, on the first connection."""
        made = [op for op in self.stage.server.ours() if (op.data_type, op.connection) == (data_type, BANK_A)]
        return made[self.before.get(data_type, 0) :]

    def ask(self, *types: str) -> None:
        """Somebody asks, perhaps again."""
        for data_type in types:
            if data_type not in self.since:
                made = [op for op in self.stage.server.ours() if (op.data_type, op.connection) == (data_type, BANK_A)]
                self.before[data_type], self.since[data_type] = len(made), self.stage.server.epoch()

    def covered(self, data_type: str, slack: float = 60.0) -> bool:
        """Whether an operation of the type was requested since it was asked for, or ran then, whoever queued it."""
        since = self.since[data_type]
        return any(
            op.requested >= since - slack or op.requested + op.duration >= since
            for op in self.stage.server.operations
            if op.data_type == data_type
        )

    def close(self, *types: str) -> None:
        """These have an end."""
        for data_type in types:
            self.counts["double"] += len(self.ours(data_type)) > 1
            del self.since[data_type]

    def renew(self, *types: str) -> None:
        """Keys have died: this is a new intent, though the first one's operation will do, too."""
        since = dict(self.since)
        self.close(*types)
        self.ask(*types)
        self.since.update(since)

    def queued(self, *types: str) -> None:
        """The caller was told that they are queued."""
        for data_type in types:
            self.counts["lost"] += not self.covered(data_type)
        self.close(*types)

    def refused(self, *types: str) -> None:
        """The caller was told that surely nothing was queued."""
        for data_type in types:
            self.counts["lost"] += len(self.ours(data_type)) > 0
        self.close(*types)

    def unknown(self) -> None:
        """The caller was told that it is not known."""
        self.counts["unknown"] += 1

    def handed_out(self, data_type: str, id: str, ended: bool) -> None:
        """The caller was given this operation."""
        found = [op for op in self.stage.server.operations if op.id == id and op.data_type == data_type]
        running = bool(found) and self.stage.server.epoch() < found[0].requested + found[0].duration
        self.counts["wrong"] += not found or (ended and running)

    def end(self) -> Counter[str]:
        """The account of the schedule."""
        self.close(*list(self.since))
        return self.counts
