"""What the items of a stream are to be recognized as: classes or labels, in the order of the stream."""

from copy import copy

import torch
from torch import Tensor

from graphkit.data import GraphCollection, GraphDataset
from graphkit.errors import InputError


def targets(dataset: GraphDataset) -> Tensor:
    """Returns classes ``[N]`` or labels ``[N, L]`` of all items."""
    if isinstance(dataset.graphs, GraphCollection):
        y = dataset.graphs.node["y"] if dataset.level == "node" else dataset.graphs.graph["y"]
        if dataset.task == "node-classification":
            raise InputError(f"no stream is made of many graphs whose nodes have classes, such as '{dataset.name}'")
        return y.view(-1) if dataset.task == "graph-classification" else y
    return dataset.graphs[0].y


def labeled(y: Tensor) -> Tensor:
    """Returns which items have a class, or any known label, ``[N]`` bool."""
    return y >= 0 if y.dim() == 1 else ~y.isnan().all(dim=1)


def counts(y: Tensor, num_outputs: int) -> Tensor:
    """Returns how many items there are of each class, or with a known label."""
    return torch.bincount(y[y >= 0], minlength=num_outputs) if y.dim() == 1 else (~y.isnan()).sum(dim=0)


def renumbered(y: Tensor, classes: Tensor, num_outputs: int) -> Tensor:
    """Numbers classes in the order of the stream, those of no task -1; puts the columns of labels in that order."""
    if y.dim() > 1:
        order = classes.view(-1)
        return y if torch.equal(order, torch.arange(y.size(1))) else y[:, order]
    number = torch.full((num_outputs + 1,), -1)  # the last entry serves the class -1
    number[classes.view(-1)] = torch.arange(classes.numel())
    return y if torch.equal(number[y], y) else number[y]


def with_targets(dataset: GraphDataset, y: Tensor) -> GraphDataset:
    """Returns the data set with other targets; everything else is shared."""
    if isinstance(dataset.graphs, GraphCollection):
        graphs = copy(dataset.graphs)
        level = "node" if dataset.level == "node" else "graph"
        setattr(graphs, level, {**getattr(graphs, level), "y": y})
        return dataset.replace(graphs=graphs)
    data = copy(dataset.graphs[0])
    data.y = y
    return dataset.replace(graphs=(data,))
