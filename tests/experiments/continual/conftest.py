"""Small runs that many tests look at."""

from typing import Any

import pytest

SMALL: dict[str, Any] = {
    "model": {"name": "gcn", "hidden_channels": 8, "dropout": 0.2},
    "data": {"name": "sbm-continual", "num_classes": 6, "size": 12, "noise": 1.0},
    "train": {"epochs": 4, "check": 2},
    "strategies": {"twp": {}},
}


@pytest.fixture
def small() -> dict[str, Any]:
    return SMALL
