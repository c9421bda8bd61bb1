"""Reports: one file that tells what the session's frames tell, harmless whatever the names, refused clearly."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from codat_notebook import report
from codat_notebook.models.shared import Connection, PullOperation, Security
from codat_notebook.models.status import plain_status
from codat_notebook.runs.cells import CompanyStatus, make_cells
from codat_notebook.runs.context import CompanyFacts
from codat_notebook.runs.records import ErrorRecord
from codat_notebook.sandbox import Sandbox
from codat_notebook.session import Session

STATIC = Path(report.__file__).parents[1] / "widgets" / "static"
NOW = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)
HOSTILE = "<script>x</script><img src=x onerror=x> \"'&\u202e"


class Reader(HTMLParser):
    """The elements and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all of it."""
    with Sandbox(speed=600) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def session(sandbox: Sandbox) -> Iterator[Session]:
    """A session in which a refresh has failed."""
    with Session(Security(auth_header=sandbox.key), server_url=sandbox.url, is_sandbox=True) as session:
        session.refresh(toft(session), "creditNotes").wait(30)
        yield session


def toft(session: Session) -> str:
    """The company with a story."""
    return str(session.companies(search="Toft").id[0])


def found(name: str = "Toft", status: str = "FetchError", count: int = 1, link_url: str = "") -> report.Findings:
    """A company with one connection whose every text is `name`."""
    connection = Connection(id=name, status="Deauthorized", platform_name=name, source_type=name, link_url=link_url)
    facts = CompanyFacts(id=name, name=name, connections={name: connection}, supported={name: frozenset()})
    operations = [
        PullOperation(
            id=f"{name}{number}", company_id=name, connection_id=name, data_type=name, status=status,
            requested=(NOW - timedelta(minutes=number)).isoformat(), error_message=name,
        )
        for number in range(count)
    ]  # fmt: skip
    cells = make_cells(facts, {}, operations, True, NOW)
    error = ErrorRecord(time=NOW, what=name, why=name, action=name, status=name, correlation_id=name, company_id=name)
    return report.Findings(
        status=CompanyStatus(facts, operations, cells), errors=[error], now=NOW, server=name, is_sandbox=False
    )


def test_a_report_tells_what_the_frames_tell(session: Session, tmp_path: Path) -> None:
    """Statuses, operations, errors, as-of time, the company's id: all of it, in one file whose path is returned."""
    company = toft(session)
    path = session.report(company, tmp_path / "report.html")
    text = path.read_text("utf-8")
    texts = Reader(text).texts
    assert path == tmp_path / "report.html"
    assert {"Toft Stores UK", "SANDBOX", company} <= set(texts)
    assert set(session.history(company, 200).id) <= set(texts)
    status = session.status(company)
    assert set(status.data_type) <= set(texts)
    assert f"✕ {plain_status(session.errors.status[0])}" in texts
    assert session.errors.what[0] in texts
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", text)
    assert session.client.server_url in texts


def test_nothing_in_a_report_runs_or_is_fetched(sandbox: Sandbox, session: Session, tmp_path: Path) -> None:
    """No script, no address but links; a policy forbids the rest. The key is not in it."""
    text = session.report(toft(session), tmp_path / "report.html").read_text("utf-8")
    page = Reader(text)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "src"]
    assert ("content", page_policy(page)) in page.attributes
    assert "url(" not in text
    assert "@import" not in text
    assert len(sandbox.key) > 16
    assert sandbox.key not in text


def page_policy(page: Reader) -> str:
    """The page's content security policy."""
    return next(value or "" for _, value in page.attributes if value and value.startswith("default-src 'none'"))


