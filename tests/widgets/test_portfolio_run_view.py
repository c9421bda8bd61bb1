"""The live view of a run over many companies, at the end of everything."""

import subprocess
import sys

_CLOSED_AT_ONCE = """
import codat_notebook as cn
from codat_notebook.widgets.run_overview import PortfolioRunView

session = cn.connect(sandbox=True)
ids = list(session.companies().id[:3])
run = session.refresh({id: ["company"] for id in ids})
view = PortfolioRunView(run)
run.wait(60)
session.close()
head, tabs, companies, operations, errors = view.children
shown = operations.children[0].frame
print(head.state["phase"]["text"], len(companies.children[0].frame), shown.equals(run.operations))
"""


def test_a_view_shows_the_end_of_a_run_whose_session_is_closed_at_once() -> None:
    """What is due is still drawn, all tables too, though the last session takes the engine with it."""
    run = subprocess.run([sys.executable, "-c", _CLOSED_AT_ONCE], capture_output=True, text=True, timeout=300)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.split() == ["Done", "3", "True"]
