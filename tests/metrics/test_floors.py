"""Floors of a regression: training mean and last value."""

import math

import pytest
import torch
from torch_geometric.data import Data

from graphkit.data import GraphCollection, GraphDataset, Split
from graphkit.metrics.floors import last_values, regression_floors

NAN = math.nan


def weeks(time: list[int], y: list[list[float]], task: str = "node-regression") -> GraphDataset:
    edge_index = torch.tensor([[0, 1], [1, 0]])
    graphs = [
        Data(x=torch.ones(2, 1), edge_index=edge_index, y=torch.tensor(row).view(-1, 1), time=torch.tensor([moment]))
        for moment, row in zip(time, y, strict=True)
    ]
    ids = torch.arange(len(graphs))
    split = Split(ids[:2], ids[:0], ids[2:])
    return GraphDataset("weeks", task, GraphCollection.from_list(graphs), (split,), 1, 1, "rmse")


def test_mean_and_last_value() -> None:
    data = weeks([0, 1, 2, 3], [[0.0, 2.0], [4.0, 6.0], [5.0, 7.0], [5.0, 8.0]])
    floors = regression_floors(data, data.splits[0])
    errors = torch.tensor([2.0, 4.0, 2.0, 5.0])
    assert floors["mean"]["mae"] == pytest.approx(3.25)
    assert floors["mean"]["rmse"] == pytest.approx(float(errors.square().mean().sqrt()))
    assert floors["last-value"]["mae"] == pytest.approx((1 + 1 + 0 + 1) / 4)
    y = torch.tensor([5.0, 7, 5, 8])
    total = float((y - y.mean()).square().sum())
    assert floors["last-value"]["r2"] == pytest.approx(1 - 3 / total)


def test_the_last_value_goes_by_time_and_over_gaps() -> None:
    data = weeks([10, 30, 20, 20, 40], [[1.0, 2.0], [3.0, 4.0], [5.0, NAN], [7.0, 8.0], [9.0, 9.0]])
    last = last_values(data, torch.arange(5))
    assert last is not None
    assert last.nan_to_num(-1).view(5, 2).tolist() == [[-1, -1], [7, 8], [1, 2], [1, 2], [3, 4]]
    assert last_values(data, torch.tensor([4]), steps=20).tolist() == [[7], [8]]  # type: ignore[union-attr]
    gaps = weeks([0, 1, 2], [[1.0, 2.0], [NAN, 3.0], [0.0, 0.0]])
    assert last_values(gaps, torch.tensor([2])).tolist() == [[1], [3]]  # type: ignore[union-attr]


def test_an_undefined_r2_is_none() -> None:
    data = weeks([0, 1, 2], [[1.0, 2.0], [3.0, 3.0], [4.0, 4.0]])
    floors = regression_floors(data, data.splits[0])
    assert floors["mean"]["r2"] is None and floors["last-value"]["r2"] is None and floors["last-value"]["rmse"] == 1


def test_there_is_no_last_value_without_time_or_with_other_nodes() -> None:
    data = weeks([0, 1, 2], [[1.0, 2.0], [3.0, 3.0], [4.0, 5.0]])
    del data.graphs.graph["time"]  # type: ignore[attr-defined]
    assert list(regression_floors(data, data.splits[0])) == ["mean"]
    edge = torch.tensor([[0], [1]])
    graphs = [Data(x=torch.ones(n, 1), edge_index=edge, y=torch.ones(n, 1), time=torch.tensor([n])) for n in (2, 3, 3)]
    other = data.replace(graphs=GraphCollection.from_list(graphs))
    assert list(regression_floors(other, other.splits[0])) == ["mean"]
    assert regression_floors(data.replace(task="multilabel-node-classification"), data.splits[0]) == {}
