"""What a list of graphs must hold to."""

from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from graphkit.data import load


def graphs(**changes: object) -> list[Data]:
    made = []
    for number in range(6):
        data = Data(x=torch.rand(3, 2), edge_index=torch.tensor([[0, 1], [1, 2]]), y=torch.tensor([number % 2]))
        made.append(data)
    for name, value in changes.items():
        made[1][name] = value
    return made


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": torch.tensor([0, 1, 0])}, "graph 1: `y` must be one class, .* \\(got \\[3\\]"),
        ({"x": torch.rand(3, 5)}, "graph 1: `x` must have as many columns in every graph \\(got 5, graph 0 has 2\\)"),
        ({"x": torch.rand(0, 2), "edge_index": torch.empty(2, 0, dtype=torch.long)}, "graph 1 has no node"),
        ({"split": "train"}, "all graphs must have the same attributes \\(`split` is absent from some, such as graph 0\\)"),
    ],
)
def test_a_graph_that_does_not_fit_is_named(tmp_path: Path, changes: dict, message: str) -> None:
    torch.save(graphs(**changes), tmp_path / "graphs.pt")
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "graphs.pt")


def test_one_class_is_nothing_to_learn(tmp_path: Path) -> None:
    same = graphs()
    for data in same:
        data.y = torch.tensor([0])
    torch.save(same, tmp_path / "graphs.pt")
    with pytest.raises(ValueError, match="at least two classes"):
        load(tmp_path / "graphs.pt")
