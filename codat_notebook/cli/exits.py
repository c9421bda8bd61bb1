"""All exit codes of all commands: each means one thing, whatever the command; and how a command line is shown.

``--help``, the README and the JSON of ``refresh`` tell what they mean in the words that stand here.
"""

import shlex
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from enum import IntEnum


class Exit(IntEnum):
    """An exit code, with its ``meaning``. Of several the highest is given.

    >>> Exit(3).name, Exit(3).meaning
    ('FAILED', 'an operation failed')
    """

    meaning: str

    def __new__(cls, code: int, meaning: str) -> "Exit":  # noqa: D102 - the class says it
        made = int.__new__(cls, code)
        made._value_ = code
        made.meaning = meaning
        return made

    DONE = 0, "done: everything complete, nothing to do, or a server stopped by Ctrl-C"
    PROBLEM = 1, "a problem with the key, the network, the server, the machine or a file; nothing was queued"
    ARGUMENTS = 2, "wrong arguments, or a plan that cannot be read"
    FAILED = 3, "an operation failed"
    REFUSED = 4, "an operation was refused or not queued"
    UNKNOWN = 5, "an operation may or may not have been queued"
    OPEN = 6, "stopped before the end"
    HELD = 7, "another process is using the journal"
    LATE = 8, "not all data is as fresh as it should be"
    NO_MATCH = 9, "no company or connection has that id, name, tag or platform"
    DIFFERS = 10, "Codat differs from what this version expects"
    NOT_READY = 11, "a company's data is not complete enough"
    NOT_KNOWN = 12, "it is not known whether a company's data is complete enough"


def told(*codes: Exit) -> str:
    """What a command's exit codes mean, a line each, for its ``--help``."""
    return "\n".join(["exit codes:", *(f"  {code.value:<3} {code.meaning}" for code in codes)])


def shown_command(words: Sequence[str]) -> str:
    """A command line to copy, for the shell of this system.

    >>> shown_command(["refresh", "--plan", "my plan.csv"])
    "codat-notebook refresh --plan 'my plan.csv'"
    """
    whole = ["codat-notebook", *words]
    return subprocess.list2cmdline(whole) if sys.platform == "win32" else shlex.join(whole)


def instead(words: Sequence[str], wrong: str, right: str) -> list[str]:
    """A command line's words with another value in the place of a wrong one.

    >>> instead(["refresh", "--failed", "--tag=region=ukk"], "region=ukk", "region=uk")
    ['refresh', '--failed', '--tag=region=uk']
    """
    option = f"={wrong}"
    changed = {
        word: word.removesuffix(wrong) + right for word in words if word.startswith("--") and word.endswith(option)
    }
    return [changed.get(word, right if word == wrong else word) for word in words]


def without(words: Iterable[str], *options: str, flags: Collection[str | None] = ()) -> list[str]:
    """A command line's words without some options and the value that follows each, and without other words.

    >>> without(["refresh", "--plan", "p.csv", "--journal=j", "--json"], "--plan", "--journal", flags=["--json"])
    ['refresh']
    """
    kept, value = [], False
    for word in words:
        if not value and word.partition("=")[0] not in options and word not in flags:
            kept.append(word)
        value = not value and word in options
    return kept