def test_hostile_names_are_text() -> None:
    """In every field; a link that a click could run is no link."""
    text = report.page([found(HOSTILE, status=HOSTILE, link_url="javascript:alert(1)")])
    page = Reader(text)
    plain = Reader(report.page([found("Toft", status="Toft", link_url="ftp:x")]))
    assert page.tags == plain.tags
    assert [name for name, _ in page.attributes] == [name for name, _ in plain.attributes]
    assert not [value for _, value in page.attributes if value and value.startswith("javascript")]
    assert page.texts.count(HOSTILE) == plain.texts.count("Toft") > 8


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "read within 7 days"), (6.99, "read within 7 days"), (7, "7 to 30 days old"), (30.99, "7 to 30 days old"),
     (31, "31 days and older"), (400, "31 days and older")],
)  # fmt: skip
def test_ages_are_counted_by_whole_days(days: float, words: str) -> None:
    """A week and 31 days are the bounds, as the legend says; the data type's row has the same colour."""
    read = (NOW - timedelta(days=days)).isoformat()
    facts = CompanyFacts("1", "Toft", {"x": Connection(id="x", status="Linked")}, {"x": frozenset({"bills"})})
    done = PullOperation(
        id="o", connection_id="x", data_type="bills", status="Complete", requested=read, completed=read
    )
    cells = make_cells(facts, {}, [done], True, NOW)
    findings = report.Findings(
        status=CompanyStatus(facts, [done], cells), errors=[], now=NOW, server="x", is_sandbox=True
    )
    text = report.page([findings])
    assert f"<b>1</b> {words}</li>" in text
    tone = {"read within 7 days": "ok", "7 to 30 days old": "warn", "31 days and older": "bad"}[words]
    assert re.findall(r'class="age (\w+)"', text) == [tone]


def test_what_to_do_goes_by_the_diagnosis() -> None:
    """A type that a platform lacks needs no card; why a customer's plan has none of it is said."""
    for platform, told in (("Zed Books", False), ("QuickBooks Online", True)):
        linked = Connection(id="l", status="Linked", platform_name=platform)
        facts = CompanyFacts("c", "c", {"l": linked}, {"l": frozenset({"purchaseOrders"})})
        pulled = PullOperation(
            id="o", company_id="c", connection_id="l", data_type="purchaseOrders", status="NotSupported",
            requested=NOW.isoformat(),
        )  # fmt: skip
        cells = make_cells(facts, {}, [pulled], True, NOW)
        assert cells[0].expected
        assert (report.remedies(CompanyStatus(facts, [pulled], cells)) is not None) == told


def test_a_long_history_is_cut_and_says_so() -> None:
    """The newest 200; where the others are."""
    page = Reader(report.page([found(count=450, status="Complete")]))
    assert "The newest 200; session.history has them all." in page.texts
    assert len({text for text in page.texts if re.fullmatch(r"Toft\d+", text)}) == 200
    assert "What to do" not in page.texts


def test_a_company_without_anything_has_a_report() -> None:
    """Every section says that it is empty."""
    facts = CompanyFacts(id="1", name="New", connections={}, supported={})
    nothing = report.Findings(status=CompanyStatus(facts, [], []), errors=[], now=NOW, server="x", is_sandbox=True)
    texts = Reader(report.page([nothing])).texts
    assert "This company has no connection yet." in texts
    assert "No data of this company has been pulled yet." in texts
    assert "No connection is linked, so nothing can be read." in texts


def test_a_place_where_no_report_can_be_is_refused_before_codat_is_asked(session: Session, tmp_path: Path) -> None:
    """A missing folder, a folder, a file that is there already; said in words, and nothing is written or asked."""
    there = tmp_path / "there.html"
    there.write_text("mine")
    asked = len(session.requests)
    for path, error, words in (
        (tmp_path / "no" / "report.html", FileNotFoundError, "There is no folder"),
        (there, FileExistsError, "overwrite=True"),
    ):
        with pytest.raises(error, match=words):
            session.report("00000000-0000-4000-8000-000000000000", path)
    assert len(session.requests) == asked
    assert there.read_text() == "mine"
    session.report(toft(session), there, overwrite=True)
    assert there.read_text("utf-8").startswith("<!doctype html>")
    assert os.listdir(tmp_path) == ["there.html"]


def test_a_report_that_fails_leaves_the_old_one(session: Session, tmp_path: Path) -> None:
    """What Codat refuses is raised; the file stays as it was."""
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(Exception, match="404"):
        session.report("00000000-0000-4000-8000-000000000000", path, overwrite=True)
    assert path.read_text() == "old"


