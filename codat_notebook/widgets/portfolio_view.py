"""A portfolio's state on screen: a heatmap of companies by data types, those that need most at the top."""

from collections import Counter

from codat_notebook.planning import goals
from codat_notebook.planning.health import PortfolioStatus
from codat_notebook.widgets.heatmap import Heatmap, heatmap_state
from codat_notebook.widgets.part import Message
from codat_notebook.widgets.run_view import number_of
from codat_notebook.words import count


def portfolio_rows(status: PortfolioStatus) -> dict[str, tuple[str, str]]:
    """The heatmap's rows, the companies with most failing cells first: id -> (name, what is to be said of it)."""
    verdicts: dict[str, Counter[str | None]] = {reading.id: Counter() for reading in status.snapshots}
    for cell in status.current:
        verdicts[cell.company_id][status.verdict(cell)] += 1
    names = {reading.id: reading.name for reading in status.snapshots}
    notes = {reading.id: reading.trouble or _note(verdicts[reading.id]) for reading in status.snapshots}
    worst = sorted(verdicts, key=lambda id: [-verdicts[id][verdict] for verdict in reversed(goals.LATE)])
    return {id: (names[id], notes[id]) for id in worst}


def _note(verdicts: Counter[str | None]) -> str:
    late = [f"{verdicts[verdict]:,} {verdict}" for verdict in reversed(goals.LATE) if verdicts[verdict]]
    if late:
        return f"{', '.join(late)} of {count(verdicts.total(), 'cell')}"
    return "all fresh" if verdicts.total() else "nothing to read"


def portfolio_view(status: PortfolioStatus) -> Heatmap:
    """A heatmap of a portfolio's state: a widget to show anywhere, as often as wanted."""
    part, cells, rows = Heatmap(), status.current, portfolio_rows(status)

    def state(first: int = 0) -> Message:
        empty = "No company is in this portfolio."
        return heatmap_state(cells, status.time, rows, by="company_id", first=first, empty=empty, speed=status.speed)

    part.state = state()
    part.on_message = lambda message: part.show(state(number_of(message, "first")), at_once=True)
    return part
