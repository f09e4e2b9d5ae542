"""Small runs to draw, trained once."""

from pathlib import Path

import pytest

from tests.fitting import fit


@pytest.fixture(scope="session")
def factor_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of FactorGCN on graphs whose patterns are known."""
    folder = tmp_path_factory.mktemp("plot") / "factors"
    model = {"name": "factorgcn", "hidden_channels": 8, "factors": [4, 2]}
    data = {"name": "factor-graphs", "num_graphs": 60, "transforms": ["self-loops"]}
    fit({"model": model, "data": data, "train": {"epochs": 3, "batch_size": 16}, "seeds": 2}, folder)
    return folder


@pytest.fixture(scope="session")
def node_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One seed of FactorGCN on the nodes of one graph."""
    folder = tmp_path_factory.mktemp("plot") / "nodes"
    model = {"name": "factorgcn", "hidden_channels": 8}
    fit({"model": model, "data": {"name": "karate"}, "train": {"epochs": 3}}, folder)
    return folder


@pytest.fixture(scope="session")
def plain_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One seed of a model without factors."""
    folder = tmp_path_factory.mktemp("plot") / "plain"
    fit({"model": {"name": "gcn"}, "data": {"name": "karate"}, "train": {"epochs": 3}}, folder)
    return folder