def test_the_reports_colours_are_the_consoles() -> None:
    """Both themes; the contrast of these pairs is tested with the console's tokens."""
    own = (Path(report.__file__).parent / "static" / "report.css").read_text("utf-8")
    console = (STATIC / "tokens.css").read_text("utf-8")
    light, dark = own.split("prefers-color-scheme: dark", 1)
    theirs_light, theirs_dark = console.split('[data-jp-theme-light="false"]', 1)
    for ours, theirs in ((light, theirs_light), (dark, theirs_dark)):
        mine = dict(re.findall(r"(--c-[a-z-]+): (#\w+);", ours))
        assert len(mine) > 15
        assert mine.items() <= dict(re.findall(r"(--c-[a-z-]+): (#\w+);", theirs)).items()


def test_what_checks_refused_is_in_the_file(session: Session, tmp_path: Path) -> None:
    """Each record with its rule, as Codat's call for it tells them; nothing of it where no check failed."""
    company = toft(session)
    page = Reader(session.report(company, tmp_path / "report.html").read_text("utf-8"))
    status = session.status(company)
    refused = status[status.status == "ValidationError"]
    assert len(refused)
    for id in refused.operation_id:
        request = {"company_id": company, "dataset_id": id}
        checks = session.client.manage_data.pull_operations.get_validation(request=request)
        assert checks.errors
        for item in (*checks.errors, *checks.warnings):
            assert {item.item_id, item.message, item.validator_name} <= set(page.texts)
    assert "Records to correct" in page.texts
    assert "Records to correct" not in Reader(report.page([found()])).texts


def test_several_companies_are_one_file_with_a_summary(session: Session, tmp_path: Path) -> None:
    """A row and a part for each, in a file named after them; one that cannot be read is named, all of them raise."""
    companies = session.companies().head(3)
    path = session.report(companies, tmp_path)
    assert re.fullmatch(r"3 companies \d{4}-\d\d-\d\d\.html", path.name)
    page = Reader(path.read_text("utf-8"))
    assert page.texts.count("Freshness") == 3
    assert (page.tags.count("h1"), page.tags.count("h2")) == (1, 1 + 3)  # all of it, the summary and the companies
    assert page.tags.count("h3") >= 3 * 5
    assert Reader(session.report(toft(session), tmp_path / "one.html").read_text("utf-8")).tags.count("h1") == 1
    assert all(page.texts.count(name) >= 2 for name in companies.name)
    links = {value for name, value in page.attributes if name == "href" and value and value.startswith("#")}
    assert links == {"#c1", "#c2", "#c3"} == {f"#{value}" for name, value in page.attributes if name == "id"}
    nobody = "00000000-0000-4000-8000-000000000000"
    page = Reader(session.report([toft(session), nobody], tmp_path / "two.html").read_text("utf-8"))
    assert "Not in this report: " in page.texts
    assert nobody in page.texts
    with pytest.raises(FileExistsError):
        session.report(companies, tmp_path)
    with pytest.raises(ValueError, match="at least one"):
        session.report([], tmp_path)
    with pytest.raises(Exception, match="404"):
        session.report([nobody, nobody.replace("8", "9")], tmp_path)


@pytest.mark.parametrize(
    ("name", "file"),
    [("Toft Stores UK", "Toft Stores UK"), ("../../etc/passwd", "etc passwd"), ("a\\b:c*?\"|\0\n\u202e", "a b c"),
     ("", "company"), ("...", "company"), ("Müller & Söhne, 茶", "Müller & Söhne, 茶"), ("茶" * 300, "茶" * 40)],
)  # fmt: skip
def test_a_file_is_named_after_the_company_whatever_that_is_called(name: str, file: str) -> None:
    """Within its folder, in view, at a length that disks take."""
    assert report.file_name(name, NOW) == f"{file} 2026-11-23.html"


def test_a_verdict_is_filed(session: Session, tmp_path: Path) -> None:
    """With its date, its reasons and what was asked; one about another company is refused; without one: no word."""
    id = toft(session)
    answer = session.ready(id, "lending", period_end="2026-10-31")
    path = session.report(id, tmp_path / "ready.html", ready=answer)
    page = Reader(path.read_text("utf-8"))
    assert "Is it ready?" in page.texts
    assert answer.summary in page.texts
    assert f"{answer.time:%Y-%m-%d %H:%M} UTC" in page.texts
    assert "script" not in page.tags
    other = str(session.companies(search="Dave").id[0])
    with pytest.raises(ValueError, match="Toft"):
        session.report(other, tmp_path / "other.html", ready=answer)
    assert "Is it ready?" not in Reader(report.page([found()])).texts
