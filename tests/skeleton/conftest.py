"""What the tests of all operators share."""

import pytest

from graphkit.ops import backend, describe


@pytest.fixture
def native() -> None:
    """Skips a test of the native code where that is not in use."""
    if backend() != "native":
        pytest.skip(f"native operators are not in use: {describe()[0].reason}")
