"""Mistakes with a key, each an expression without a variable: ``key()`` is the key of the environment.

A test runs them in a kernel; there neither the cell nor a frame of the user's holds the key's text.
"""

import os

#: What is done wrongly -> the expression.
MISTAKES = {
    "plain http": 'CodatLending(key(), server_url="http://codat.intern")',
    "no scheme": 'CodatLending(key(), server_url="codat.intern")',
    "not a server": "CodatLending(key(), server_url=5)",
    "a time-out of text": 'CodatLending(key(), timeout_ms="soon")',
    "a time-out of 0": "CodatLending(key(), timeout_ms=0)",
    "retries of text": 'CodatLending(key(), retry_config="none")',
    "retries of the key": "CodatLending(key(), retry_config=key())",
    "the key as a time-out": "CodatLending(key(), timeout_ms=key())",
    "the key as a server's number": 'CodatLending("https://api.codat.io", key())',
    "parameters of the key": 'CodatLending(key(), 0, key(), "https://{a}.codat.io")',
    "a clock that is none": "CodatLending(key(), clock=5)",
    "an unknown keyword": "CodatLending(key(), colour=1)",
    "a parameter that is no text": 'CodatLending(key(), url_params={"a": key()}, server_url="https://{a}.codat.io")',
    "the key in a mapping": 'CodatLending({"auth_heater": key()})',
    "the key in bytes": "CodatLending(key().encode())",
    "the key in a list": "CodatLending([key()])",
    "a mapping with quotes": "CodatLending({'auth_header': repr(key())})",
    "the key as the server": "CodatLending(key(), server_url=key())",
    "the key as a host": 'CodatLending(key(), server_url=f"http://{key()}")',
    "the key as a user": 'CodatLending(key(), server_url=f"https://{key()}@api.codat.io")',
    "the key in the path": 'CodatLending(key(), server_url=f"https://api.codat.io/{key()}/x")',
    "the header in the query": 'CodatLending(key(), server_url=f"https://api.codat.io?k={encoded()}")',
    "another's key in the path": 'CodatLending("another-key", server_url=f"https://api.codat.io/{encoded()}")',
    "only a server, which is the key": "CodatLending(server_url=key())",
    "swapped": 'CodatLending("https://api.codat.io", server_url=key())',
    "quotes": 'CodatLending(f"“{key()}”")',
    "two words": 'Secret.of(key() + " x")',
    "bearer": 'Secret.of("Bearer " + key())',
    "a label": 'Secret.of("CODAT_API_KEY=" + key())',
    "a carriage return": 'Secret.of(key() + "\\r")',
    "no text": "Secret.of(key().encode())",
    "a header that cannot be": 'Secret("Basic ü" + key())',
    "a header of bytes": "Secret(key().encode())",
    "an environment of quotes": 'Secret.from_environment({"CODAT_API_KEY": repr(key()), "OTHER": key()})',
    "security with quotes": "Security(auth_header=repr(key()))",
    "security of a list": "Security(auth_header=[key()])",
    "security as a mapping": 'Security.of({"key": key()})',
    "connect with quotes": "connect(repr(key()))",
    "connect to the key": 'connect("another-key", server_url=key())',
    "connect to plain http": 'connect(key(), server_url="http://codat.intern")',
    "a session with a bad time-out": "Session(key(), timeout_ms=0)",
    "a session with an unknown keyword": "Session(key(), colour=1)",
    "a session in the path": 'Session(Security(auth_header=key()), server_url=f"https://x.test/{key()}")',
}  # fmt: skip


def key() -> str:
    """The key of the environment."""
    return os.environ["A_KEY_FOR_MISTAKES"]


def encoded() -> str:
    """Its Base64 form."""
    return os.environ["A_KEY_FOR_MISTAKES_ENCODED"]
