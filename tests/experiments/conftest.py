"""Small runs that many tests look at."""

from pathlib import Path
from typing import Any

import pytest

from tests.fitting import fit

SMALL: dict[str, Any] = {
    "model": {"name": "factorgcn", "hidden_channels": 8, "dropout": 0.1},
    "data": {"num_graphs": 60, "transforms": ["self-loops"]},
    "train": {"epochs": 6, "batch_size": 16, "schedule": "cosine"},
}
NODES: dict[str, Any] = {"model": {"name": "gcn"}, "data": {"name": "karate"}, "train": {"epochs": 4}}


@pytest.fixture
def small() -> dict[str, Any]:
    return SMALL


@pytest.fixture
def nodes() -> dict[str, Any]:
    return NODES


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    fit(SMALL, folder)
    return folder


@pytest.fixture(scope="session")
def seeds_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "seeds"
    fit({**NODES, "seeds": 3, "seed": 5}, folder)
    return folder
