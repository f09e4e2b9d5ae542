"""Vectors of edge features from the data to predictions, with every model that takes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

import graphkit
from graphkit.data import GraphDataset
from graphkit.errors import InputError
from graphkit.registry import get_model, model_names
from graphkit.training.build_model import check_graphs
from graphkit.training.interrupt import Interrupted
from tests.experiments.test_links import StopAt, same
from tests.fitting import fit, resume

NAMES = [name for name in model_names() if get_model(name).takes_edge_attr]


def stars(count: int, seed: int) -> list[Data]:
    """Returns stars whose class is the feature of the leaves at edges of the second kind."""
    generator = torch.Generator().manual_seed(seed)
    graphs = []
    for number in range(count):
        leaf, hub = torch.arange(1, 9), torch.zeros(8, dtype=torch.long)
        kind = torch.arange(8) % 2
        x = torch.zeros(9, 1)
        x[1:, 0] = torch.where(kind == 1, number % 2, 1 - number % 2) * 2.0 - 1.0
        x[1:, 0] += 0.1 * torch.randn(8, generator=generator)
        edge_index = torch.stack([torch.cat([leaf, hub]), torch.cat([hub, leaf])])
        features = torch.nn.functional.one_hot(kind, 2).float().repeat(2, 1)
        graphs.append(Data(x=x, edge_index=edge_index, edge_attr=features, y=torch.tensor([number % 2])))
    return graphs


def config(name: str, folder: Path, count: int, epochs: int, **options: Any) -> dict[str, Any]:
    torch.save(stars(count, 0), folder / "stars.pt")
    return {
        "model": {"name": name, "hidden_channels": 16, "dropout": 0.0, **options},
        "data": {"name": str(folder / "stars.pt"), "split": [0.5, 0.25, 0.25]},
        "train": {"epochs": epochs, "lr": 0.03, "batch_size": 40},
        "device": "cpu",
    }


@pytest.mark.extended
@pytest.mark.parametrize("name", NAMES)
def test_a_class_that_only_the_edges_tell_is_learned(name: str, tmp_path: Path) -> None:
    assert fit(config(name, tmp_path, 40, 40), tmp_path / "run")["test"]["mean"] == 1
    assert fit(config(name, tmp_path, 40, 40, edge_attr=None), tmp_path / "blind")["test"]["mean"] < 0.9
    run, new = graphkit.open_run(tmp_path / "run"), stars(20, 1)
    assert (run.predict(new).prediction.astype(int) == np.arange(20) % 2).all()


@pytest.mark.parametrize("costs", ["attention", "edges"])
def test_the_check_of_edge_features_needs_no_paths(costs: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = stars(1, 0)[0]
    data.path_set, data.y = "a folder", torch.arange(9) % 2
    dataset = GraphDataset("d", "node-classification", (data,), (), 1, 2, "accuracy")
    model = get_model("spagan")(1, 2, costs=costs, edge_attr="edge_attr", edge_dim=2)
    monkeypatch.setattr(model, "find_paths", None)
    check_graphs(model, dataset)
    data.edge_attr = data.edge_attr[:, :1]
    with pytest.raises(InputError, match="2 numbers for each of the 16 edges"):
        check_graphs(model, dataset)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_with_edge_features_is_continued_to_the_same_bits(name: str, tmp_path: Path) -> None:
    settings = config(name, tmp_path, 8, 2, residual=True)
    fit(settings, tmp_path / "whole")
    with pytest.raises(Interrupted):
        fit(settings, tmp_path / "parts", StopAt(name, 1))
    resume(tmp_path / "parts")
    assert same(tmp_path / "whole", tmp_path / "parts")
    run, new = graphkit.open_run(tmp_path / "parts"), stars(4, 1)
    assert run.model.edge_dim == 2 and len(run.predict(new).prediction) == 4
    for data in new:
        data.edge_attr = torch.cat([data.edge_attr, data.edge_attr], dim=1)
    with pytest.raises(InputError, match="edge features"):
        run.predict(new)


def test_a_model_without_edge_features_names_those_with_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = stars(8, 0)
    graphkit.fit("gcn", data, epochs=1, verbose=True, output=tmp_path / "gcn")
    assert "note: gcn does not use `edge_attr` of" in (text := "".join(capsys.readouterr())) and "gine" in text
    for settings in ({}, {"model.edge_attr": None}):
        graphkit.fit("gat", data, epochs=1, verbose=True, set=settings, output=tmp_path / f"gat-{len(settings)}")
        assert "edge_attr" not in "".join(capsys.readouterr())
