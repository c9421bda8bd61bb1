"""What commands print: the outcome to stdout, how it goes to stderr; neither ever ends a command.

Names and messages come from third parties, so what could steer a terminal is taken out of what is printed.
"""

import io
import os
import sys
from typing import TextIO

from codat_notebook.models.errors import shown


def print_line(text: str) -> None:
    """A line of the outcome."""
    put(shown(text))


def say(line: str) -> None:
    """A line about how it goes."""
    _written(shown(line), sys.stderr)


def put(text: str) -> None:
    """Print an outcome that is ready to be shown. Where stdout takes none (a full disk, a pipe that nobody reads, none
    at all), it goes to stderr, with the reason: what was queued is not hidden."""
    if (why := _written(text, sys.stdout)) is not None:
        say(f"The outcome cannot be written to stdout ({why}):")
        _written(text, sys.stderr)


def _written(text: str, stream: TextIO | None) -> str | None:
    """Print, also where the terminal lacks a letter (Windows, cron without a locale). Returns why that is not possible,
    and has the stream swallow from then on what it may still hold: else Python stumbles over it at its end."""
    if stream is None:  # closed before Python began
        return "it is closed"
    encoding = stream.encoding or "utf-8"
    try:
        print(text.encode(encoding, "replace").decode(encoding), file=stream, flush=True)
    except OSError as error:
        try:
            number = stream.fileno()
        except io.UnsupportedOperation:
            return error.strerror or str(error)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
        return error.strerror or str(error)
    return None
