"""Queue once under random faults: never two operations for one intent, never one lost without "unknown"."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from codat_notebook.client.lookup import SLACK
from codat_notebook.client.queue_once import KEY_AGE
from codat_notebook.client.queueing import OneType, Queued, queue
from codat_notebook.client.slots import Slots
from codat_notebook.models import errors
from codat_notebook.utils import RetryConfig

from .simulated import BASE, GET_FAULTS, POST_FAULTS, START, Stage, budget, intent


class QueueOnce(RuleBasedStateMachine):
    """A caller who refreshes the same type again and again while the server, the line and the clocks misbehave."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.slots = Slots()
        #: What POSTs made for the intent that is open now; it ends with an operation or with "no".
        self.before = 0
        self.since: float | None = None
        self.jitter = 1.0

    @rule(faults=st.lists(st.sampled_from(POST_FAULTS), min_size=1, max_size=4))
    def spoil_posts(self, faults: list[str]) -> None:
        """The next POSTs go wrong."""
        self.stage.server.post_faults.extend(faults)

    @rule(faults=st.lists(st.sampled_from(GET_FAULTS), min_size=1, max_size=3))
    def spoil_reads(self, faults: list[str]) -> None:
        """The next look-ups go wrong."""
        self.stage.server.get_faults.extend(faults)

    @rule(honours=st.booleans(), lag=st.sampled_from([0.0, 3.0, 8.0]), duration=st.sampled_from([0.2, 5.0, 60.0]))
    def change_server(self, honours: bool, lag: float, duration: float) -> None:
        """The server is of another kind."""
        self.stage.server.honours_keys, self.stage.server.lag = honours, lag
        self.stage.server.duration = duration

    @rule(names=st.booleans(), status=st.sampled_from([400, 409]), jitter=st.sampled_from([0.0, 0.5, 1.0]))
    def change_words(self, names: bool, status: int, jitter: float) -> None:
        """The server words its refusals otherwise."""
        self.stage.server.names_operation, self.stage.server.in_progress_status = names, status
        self.jitter = jitter

    @rule(seconds=st.sampled_from([0.1, 3.0, 30.0, 600.0]))
    def time_passes(self, seconds: float) -> None:
        """Nobody does anything."""
        self.stage.time.now += seconds

    @rule(ago=st.sampled_from([5.0, 40.0, 4000.0]), duration=st.sampled_from([1.0, 50.0, 5000.0]))
    def somebody_else(self, ago: float, duration: float) -> None:
        """Codat's schedule or a colleague has queued the same type."""
        self.stage.server.add(ago=ago, duration=duration)

    @rule(retries=st.sampled_from([RetryConfig(), RetryConfig("none"), budget(15), budget(3600)]))
    def refresh(self, retries: RetryConfig) -> None:
        """Ask for a refresh, and hold what comes of it against what the server really did."""
        if self.since is not None and self.stage.time.now - self.since >= KEY_AGE:
            self._closed()  # keys have died: this is a new intent
        self.since = self.stage.time.now if self.since is None else self.since
        call = self.stage.call(retries, lambda: self.jitter)
        try:
            queued = self.stage.drive(queue(OneType, call, intent(), slots=self.slots))
        except errors.CodatLendingError as error:
            self._failed(error)
        else:
            self._succeeded(queued)

    def _failed(self, error: errors.CodatLendingError) -> None:
        made = len(self.stage.server.ours()) - self.before
        assert error.queued in ("no", "unknown")
        assert made == 0 or error.queued == "unknown", "an operation was lost without a word"
        if error.queued == "no":
            self._closed()

    def _succeeded(self, queued: Queued) -> None:
        ids = [op.id for op in self.stage.server.ours()][self.before :]
        given = next(op for op in self.stage.server.operations if op.id == queued.operation.id)
        # One that runs will do: a POST would be refused because of it. So will somebody else's that was requested since
        # the intent began, as far as clocks can tell: nobody knows who queued what, and the data is as fresh.
        since = START + (self.since or 0.0) - SLACK.total_seconds()
        will_do = given.id in ids or queued.operation.status == "Fetching" or given.requested >= since
        assert not ids or will_do, "another operation than ours was handed out"
        self._closed()

    def _closed(self) -> None:
        self.before, self.since = len(self.stage.server.ours()), None

    @invariant()
    def never_two(self) -> None:
        """One intent never makes two operations."""
        assert len(self.stage.server.ours()) - self.before <= 1

    def teardown(self) -> None:
        """Whatever happened, the slot is free."""
        assert self.slots.enter((BASE, intent())) is None


TestQueueOnce = QueueOnce.TestCase
TestQueueOnce.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
