"""Attended paths of single nodes: node ids, costs and attention weights."""

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.nn.models.spagan import SPAGAN
from graphkit.nn.paths import paths_of, put_paths


class NodePath(NamedTuple):
    """Path of a node.

    Args:
        nodes (tuple[int, ...]): Nodes along the path, from the far end to the attending node.
        cost (float, optional): Cost of the path; ``None`` if unknown. (default: ``None``)
        attention (float, optional): Attention within the paths of the same length, averaged over heads; ``None``
            without a model. (default: ``None``)
        weight (float, optional): Attention within all paths of the node, averaged over heads; ``None`` without a model.
            (default: ``None``)
    """

    nodes: tuple[int, ...]
    cost: float | None = None
    attention: float | None = None
    weight: float | None = None

    @property
    def hops(self) -> int:
        """Number of hops; a self path has as many as its length."""
        return len(self.nodes) - 1

    @property
    def is_self(self) -> bool:
        """True for a self path ``(i, ..., i)``."""
        return len(set(self.nodes)) == 1


def node_paths(
    paths: Sequence[Tensor],
    nodes: Sequence[int],
    costs: Sequence[Tensor] | None = None,
    attention: Sequence[Tensor] | None = None,
    weights: Sequence[Tensor] | None = None,
) -> dict[int, list[NodePath]]:
    """Selects the paths that end at the given nodes.

    Args:
        paths (Sequence[Tensor]): Paths ``[h + 1, P_h]`` of each length.
        nodes (Sequence[int]): Node ids.
        costs (Sequence[Tensor], optional): Costs ``[P_h]`` of each length. (default: ``None``)
        attention (Sequence[Tensor], optional): Attention ``[P_h]`` within each length. (default: ``None``)
        weights (Sequence[Tensor], optional): Attention ``[P_h]`` within all paths of a node, for each length.
            (default: ``None``)

    Returns:
        The paths of each node, in input order.
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
    """Returns the paths of the given nodes with their attention in the first layer.

    Args:
        model (SPAGAN): Trained model.
        data (Data): Graph.
        nodes (Sequence[int]): Node ids.

    Returns:
        The paths of each node, sorted by length and then by cost; the self path is the last one of each length. The
        cost is ``None`` in the first phase and for paths stored in ``data``.
    """
    model.eval()
    costs = None
    if model.has_costs and not paths_of(data):
        paths, costs = model.find_paths(data)
        data = put_paths(copy(data), paths)
    seen = model(**model.inputs(data), return_attention=True)[1][0]
    alpha, weights = ([tensor.mean(dim=1) for tensor in parts] for parts in (seen.alpha, seen.weights()))
    return node_paths(seen.path_index, nodes, costs, alpha, weights)
