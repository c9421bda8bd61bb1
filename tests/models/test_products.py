"""Which refresh goes with which product."""

import pytest

from codat_notebook.models.products import STANDARD, caution, refreshable, way_of


def test_a_product_of_ones_own_can_be_refreshed() -> None:
    """Codat's own cannot, in either case."""
    assert refreshable(["lending", "Bank-Feeds", "mine"]) == ["mine"]


@pytest.mark.parametrize(
    ("products", "told"),
    [
        ([], False), (["mine"], False), (["lending"], False), (["bank-feeds"], True),
        (["payables", "spend-insights"], True), (["bank-feeds", "lending"], False), (["bank-feeds", "mine"], False),
    ],
)  # fmt: skip
def test_a_caution_is_about_companies_that_have_nothing_else(products: list[str], told: bool) -> None:
    """It says each product's way, with its source."""
    text = caution(products)
    assert (text is not None) == told
    assert all(way_of(product) in (text or "") for product in products if told)


def test_each_way_has_a_source() -> None:
    """A page of Codat's documentation, or a contract."""
    assert all(product.source.startswith(("docs/", "yaml/")) for product in STANDARD.values())
