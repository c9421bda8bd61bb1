"""The Python that does what was clicked, ready to paste: the way from the console to a notebook of one's own.

The text is made of ids and Codat's keys alone, each quoted as ASCII, so that no name can end a string or hide what
the code does behind signs that turn its direction.
"""

from collections.abc import Iterable
from typing import TypedDict

from codat_notebook.widgets.part import Part

_WIDTH = 88
_FOLLOWED = (
    ("run", "the live view"),
    ("run.wait(timeout=300)", "seconds"),
    ("run.operations", "DataFrame"),
    ("run.errors", "DataFrame"),
)
_READ = (("status", "how fresh each data type is: DataFrame"), ("history", "its pull operations: DataFrame"))


def code_text(
    is_sandbox: bool, company_id: str | None, data_types: Iterable[str] = (), connection_id: str | None = None,
    refresh_all: bool = False, read_only: bool = False, server_url: str | None = None, whole_history: bool = False,
    product: str | None = None,
) -> str:  # fmt: skip
    """Python for what the console is asked to do; without anything to refresh, for reading what there is.

    ``is_sandbox``: connect to the sandbox, else to Codat (or ``server_url``) with the key of the environment.
    ``data_types`` are refreshed, or everything (``refresh_all``), of a ``product`` where one is chosen; where the
    session is ``read_only``, nothing.
    ``whole_history``: all pull operations are read, not the newest thousand.

    >>> print(code_text(True, None))
    import codat_notebook as cn
    <BLANKLINE>
    session = cn.connect(sandbox=True)
    session.companies()  # DataFrame
    """
    options = ["sandbox=True"] if is_sandbox else [f"server_url={_quoted(server_url)}"] if server_url else []
    options += ["read_only=True"] if read_only else []
    lines = [(f"session = cn.connect({', '.join(options)})", "" if is_sandbox else "the key from CODAT_API_KEY")]
    keys = list(data_types)
    if company_id is None:
        lines += [("session.companies()", "DataFrame")]
    elif read_only or not (keys or refresh_all):
        limit = {"history": ", limit=None"} if whole_history else {}
        lines += [(f"session.{name}({_quoted(company_id)}{limit.get(name, '')})", what) for name, what in _READ]
    else:
        lines += [(_refresh(company_id, [] if refresh_all else keys, connection_id, product), ""), *_FOLLOWED]
    longest = max((len(code) for code, what in lines if what), default=0)
    texts = [f"{code.ljust(longest)}  # {what}" if what else code for code, what in lines]
    return "\n".join(["import codat_notebook as cn", "", *texts])


def _refresh(company_id: str, data_types: list[str], connection_id: str | None, product: str | None) -> str:
    of_product = [f"product={_quoted(product)}"] if product is not None else []
    if not data_types:
        return f"run = session.refresh_all({', '.join([_quoted(company_id), *of_product])})"
    arguments = [_quoted(company_id), *map(_quoted, data_types), *of_product]
    if connection_id is not None and product is None:
        arguments.append(f"connection_id={_quoted(connection_id)}")
    line = f"run = session.refresh({', '.join(arguments)})"
    return line if len(line) <= _WIDTH else "\n    ".join(["run = session.refresh(", *_wrapped(arguments)]) + "\n)"


def _wrapped(arguments: list[str]) -> list[str]:
    """The arguments with their commas in lines of no more than the width, if they can be."""
    lines = [""]
    for argument in arguments:
        if lines[-1] and len(lines[-1]) + len(argument) + 2 > _WIDTH - 4:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{argument},"
    return lines


def _quoted(text: str) -> str:
    literal = ascii(str(text))
    return literal if '"' in literal or "\\'" in literal else f'"{literal[1:-1]}"'


class CodeState(TypedDict):
    """What the code does, and the code."""

    title: str
    text: str


class Code(Part[CodeState]):
    """Python with a button to copy it (class ``codat-code``). Sends no messages."""

    classes = ("codat-code",)
    files = ("code.js", "code.css")
