"""The key: taken in every form that users hold it in, shown in none."""

import base64
import copy
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.models import errors, shared
from codat_notebook.models.secret import Secret

RAW = "q7Lw0ZpT3nXvB5sYkD2mJfRcHgUeA8iO6tNxW1yE"
HEADER = "Basic " + base64.b64encode(RAW.encode()).decode()


@pytest.mark.parametrize(
    "given_key", [RAW, HEADER, HEADER.removeprefix("Basic "), f" {RAW}\n", HEADER.replace("B", "b", 1)]
)
def test_every_form_gives_the_same_header(given_key: str) -> None:
    """Raw, encoded, ready, with stray blanks: one header comes of it."""
    assert Secret.of(given_key).reveal() == HEADER


@pytest.mark.parametrize("bad", ["", "  ", "Basic ", "basic", "a\r\nX-Evil: 1", "ключ", "two words", "Bearer abc"])
def test_what_is_no_key_is_refused_without_showing_it(bad: str) -> None:
    """A key that no header can carry is refused, and the message does not hold it."""
    with pytest.raises(errors.ConfigurationError) as caught:
        Secret.of(bad)
    shown = "".join(traceback.format_exception(caught.value))
    for part in ("X-Evil", "ключ", "two words", "abc"):
        assert part not in str(caught.value)
    assert "X-Evil" not in shown.split("Error:")[-1]


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ("'{}'", "quotation"), ('"{}"', "quotation"), ("“{}”", "quotation"), ("‘{}’", "quotation"),
        ("`{}`", "quotation"), ("«{}»", "quotation"), ("{}'", "quotation"), ('Basic "{}"', "quotation"),
        ("'Basic {}'", "quotation"), (" '{}' \n", "quotation"), ("Bearer {}", "Bearer"), ("bearer\t{}", "bearer"),
        ("Bearer: {}", "Bearer:"), ("CODAT_API_KEY={}", "CODAT_API_KEY"),
        ("export CODAT_API_KEY='{}'", "CODAT_API_KEY"),
        ("CODAT_AUTH_HEADER=Basic {}", "CODAT_AUTH_HEADER"), ("Authorization: Basic {}", "Authorization"),
        ("$env:CODAT_API_KEY = '{}'", "CODAT_API_KEY"), ("{}\r", "carriage return"), ("{}\r\n", "carriage return"),
        ("https://{}", "an address"), ('Basic "{}', "quotation"),
        ("Basic {} x", "a space"), ("\ufeff{}", "outside ASCII"), ("{}\0", "holds a"),
    ],
)  # fmt: skip
def test_what_was_copied_along_is_told(mistake: str, told: str) -> None:
    """Quotes, labels, another scheme, a carriage return: the message says which and does not show the key."""
    text = mistake.format(RAW)
    for take in (Secret.of, lambda text: Secret.from_environment({"CODAT_API_KEY": text})):
        with pytest.raises(errors.ConfigurationError, match=told) as caught:
            take(text)
        assert RAW not in str(caught.value)


@pytest.mark.parametrize("odd", ["it's-a-key", 'a"b"c-key', "CODAT_KEY=abcdef", "bearer-of-a-key"])
def test_what_only_looks_like_a_mistake_is_a_key(odd: str) -> None:
    """Quotes inside, an equals sign, a word that begins like a scheme: sent as they are."""
    assert Secret.of(odd).reveal() == "Basic " + base64.b64encode(odd.encode()).decode()


def test_a_header_that_cannot_be_sent_is_refused() -> None:
    """Whoever makes a secret by its header gets no encoder's complaint, which would hold the text."""
    for wrong in ("Basic ключ-ключ", "Basic a\nb", b"Basic a-raw-key"):
        with pytest.raises(errors.ConfigurationError) as caught:
            Secret(wrong)  # type: ignore[arg-type]
        assert "ключ" not in str(caught.value)


def test_no_repr_shows_it() -> None:
    """Neither the secret nor what holds it prints the key."""
    security = shared.Security(auth_header=RAW)
    for shown in (repr(security), str(security.auth_header), f"{security.auth_header}"):
        assert RAW not in shown
        assert HEADER[6:] not in shown


def test_it_is_not_pickled_but_copied() -> None:
    """A key does not travel in a pickle; copies share it."""
    secret = Secret.of(RAW)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)
    assert copy.deepcopy(secret) is secret
    assert secret == Secret.of(HEADER)


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1))
def test_any_key_that_can_be_sent_is_sent_once(key: str) -> None:
    """Whatever is taken gives one line of a header."""
    try:
        header = Secret.of(key).reveal()
    except errors.ConfigurationError:
        return
    assert header.startswith("Basic ")
    assert header.isascii()
    assert len(header.splitlines()) == 1


def test_the_environment_holds_either_form() -> None:
    """CODAT_AUTH_HEADER or CODAT_API_KEY; nothing set is None."""
    assert Secret.from_environment({"CODAT_API_KEY": RAW}) == Secret.of(RAW)
    assert Secret.from_environment({"CODAT_AUTH_HEADER": HEADER}) == Secret.of(RAW)
    assert Secret.from_environment({}) is None
