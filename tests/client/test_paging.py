"""Walking all pages: links decide, numbers are hints, nothing loops, nothing comes twice."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from codat_notebook.client.flows import COMPANIES_LIST, PULLS_LIST, Pager
from codat_notebook.client.retrying import Together
from codat_notebook.client.wire import Answer, Outcome, Request
from codat_notebook.models import errors

from .simulated import BASE, COMPANY, Stage, problem

Serve = Callable[[int, int], tuple[list[str], str | None]]


class Pages:
    """A server of pages: ``serve(page, size)`` gives the ids and the next link."""

    def __init__(self, serve: Serve, total: int = 0, largest: int = 5000) -> None:
        self.stage = Stage()
        self.stage.server.answer = self.answer  # type: ignore[method-assign]
        self.serve, self.total, self.largest = serve, total, largest
        self.asked: list[int] = []
        self.allowed: list[float | None] = []
        self.together: list[tuple[int, int]] = []
        self.seconds = 0.2  # for each page

    def answer(self, request: Request) -> Outcome:
        """One page."""
        self.stage.time.now += self.seconds
        query = dict(parse_qsl(urlsplit(request.url).query))
        self.allowed.append(request.within)
        number, size = int(query["page"]), int(query["pageSize"])
        self.asked.append(number)
        if size > self.largest:
            status, body = problem(400, "pageSize is too large")
            return Answer(status, {}, body, 0, 0)
        ids, following = self.serve(number, size)
        if following == "gone":
            status, body = problem(404)
            return Answer(status, {}, body, 0, 0)
        links: dict[str, Any] = {"self": {"href": "/"}}
        if following:
            links["next"] = {"href": following}
        page = {"results": [{"id": i} for i in ids], "totalResults": self.total, "_links": links}
        return Answer(200, {}, json.dumps(page).encode(), 0, 0)

    def walk(self, request: dict[str, Any] | None = None, base: str = BASE) -> list[str]:
        """The ids of all rows."""
        pager = Pager(self.stage.call(base=base), COMPANIES_LIST, request)
        rows: list[Any] = []
        while not pager.done:
            rows.extend(self.stage.drive(self._counted(pager.batch())))
            assert len(self.asked) < 200, "it loops"
        return [row.id for row in rows]

    def _counted(self, flow: Any) -> Any:
        result: Any = None
        while True:
            try:
                command = flow.send(result)
            except StopIteration as stop:
                return stop.value
            if isinstance(command, Together):
                self.together.append((len(command.flows), command.at_once))
            result = yield command


def link(page: int, size: int) -> str:
    """A next link as Codat writes it."""
    return f"/companies?page={page}&pageSize={size}"


def even(pages: int, rows: int = 3) -> Serve:
    """A well-behaved server."""

    def serve(number: int, size: int) -> tuple[list[str], str | None]:
        ids = [f"{number}-{i}" for i in range(rows)]
        return ids, link(number + 1, size) if number < pages else None

    return serve


@pytest.mark.parametrize("total", [0, 60, 7, 100_000])
def test_all_rows_come_once_and_in_order(total: int) -> None:
    """Whatever totalResults says, the walk follows the links to their end."""
    pages = Pages(even(20), total)
    assert pages.walk() == [f"{n}-{i}" for n in range(1, 21) for i in range(3)]


def test_pages_are_fetched_together() -> None:
    """Where the links only count pages and the total is known, the rest is fetched together."""
    pages = Pages(even(20), total=60)
    pages.walk()
    assert pages.together == [(19, 10)]
    assert sorted(pages.asked) == list(range(1, 21))


def test_each_page_has_the_whole_budget() -> None:
    """Many slow pages take no more of the budget than one: a walk does not end because it is long."""
    pages = Pages(even(20), total=60)
    pages.seconds = 20
    assert len(pages.walk()) == 60
    assert pages.allowed == [60.0] * 20


@pytest.mark.parametrize(("rows", "at_once"), [(2000, 10), (5000, 4), (30_000, 1)])
def test_fewer_large_pages_are_fetched_at_a_time(rows: int, at_once: int) -> None:
    """No more than 20,000 rows are on their way at once, and always a page."""
    pages = Pages(even(3, rows), total=3 * rows)
    assert len(pages.walk()) == 3 * rows
    assert pages.together == [(2, at_once)]


def test_a_near_server_is_asked_for_one_page_after_the_other() -> None:
    """Where nothing is waited for, several connections gain nothing; a page that takes longer changes that."""
    pages = Pages(even(6, 1000), total=6000)
    pages.seconds = 0.004
    serve = pages.serve

    def slower(number: int, size: int) -> tuple[list[str], str | None]:
        if number == 3:
            pages.seconds = 0.006
            pages.stage.time.now += 0.002
        return serve(number, size)

    pages.serve = slower
    assert len(pages.walk()) == 6000
    assert (pages.together, sorted(pages.asked)) == ([(3, 10)], [1, 2, 3, 4, 5, 6])


def test_without_a_total_one_page_follows_the_other() -> None:
    """A totalResults of 0 is not believed, and nothing is fetched that no link led to."""
    pages = Pages(even(5), total=0)
    pages.walk()
    assert (pages.together, pages.asked) == ([], [1, 2, 3, 4, 5])


def test_large_pages_where_everything_is_wanted() -> None:
    """Without a wish for a size, the largest is asked for; a server that takes less is asked for less."""
    assert Pages(lambda n, size: ([str(size)], None)).walk() == ["5000"]
    assert Pages(lambda n, size: ([str(size)], None), largest=2000).walk() == ["2000"]
    assert Pages(lambda n, size: ([str(size)], None), largest=2000).walk({"page_size": 50}) == ["50"]


def test_a_size_that_the_caller_chose_is_not_changed() -> None:
    """A 400 to the caller's own page size is the caller's."""
    with pytest.raises(errors.ErrorMessage, match="too large"):
        Pages(even(2), largest=2000).walk({"page_size": 6000})


@pytest.mark.parametrize("following", [link(1, 5000), link(2, 5000), ""])
def test_a_link_that_leads_back_ends_the_walk(following: str) -> None:
    """A page that links to itself or to an earlier one is the last."""
    pages = Pages(lambda n, size: ([f"{n}-a", f"{n}-b"], link(2, size) if n == 1 else following))
    assert pages.walk() == ["1-a", "1-b", "2-a", "2-b"]


def test_a_server_that_repeats_its_page_is_left() -> None:
    """New links to the same rows do not go on for ever."""
    pages = Pages(lambda n, size: (["a", "b"], link(n + 1, size)))
    assert pages.walk() == ["a", "b"]


@pytest.mark.parametrize(
    "served",
    [
        ["abc", "cde", "f"],
        ["abc", "def", "fgh", "ghi", "jkl", "adgjm"],
        ["aab", "bcc", "abcd", "ddde"],
    ],
)
def test_rows_that_shifted_between_pages_come_once(served: list[str]) -> None:
    """A row that was pushed onto a later page meanwhile, or stands twice on one, is not given twice."""
    pages = Pages(lambda n, size: (list(served[n - 1]), link(n + 1, size) if n < len(served) else None))
    assert pages.walk() == list(dict.fromkeys("".join(served)))


@pytest.mark.parametrize(
    "href", ["https://evil.test/companies?page=2", "//evil.test/x?page=2", "http://codat.test/x?page=2"]
)
def test_a_link_to_another_host_is_refused(href: str) -> None:
    """The key goes to the configured host only; the rows before are given all the same."""
    pages = Pages(lambda n, size: (["a"], href))
    with pytest.raises(errors.ResponseValidationError, match="another host"):
        pages.walk()
    assert pages.asked == [1]


def test_a_page_that_is_gone_is_an_error() -> None:
    """A link that leads to a 404 is told, not passed over."""
    with pytest.raises(errors.ErrorMessage, match="404"):
        Pages(lambda n, size: (["a"], link(2, size)) if n == 1 else ([], "gone")).walk()


def test_pages_beyond_the_end_that_were_fetched_ahead_are_nothing() -> None:
    """If the list shrank and its end came early, a 404 further on does not matter."""

    def serve(number: int, size: int) -> tuple[list[str], str | None]:
        if number > 3:
            return [], "gone"
        return [f"{number}"], link(number + 1, size) if number < 3 else None

    assert Pages(serve, total=9).walk() == ["1", "2", "3"]


def test_more_pages_than_the_total_promised() -> None:
    """A list that grew is followed to its end."""
    assert len(Pages(even(12), total=9).walk()) == 36


def test_a_link_of_another_form_is_followed_as_it_is() -> None:
    """A cursor instead of a number is no page: it is taken as the link says."""
    pages = Pages(lambda n, size: ([f"{n}"], f"/companies?cursor=x&page={n + 1}&pageSize={size}" if n < 4 else None), 4)
    assert pages.walk() == ["1", "2", "3", "4"]
    assert pages.together == [(2, 10)]  # from the second page on, whose own link differs in nothing but the page


def test_a_server_under_a_path_keeps_it() -> None:
    """Links are relative to the server, also where the configured address has a path."""
    pages = Pages(lambda n, size: ([f"{n}"], f"/proxy{link(n + 1, size)}" if n < 3 else None))
    assert pages.walk(base="https://codat.test/proxy") == ["1", "2", "3"]


def test_rows_without_ids_are_all_kept() -> None:
    """What has no id cannot be told apart, and is not thrown away."""
    pages = Pages(lambda n, size: (["", ""], link(n + 1, size) if n < 3 else None))
    assert len(pages.walk()) == 6


def test_operations_are_walked_like_companies() -> None:
    """Every list has the same walk."""
    stage = Stage()
    for ago in range(5):
        stage.server.add(ago=ago * 10.0 + 100, duration=1)
    pager = Pager(stage.call(), PULLS_LIST, {"company_id": COMPANY})
    assert len(stage.drive(pager.batch())) == 5
    assert pager.done


def test_pages_without_a_row_do_not_go_on_for_ever() -> None:
    """A few may be empty, since rows vanish while they are read; a list of nothing else is told."""
    few = Pages(lambda page, size: ([str(page)] if page in (1, 8) else [], link(page + 1, size) if page < 8 else None))
    assert few.walk() == ["1", "8"]
    with pytest.raises(errors.ResponseValidationError, match="does not end"):
        Pages(lambda page, size: ([], link(page + 1, size))).walk()


@pytest.mark.parametrize("href", ["http://[", "/companies?page=" + "9" * 5000, "/companies?page=²&pageSize=1"])
def test_a_link_that_nobody_can_read_raises_nothing_of_its_own(href: str) -> None:
    """It is a typed error, or followed as it is."""
    pages = Pages(lambda page, size: (["a"], href if page == 1 else None))
    pages.stage.server.answer = first_only(pages.stage.server.answer)  # type: ignore[method-assign]
    with pytest.raises(errors.CodatLendingError):
        pages.walk()


def first_only(answer: Callable[[Request], Outcome]) -> Callable[[Request], Outcome]:
    """A server that knows its first page only."""

    def served(request: Request) -> Outcome:
        if dict(parse_qsl(urlsplit(request.url).query))["page"] == "1":
            return answer(request)
        status, body = problem(404)
        return Answer(status, {}, body, 0, 0)

    return served
