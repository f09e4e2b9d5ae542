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
        ({"y": torch.tensor([0, 1, 0])}, "graph 1: `y` must be one class or number, .* \\(got \\[3\\]"),
        ({"x": torch.rand(3, 5)}, "graph 1: `x` must have as many columns in every graph \\(got 5, graph 0 has 2\\)"),
        ({"x": torch.rand(0, 2), "edge_index": torch.empty(2, 0, dtype=torch.long)}, "graph 1 has no node"),
        (
            {"split": "train"},
            "all graphs must have the same attributes \\(`split` is absent from some, such as graph 0",
        ),
        ({"x": torch.full((3, 2), torch.nan)}, "graph 1: feature 0 of node 0 must be a finite number"),
        (
            {"edge_index": torch.tensor([[0, 1], [1, 3]])},
            "graph 1: edge 1 joins 1 and 3, but nodes are numbered 0 to 2",
        ),
        ({"edge_index": torch.zeros(2, 2)}, "graph 1: `edge_index` must hold whole numbers"),
        ({"edge_index": torch.zeros(3, 2).long()}, "graph 1: `edge_index` must have the shape \\[2, edges\\]"),
        ({"y": torch.tensor([2**40])}, "`y` must hold class numbers from 0 to 2, without gaps \\(got 1099511627776\\)"),
        ({"num_nodes": 9}, "graph 1: `x` must have one row per node, 9 as `num_nodes` says"),
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
    with pytest.raises(ValueError, match="all labels are '0'; there must be two classes or more"):
        load(tmp_path / "graphs.pt")


def save(folder: Path, content: list[Data]) -> Path:
    torch.save(content, folder / "graphs.pt")
    return folder / "graphs.pt"


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (torch.ones(1), r"graph 1: `edge_weight` must have one number for each of the 2 edges \(got the shape \[1\]\)"),
        (torch.tensor([1.0, float("nan")]), "graph 1: the weight of edge 1 in `edge_weight` must be a finite number"),
        (torch.ones(2, dtype=torch.complex64), "graph 1: `edge_weight` must hold numbers"),
    ],
)
def test_edge_weights_are_checked_as_in_a_single_graph(tmp_path: Path, weight: torch.Tensor, message: str) -> None:
    content = graphs()
    for data in content:
        data.edge_weight = torch.ones(2)
    content[1].edge_weight = weight
    with pytest.raises(ValueError, match=message):
        load(save(tmp_path, content))
    del content[1].edge_weight
    with pytest.raises(ValueError, match="`edge_weight` is absent from some, such as graph 1"):
        load(save(tmp_path, content))


@pytest.mark.parametrize("labels", [[0, 1, -1, 0, 1, 0], [0.0, 1.0, float("nan"), 0.0, 1.0, 0.0], list("ab?aba")])
def test_graphs_without_a_label_are_never_drawn(tmp_path: Path, labels: list) -> None:
    content = graphs()
    for data, label in zip(content, labels, strict=True):
        data.y = label if isinstance(label, str) else torch.tensor([label])
    dataset = load(save(tmp_path, content), split="0.4,0.3,0.3")
    assert sorted(torch.cat(list(vars(dataset.splits[0]).values())).tolist()) == [0, 1, 3, 4, 5]
    for data, word in zip(content, ("train", "val", "test") * 2, strict=True):
        data.split = word
    with pytest.raises(ValueError, match="graph 2 is in the test part but has no label"):
        load(save(tmp_path, content))


def test_decimal_numbers_are_a_regression(tmp_path: Path) -> None:
    content = graphs()
    for number, data in enumerate(content):
        data.y = torch.tensor([number / 7 if number else torch.nan])
    dataset = load(save(tmp_path, content), split="0.4,0.3,0.3")
    assert (dataset.task, dataset.metric, dataset.num_outputs) == ("graph-regression", "mae", 1)
    assert "graph regression" in dataset.notes[0] and dataset.graphs[2].y.tolist() == [[pytest.approx(2 / 7)]]
    assert 0 not in torch.cat(list(vars(dataset.splits[0]).values()))
    content[3].y = torch.tensor([-1.0])  # a value: "no label" is NaN alone
    dataset = load(save(tmp_path, content), split="0.4,0.3,0.3")
    assert dataset.graphs[3].y.tolist() == [[-1.0]]
    assert 3 in torch.cat(list(vars(dataset.splits[0]).values()))
    content[4].y = torch.tensor([torch.inf])
    with pytest.raises(ValueError, match="graph 4: `y` must be a finite number, or NaN for none"):
        load(save(tmp_path, content))
