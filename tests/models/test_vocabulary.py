"""Open enumerations: known words have names, unknown ones are words all the same."""

import pickle

import pytest

from codat_notebook.models import shared, status, vocabulary


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        (vocabulary.SchemaDataType, vocabulary.ACCOUNTING + vocabulary.BANKING + vocabulary.COMMERCE),
        (vocabulary.DatasetStatus, status.STATUSES),
        (vocabulary.DataConnectionStatus, status.CONNECTION_STATUSES),
    ],
)
def test_the_members_are_the_vocabulary(kind: type[vocabulary.OpenEnum], known: tuple[str, ...]) -> None:
    """Both lists of words are the same."""
    assert sorted(kind) == sorted(known)


def test_an_unknown_word_is_text_with_a_value() -> None:
    """A word that nobody has seen compares, prints and pickles as its text."""
    word = shared.DatasetStatus("Routing")
    assert (word, str(word), f"{word}", word.value, word.name) == ("Routing",) * 5
    assert pickle.loads(pickle.dumps(word)) == "Routing"
    assert "Routing" not in shared.DatasetStatus.__members__


def test_a_known_word_is_its_member() -> None:
    """Known words are one object each, also when made from text."""
    assert shared.Status("Complete") is shared.DatasetStatus.COMPLETE
    assert shared.SchemaDataType.BANKING_ACCOUNTS == "banking-accounts"


def test_what_is_no_text_is_no_word() -> None:
    """Only text is a word; the lenient reader converts the rest before it asks."""
    with pytest.raises(ValueError, match="5"):
        shared.DatasetStatus(5)


def test_no_two_data_types_have_one_name() -> None:
    """On screen the name is all that there is; a word that ends another family's key is no exception."""
    names = [vocabulary.plain_name(key) for key in vocabulary.DATA_TYPES]
    assert len(set(names)) == len(names)
    assert all(name[0].isupper() and not any(each.isupper() for each in name[1:]) for name in names)


@pytest.mark.parametrize(
    ("key", "name"),
    [("", ""), ("custom/", "Custom/"), ("-", "-"), ("x-", "X"), ("ITEMS", "ITEMS"), ("a-b-cD", "A b c d")],
)
def test_any_text_has_a_name(key: str, name: str) -> None:
    """Codat may send a data type of any form."""
    assert vocabulary.plain_name(key) == name
