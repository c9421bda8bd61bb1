"""What a session asks of Codat, each method in two forms: one that blocks, and one to await.

A method such as ``_status`` is a generator: it yields what is to be asked (:func:`ask`) and computes with the answers.
Both forms ask on the engine's thread. ``status`` computes where it is called; ``status_async`` does so beside the event
loop, so that neither pandas, which the first use imports, nor a large frame ever holds the loop up.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Concatenate, ParamSpec, TypeVar

from codat_notebook.client.async_driver import running_loop
from codat_notebook.models.errors import CodatLendingError
from codat_notebook.runs.context import CLOSED, RunContext, check_ids
from codat_notebook.runs.records import Subject

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A", bound="Asking")
F = TypeVar("F", bound=Callable[..., Any])
#: What to ask, what to call it should it fail, and of which company.
Question = tuple[Coroutine[Any, Any, Any], str, str | None]
Steps = Generator[Question, Any, T]


def ask(asked: Coroutine[Any, Any, T], what: str, company_id: str | None = None) -> Steps[T]:
    """Ask Codat, in a method's steps: ``facts = yield from ask(context.company(id), "It could not be read", id)``."""
    answer: T = yield asked, what, company_id
    return answer


class Asking:
    """Common to a session and its parts."""

    context: RunContext

    async def _guard(self, awaitable: Awaitable[T], what: str, subject: Subject | None = None) -> T:
        """Await something of Codat's; what goes wrong is put into ``errors`` and raised on."""
        try:
            return await awaitable
        except CodatLendingError as error:
            self.context.report(error, what, subject)
            raise

    def _guarded(self, question: Question) -> Coroutine[Any, Any, Any]:
        asked, what, company_id = question
        if self.context.closed:
            asked.close()
            raise RuntimeError(CLOSED)
        return self._guard(self._named(asked, company_id), what, Subject(company_id=company_id))

    async def _named(self, asked: Coroutine[Any, Any, T], company_id: str | None) -> T:
        """What is asked of a company, unless that is named by what is nearly another one's name."""
        try:
            named = [company_id] if isinstance(company_id, str) else ()
            await check_ids(self.context.client, named, where_near=True)
        except BaseException:
            asked.close()
            raise
        return await asked

    async def _worked(self, steps: Steps[T]) -> T:
        """On the engine: all the steps, computed in its workers."""
        answer: Any = None
        while True:
            question, result = await self.context.engine.in_worker(_next, steps, answer)
            if question is None:
                return result  # type: ignore[no-any-return]  # None only where there is nothing to ask
            answer = await self._guarded(question)


def _next(steps: Steps[Any], answer: Any) -> tuple[Question | None, Any]:
    """The next question; or None and the result."""
    try:
        return steps.send(answer), None
    except StopIteration as stop:
        return None, stop.value


def both(
    method: Callable[Concatenate[A, P], Steps[T]],
) -> tuple[Callable[Concatenate[A, P], T], Callable[Concatenate[A, P], Coroutine[Any, Any, T]]]:
    """The two forms of a method that is written as steps."""

    def call(self: A, /, *args: P.args, **kwargs: P.kwargs) -> T:
        steps, answer = method(self, *args, **kwargs), None
        while True:
            question, result = _next(steps, answer)
            if question is None:
                return result  # type: ignore[no-any-return]  # see above
            answer = self.context.engine.call(self._guarded(question))

    async def call_async(self: A, /, *args: P.args, **kwargs: P.kwargs) -> T:
        running_loop()
        if self.context.closed:
            raise RuntimeError(CLOSED)
        return await asyncio.wrap_future(self.context.engine.submit(self._worked(method(self, *args, **kwargs))))

    return _shown(call, method), _shown(call_async, method, "_async")


def _shown(call: F, method: Callable[..., Any], twin: str = "") -> F:
    """Give a form the name, the parameters and the docstring of its method, for ``help`` and for completion."""
    name = method.__name__.removeprefix("_")
    signature = inspect.signature(method)
    result = str(signature.return_annotation).removeprefix("Steps[").removesuffix("]")
    call.__name__ = name + twin
    method.__qualname__ = method.__qualname__.replace("._", ".")  # which errors about arguments name
    call.__qualname__ = method.__qualname__ + twin
    call.__module__ = method.__module__
    call.__doc__ = f"As :meth:`{name}`, to await; the event loop keeps running." if twin else method.__doc__
    call.__signature__ = signature.replace(return_annotation=result)  # type: ignore[attr-defined]  # inspect reads it
    return call
