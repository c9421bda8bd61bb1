"""The key that comes back: found in every form that gateways and pages give it, and in nothing else."""

import base64
import json
import random
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codat_notebook.models.secret import LEAST, MASK, Scrubber, Secret, decoded
from tests.keys import ENCODED, FORMS, KEY, PLAIN, SECRETS

MASKED = MASK.encode()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SECRETS)
def test_every_form_is_masked(name: str, form: str) -> None:
    """Raw, encoded or the header, escaped in whatever way: nothing of it is left, and what stands around it is."""
    text = FORMS[form](SECRETS[name])
    found = Secret.of(KEY).scrub(f"before {text} after".encode()).decode()
    assert found.startswith("before ")
    assert found.endswith(" after")
    assert MASK in found
    left = found.removeprefix("before ").removesuffix(" after").replace(MASK, "").lower()
    assert left in ("", "basic ", "b''", 'b""', FORMS[form]("Basic ").lower(), FORMS[form]("BASIC ").lower())


@pytest.mark.parametrize("given_key", [KEY, ENCODED, f"Basic {ENCODED}"])
def test_however_the_key_was_given(given_key: str) -> None:
    """A key that was given encoded is found raw, and the other way round."""
    assert Secret.of(given_key).scrub(f"{KEY} {ENCODED}".encode()) == b" ".join([MASKED, MASKED])


def test_a_users_colon_is_no_part_of_the_key() -> None:
    """Whoever gives the key as a user name without a password has it found without the colon."""
    header = base64.b64encode(f"{KEY}:".encode()).decode()
    assert KEY not in Secret.of(f"Basic {header}").scrub_text(f"user {KEY} refused")


@pytest.mark.parametrize("form", PLAIN)
def test_large_answers_are_searched_too(form: str) -> None:
    """Megabytes around it change nothing, where its letters and digits are plain."""
    rest = b'{"id": "8a210b68-6988-11ed-a1eb-0242ac120002"},' * 20_000
    for secret in SECRETS.values():
        body = Secret.of(KEY).scrub(rest + FORMS[form](secret).encode() + rest)
        assert body.startswith(rest)
        assert body.endswith(rest)
        assert len(body) < 2 * len(rest) + 40


def test_wide_letters() -> None:
    """A page in UTF-16 or UTF-32 that holds the key is given up as a whole."""
    for coding in ("utf-16", "utf-16-be", "utf-32"):
        assert Secret.of(KEY).scrub(f"<h1>{KEY}</h1>".encode(coding)) == MASKED
        assert Secret.of(KEY).scrub("<h1>nothing</h1>".encode(coding)) == "<h1>nothing</h1>".encode(coding)


def test_short_keys_shred_nothing() -> None:
    """A raw key of fewer than eight letters is left as the word that it is; its header is masked all the same."""
    for key in ("key", "a", "invoice"):
        header = Secret.of(key).reveal()
        found = Secret.of(key).scrub_text(f'{{"dataType": "{key}s", "sent": "{header}", "again": "{quote(header)}"}}')
        assert f'"{key}s"' in found
        assert header.removeprefix("Basic ") not in found
    assert Secret.of("k" * LEAST).scrub_text("k" * LEAST) == MASK
    assert Secret.of("key").reveal() == "Basic a2V5"
    for gap in (" ", "%20", "+", "\\u0020", "&#32;", '": "'):
        assert Secret.of("key").scrub_text(f"sha: a2V5f00, sent: bAsIc{gap}a2V5") == f"sha: a2V5f00, sent: {MASK}"


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF), max_size=200))
def test_what_holds_no_key_is_left_as_it_is(text: str) -> None:
    """Without the key the very same object is given back."""
    assert Secret.of(KEY).scrub_text(text) is text


@given(
    st.text(st.sampled_from(string.ascii_letters + string.digits + "+/=-_.~!$&'()*,;:@%"), min_size=LEAST, max_size=60),
    st.sampled_from(sorted(FORMS)),
    st.randoms(use_true_random=False),
)
def test_any_key_is_found_and_json_stays_json(key: str, form: str, dice: random.Random) -> None:
    """Whatever the key, whichever letters are escaped and how: it is found, and the answer can be read as before."""
    secret = Secret(f"Basic {base64.b64encode(key.encode()).decode()}")
    if decoded(secret.reveal()[6:]) != key:  # a colon at its ends is taken for that of a user without a password
        return
    spelt = "".join(dice.choice([letter, FORMS[form](letter)]) for letter in key)
    if form.startswith(("JSON", "percent", "HTML")) and form != "JSON in JSON":
        text = spelt if form.startswith("JSON") else json.dumps(spelt)[1:-1]
        body = f'{{"id": "8a210b68", "said": ["x{text}y", "{text}"]}}'
        json.loads(body)
        found = json.loads(secret.scrub_text(body))
        assert found == {"id": "8a210b68", "said": [f"x{MASK}y", MASK]}


def test_what_only_begins_like_an_escape_is_left() -> None:
    """Rows of what begins an escape, with an escaped letter after them, come out as they went in."""
    secret = Secret.of(KEY)
    for row in ("\\", "%25", "&amp;", "\\u0026", "&#0", "&", "%"):
        body = (row * 16_000)[:15_000].encode() + b"%41"
        assert secret.scrub(body) == body


@pytest.mark.parametrize("key", [KEY, "key", "k+y"])
def test_an_address_that_holds_the_key_is_known(key: str) -> None:
    """As user, password, host, path, query or fragment, encoded or not, and however short the key is."""
    secret = Secret.of(key)
    token = secret.reveal().removeprefix("Basic ")
    for held in (key, quote(key, safe=""), token, quote(token, safe="")):
        for address in ("https://{}", "https://{}:x@host", "https://u:{}@host", "https://host/a/{}/b", "https://host?k={}",
                        "https://host#{}", "{}"):  # fmt: skip
            assert secret.is_in(address.format(held)), address
    assert not secret.is_in("https://api.codat.io/keys")


def test_a_scrubber_shows_no_key() -> None:
    """Neither it nor its parts print what they look for."""
    for shown in (repr(Scrubber(f"Basic {ENCODED}")), repr(Scrubber(f"Basic {ENCODED}")._Scrubber__forms)):  # type: ignore[attr-defined]
        assert ENCODED not in shown
        assert KEY not in shown
