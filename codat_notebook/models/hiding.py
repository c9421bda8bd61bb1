"""Errors that show nothing of what a function was given.

A verbose traceback (``%xmode Verbose``, rich, ``pytest --showlocals``) prints the variables of every frame that an
error passed. Where those may be a key, or an address with a key in it, the error leaves without its frames.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from codat_notebook.models.errors import ConfigurationError

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=BaseException)


def bare(error: E) -> E:
    """An error without the frames that it passed through and the errors behind it."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)


def hides_arguments(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that takes a key: its ``ConfigurationError`` comes from a frame that holds nothing.

    Other errors keep their frames, for they are bugs to be found; this one no longer holds the arguments then.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except ConfigurationError as error:
            problem = bare(error)
        except BaseException:
            del args, kwargs
            raise
        del args, kwargs
        raise problem

    return call
