"""What the sandbox's tests share."""

from collections.abc import Callable

import pytest

from .asking import Api


@pytest.fixture
def api() -> Api:
    """A service at a standing instant."""
    return Api()


@pytest.fixture
def make_api() -> Callable[..., Api]:
    """Makes services."""
    return Api
