"""What a command could not do, in words for the person at the keyboard: printed as one line, exit code 1."""

from typing import Self


class Problem(Exception):
    """A command cannot go on; its text says why and what to do."""

    @classmethod
    def port(cls, port: int, error: OSError) -> Self:
        """A port cannot be listened on."""
        return cls(f"Port {port} cannot be used: {error.strerror}. Try another --port, or leave it out.")


class Usage(Problem):
    """The arguments, or a file that they name, cannot be meant: exit code 2."""
