"""Whether somebody looks at a console, on virtual time: by what its views say, and whether the kernel could hear it."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, cast

import pytest

from codat_notebook.runs.engine import Engine
from codat_notebook.runs.watching import CompanyWatch
from codat_notebook.widgets.looking import GRACE, SILENCE, Looking
from tests.runs.virtual import VirtualLoop


class Company:
    """Who looks at a company."""

    def __init__(self) -> None:
        self.viewers: set[object] = set()

    @property
    def watched(self) -> bool:
        """Whether somebody does."""
        return bool(self.viewers)

    def enter(self, viewer: object) -> None:
        """Somebody looks."""
        self.viewers.add(viewer)

    def leave(self, viewer: object) -> None:
        """Somebody looks away."""
        self.viewers.discard(viewer)


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine whose time passes when it would wait."""
    engine = Engine(VirtualLoop())
    yield engine
    engine.close()


def play(engine: Engine, scene: Callable[[Looking, Company], Coroutine[Any, Any, None]], kernel: Any = None) -> None:
    """A console with a company on screen; its time goes on only while the scene waits."""

    async def begin() -> None:
        console, company = Looking(engine, kernel), Company()
        console.at(cast(CompanyWatch, company))
        await scene(console, company)

    engine.call(begin())


def test_it_is_watched_as_long_as_a_view_says_that_it_is_on_screen(engine: Engine) -> None:
    """One that says nothing more is seen by nobody; as soon as one says so again, somebody looks."""

    async def scene(console: Looking, company: Company) -> None:
        assert not company.watched
        for _ in range(10):
            console.seen()
            await asyncio.sleep(SILENCE - 1)
            assert company.watched
        await asyncio.sleep(2)
        assert not company.watched
        console.seen()
        assert company.watched

    play(engine, scene)


def test_a_view_that_is_closed_ends_nothing_while_another_speaks(engine: Engine) -> None:
    """Two views of one console speak in turns; that one falls silent changes nothing."""

    async def scene(console: Looking, company: Company) -> None:
        for pause in (5, 10, 5, 10, *[15] * 20):
            console.seen()
            await asyncio.sleep(pause)
            assert company.watched

    play(engine, scene)


def test_stop_watching_holds_against_what_views_say(engine: Engine) -> None:
    """Until the reader wants it again, or looks at another company."""

    async def scene(console: Looking, company: Company) -> None:
        console.seen()
        console.want(False)
        console.seen()
        assert not company.watched
        console.want(True)
        assert company.watched
        console.want(False)
        other = Company()
        console.at(cast(CompanyWatch, other))
        assert (company.watched, other.watched) == (False, True)

    play(engine, scene)


def test_a_blocked_kernel_is_no_silence(engine: Engine) -> None:
    """While a cell holds the kernel, the views' messages wait; once it is free they get a moment to be handed on."""
    kernel, go_on = asyncio.new_event_loop(), threading.Event()
    kernel.call_soon(go_on.wait)
    thread = threading.Thread(target=kernel.run_forever)
    thread.start()

    async def scene(console: Looking, company: Company) -> None:
        console.seen()
        await asyncio.sleep(SILENCE * 10)
        assert company.watched
        go_on.set()
        heard = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), kernel)
        heard.result(60)  # blocking: on this loop no time passes meanwhile
        await asyncio.sleep(GRACE - 1)
        assert company.watched
        await asyncio.sleep(2)
        assert not company.watched

    try:
        play(engine, scene, kernel)
    finally:
        go_on.set()
        kernel.call_soon_threadsafe(kernel.stop)
        thread.join()
        kernel.close()
