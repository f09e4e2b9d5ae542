"""The paths of single nodes, in a form that a person can read: their nodes, their costs and what attends to them."""

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.nn.models.spagan import SPAGAN
from graphkit.nn.paths import paths_of, put_paths


class NodePath(NamedTuple):
    """One path of a node.

    Args:
        nodes: The nodes along it, the far end first and the node that it belongs to last.
        cost: What it costs to go along it; ``None`` where that is not known.
        attention: Its share of the attention to paths of its length, the mean of all heads; ``None`` without a model.
        weight: Its share of all attention of its node, the mean of all heads; ``None`` without a model.
    """

    nodes: tuple[int, ...]
    cost: float | None = None
    attention: float | None = None
    weight: float | None = None

    @property
    def hops(self) -> int:
        """The number of hops; those of a self path stay where they are."""
        return len(self.nodes) - 1

    @property
    def is_self(self) -> bool:
        """Whether this is the node itself."""
        return len(set(self.nodes)) == 1


def node_paths(
    paths: Sequence[Tensor],
    nodes: Sequence[int],
    costs: Sequence[Tensor] | None = None,
    attention: Sequence[Tensor] | None = None,
    weights: Sequence[Tensor] | None = None,
) -> dict[int, list[NodePath]]:
    """Takes the paths of some nodes out of those of all.

    Args:
        paths: For each length the paths ``[h + 1, P_h]``.
        nodes: The nodes.
        costs: For each length the costs ``[P_h]``.
        attention: For each length the attention within it ``[P_h]``.
        weights: For each length the share of all attention ``[P_h]``.

    Returns:
        For each node its paths, in the order in which they came.
    """
    by_node: dict[int, list[NodePath]] = {int(node): [] for node in nodes}
    for length, path_index in enumerate(paths):
        wanted = torch.isin(path_index[-1], torch.tensor(list(by_node), device=path_index.device)).nonzero().view(-1)
        columns = [
            [None] * wanted.numel() if values is None else values[length][wanted].tolist()
            for values in (costs, attention, weights)
        ]
        for path, *values in zip(path_index[:, wanted].t().tolist(), *columns, strict=True):
            by_node[path[-1]].append(NodePath(tuple(path), *values))
    return by_node


@torch.no_grad()
def attended_paths(model: SPAGAN, data: Data, nodes: Sequence[int]) -> dict[int, list[NodePath]]:
    """Returns the paths that the first layer of a model attends to at some nodes, with what it gives to each.

    Args:
        model: A trained model.
        data: The graph.
        nodes: The nodes.

    Returns:
        For each node its paths, by length, and within one by cost; the node itself is the last of each length. Costs
        are those that the paths were found by: there are none in the first phase and for paths that the data carry.
    """
    model.eval()
    costs = None
    if model.phase > 0 and not paths_of(data):
        paths, costs = model.find_paths(data)
        data = put_paths(copy(data), paths)
    seen = model(**model.inputs(data), return_attention=True)[1][0]
    alpha, weights = ([tensor.mean(dim=1) for tensor in parts] for parts in (seen.alpha, seen.weights()))
    return node_paths(seen.path_index, nodes, costs, alpha, weights)
