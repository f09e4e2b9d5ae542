"""Small unions of patterns for the tests of factor metrics."""

from typing import NamedTuple

import torch
from torch import Tensor


class FactorGraphs(NamedTuple):
    """Many graphs in one union, with the patterns that every edge belongs to."""

    edge_index: Tensor
    ptr: Tensor
    factor_mask: Tensor
    presence: Tensor


def random_graphs(sizes: list[int], patterns: int, chosen: int, seed: int = 0, density: float = 0.25) -> FactorGraphs:
    """Returns graphs with self loops, each the union of ``chosen`` out of ``patterns`` random graphs."""
    generator = torch.Generator().manual_seed(seed)
    edges, masks, presence, offset = [], [], torch.zeros(len(sizes), patterns, dtype=torch.bool), 0
    for graph, size in enumerate(sizes):
        adjacency = torch.zeros(patterns, size, size, dtype=torch.bool)
        for pattern in torch.randperm(patterns, generator=generator)[:chosen].tolist():
            upper = (torch.rand(size, size, generator=generator) < density).triu(1)
            upper[0, 1] = True
            adjacency[pattern] = upper | upper.t()
            presence[graph, pattern] = True
        edge_index = (adjacency.any(0) | torch.eye(size, dtype=torch.bool)).nonzero().t()
        edges.append(edge_index + offset)
        masks.append(adjacency[:, edge_index[0], edge_index[1]].t())
        offset += size
    ptr = torch.tensor([0, *sizes]).cumsum(0)
    return FactorGraphs(torch.cat(edges, dim=1), ptr, torch.cat(masks), presence)
