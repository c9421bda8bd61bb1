"""The live view of a run over many companies, driven in a browser: real sandbox, real run, real kernel side."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from codat_notebook.models.shared import Security
from codat_notebook.runs.run import RefreshRun
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session
from codat_notebook.widgets.run_overview import PortfolioRunView

from .stage import Stage

#: The widgets of the view in the order in which the stage mounts them.
HEAD, TABS, COMPANIES, ONE, OPERATIONS, ERRORS = range(6)
COMPOSE = """() => {
  const box = document.createElement('div');
  box.className = 'codat-console';
  const part = (n) => document.getElementById(`part-${n}`);
  box.append(part(0), part(1));
  for (const [name, numbers] of [['companies', [2, 3]], ['operations', [4]], ['errors', [5]]]) {
    const panel = document.createElement('div');
    panel.className = `codat-panel-${name} widget-vbox`;
    panel.append(...numbers.map(part));
    box.append(panel);
  }
  document.body.append(box);
  box.dataset.tab = 'companies';
}"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with forty companies, five minutes a second."""
    with Sandbox(companies=40, speed=300, seed=5) as sandbox:
        yield sandbox


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[Session]:
    """A session on the test's sandbox."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        yield session


def mount(stage: Stage, view: PortfolioRunView, **look: object) -> Locator:
    """Put the parts of a view on the stage, in boxes as ipywidgets draws them."""
    head, tabs, companies, operations, errors = view.children
    parts = [head, tabs, *companies.children, *operations.children, *errors.children]
    stage.mount(*parts, **look)
    stage.page.evaluate(COMPOSE)
    return stage.page.locator(".codat-console")


def started(session: Session) -> RefreshRun:
    """A run over all companies, of three data types each, wherever a connection has them: but for QuickBooks Desktop,
    which is read at night alone."""
    frame = session.plan(data_types=["invoices", "customers", "banking-transactions"])
    return session.refresh(frame[frame["platform"] != "QuickBooks Desktop"])


def test_a_run_over_many_companies_is_followed_opened_and_its_links_copied(
    stage: Stage, session: Session, tmp_path: Path
) -> None:
    """The head counts to the end, a company opens to its operations, and who must relink can be copied at once."""
    session.remember(tmp_path / "codat.sqlite")
    run = started(session)
    run.pause()  # before the facts are known, so that something is left to queue
    console = mount(stage, PortfolioRunView(run), height=1100)
    expect(console.locator(".codat-run-overview .c-pill").first).to_have_text("Paused")
    stage.shot("run-overview-paused")
    console.get_by_role("button", name="Resume queueing").click()
    stage.wait_for(lambda: run.counts.get("complete", 0) > 5, seconds=60)
    stage.shot("run-overview-running")
    stage.wait_for(lambda: run.done, seconds=120)
    head = console.locator(".codat-run-overview")
    expect(head.locator(".c-pill").first).to_have_text("Ended with failures")
    expect(head.locator(".figures")).to_contain_text(f"{len(run.rows)} of {len(run.rows)} operations ended")
    failed = run.remedies
    relink = failed[failed["status"] == "AuthError"].iloc[0]
    expect(head.locator(".remedies li")).to_have_count(min(len(failed), 5))
    stage.page.evaluate(
        "() => { window.copied = []; navigator.clipboard.writeText = async (t) => { copied.push(t); }; }"
    )
    row = head.locator(".remedies li").filter(has_text="Authorization expired")
    row.get_by_role("button", name="Copy").click()
    expect(row.get_by_role("button", name="Copied")).to_be_visible()
    row.get_by_role("button", name=re.compile("compan")).click()
    rows = console.locator(".codat-panel-companies tbody tr")
    expect(rows).to_have_count(int(relink["companies"]))
    expect(rows.first).to_contain_text("Ended with failures")
    stage.shot("run-overview-group")
    row.get_by_role("button", name=re.compile("compan")).click()
    expect(rows).to_have_count(len(run.company_ids))
    lines = stage.page.evaluate("copied[0]").splitlines()
    assert len(lines) == 1 + int(relink["link_urls"])
    assert lines[0].split("\t")[0] == "company"
    memory = session.context.memory
    assert memory is not None
    stage.wait_for(lambda: len(memory.sightings(["link"])) == len(lines) - 1)
    name = run.summary.loc[run.summary["failed"] > 0, "company"].iloc[0]
    console.locator(".codat-panel-companies .codat-table input").first.fill(name)
    console.locator(".codat-panel-companies tbody tr").filter(has_text=name).first.click()
    progress = console.locator(".codat-panel-companies .codat-progress")
    expect(progress.locator(".title")).to_have_text(name)
    expect(progress.locator(".rows > li").first).to_be_visible()
    stage.shot("run-overview-company")
    stage.theme("dark")
    console.get_by_role("tab", name="Errors").click()
    expect(console.locator(".codat-panel-errors tbody tr")).to_have_count(len(run.errors))
    stage.shot("run-overview-errors-dark")
    stage.theme("light")
    console.get_by_role("tab", name="Companies").click()
    stage.page.set_viewport_size({"width": 340, "height": 1100})
    assert stage.page.evaluate("document.documentElement.scrollWidth <= 340")
    stage.shot("run-overview-narrow")


def test_a_paused_run_is_left_and_says_that_codat_carries_on(stage: Stage, session: Session) -> None:
    """Stop ends the watching of a run, also of one whose queueing is paused; nothing more is queued."""
    run = started(session)
    run.pause()
    console = mount(stage, PortfolioRunView(run))
    console.get_by_role("button", name="Stop watching").click()
    expect(console.locator(".codat-run-overview .c-pill").first).to_have_text("Not watching")
    expect(console.locator(".codat-run-overview .note")).to_contain_text("this view is out of date")
    assert run.phase == "stopped"
    assert run.progress.queued < run.progress.total
