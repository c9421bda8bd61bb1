"""What is to do about failures, from plain rows."""

from datetime import UTC, datetime

from codat_notebook.frames import REMEDIES
from codat_notebook.runs.records import ErrorRecord
from codat_notebook.runs.rows import Row, remedies_of

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def failed(status: str, company: str, link: str | None = None) -> Row:
    """A row that failed."""
    error = ErrorRecord(
        time=NOW, what="invoices was not refreshed", why="", action=f"Mend {status}.", status=status,
        company_id=company, link_url=link,
    )  # fmt: skip
    return Row("invoices", company_id=company, error=error)


def test_failures_of_one_status_share_a_remedy_and_the_most_needed_stands_first():
    """Companies and link URLs are counted once, however many of their operations failed."""
    rows = [failed("FetchError", "a"), failed("AuthError", "a", "https://link/a"), Row("bills", company_id="a")]
    rows += [failed("AuthError", "b", "https://link/b"), failed("AuthError", "b", "https://link/b")]
    found = remedies_of(rows)
    assert list(found["status"]) == ["AuthError", "FetchError"]
    assert list(found["companies"]) == [2, 1]
    assert list(found["operations"]) == [3, 1]
    assert list(found["link_urls"]) == [2, 0]
    assert list(found["action"]) == ["Mend AuthError.", "Mend FetchError."]


def test_a_run_without_failures_has_no_remedies():
    """The frame has its columns and types all the same."""
    found = remedies_of([Row("invoices")])
    assert list(found.columns) == list(REMEDIES)
    assert len(found) == 0
