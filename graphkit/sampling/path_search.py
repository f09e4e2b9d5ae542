"""The cheapest paths of some nodes of a large graph, found in their surroundings."""

from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from graphkit.ops import shortest_paths
from graphkit.sampling.csc_graph import CSCGraph, NodeRelabeler

#: Sums of costs that are formed in different orders are taken for different beyond this share.
_ROUNDING = 1e-9


class PathSearch:
    """Finds what :func:`graphkit.ops.shortest_paths` finds in the whole graph, looking only as far as it must.

    Where all edges cost the same, paths of at most ``max_hops`` hops lie within as many hops. Where they have costs, a
    cheaper way round may lead far away. The search then looks one hop further and works out, for each node, what it
    costs at least to leave what it has seen: the paths of a node that cost less than that are those of the whole graph.
    For the other nodes it doubles the distance, and takes the whole graph once it would see more than half of it.

    Args:
        edges: The edges of the graph.
        cost: ``[E]`` what it costs to go along each edge, in the order in which they were given; nothing for 1.
        max_hops: Largest number of hops.
        ratio: RankSlice of its degree that a node keeps of each length above one hop; ``None`` for all paths.
        table: ``[N]`` int32, all -1: a place to number nodes in.
    """

    def __init__(self, edges: CSCGraph, cost: Tensor | None, max_hops: int, ratio: float | None, table: Tensor) -> None:
        self.edges, self.max_hops, self.ratio, self.table = edges, max_hops, ratio, table
        self.cost = None if cost is None else cost if edges.order is None else cost[edges.order]

    def find(self, centers: Tensor) -> list[Tensor]:
        """Returns the paths of each length of some nodes, sorted by the last row, self paths included.

        Args:
            centers: ``[K]`` int64, the nodes, none of them twice.
        """
        parts: list[list[Tensor]] = []
        further = 0 if self.cost is None else 1
        while centers.numel() or not parts:
            region = self._around(centers, self.max_hops + further)
            if region is None:
                parts.append(self._search(self.edges.into(torch.arange(self.edges.num_nodes))[0], centers, None)[0])
                break
            paths, costs = self._search(region.places, centers, region.nodes)
            if self.cost is None:
                parts.append(paths)
                break
            sure = self._sure(region, paths, costs)
            parts.append([path_index[:, sure[region.local(path_index[-1])]] for path_index in paths])
            centers, further = centers[~sure[region.local(centers)]], 2 * further
        if len(parts) == 1:
            return parts[0]
        merged = [torch.cat(pieces, dim=1) for pieces in zip(*parts, strict=True)]
        return [path_index[:, path_index[-1].argsort(stable=True)] for path_index in merged]

    def _around(self, centers: Tensor, hops: int) -> "_Region | None":
        """Returns what lies within some hops of nodes, against the edges; nothing if that is half of the graph."""
        with NodeRelabeler(self.table) as seen:
            seen.begin(centers)
            new = inner = centers
            for _ in range(hops):
                inner = seen.nodes
                new = seen.add(self.edges.row[self.edges.into(new)[0]])
                if 2 * len(seen) > self.edges.num_nodes:
                    return None
            # In the order of their ids, by which ties between paths are broken.
            return _Region(seen.nodes.sort().values, new, self.edges.into(inner)[0])

    def _search(self, places: Tensor, centers: Tensor, nodes: Tensor | None) -> tuple[list[Tensor], list[Tensor]]:
        """Returns the paths along the edges at some places and their costs, by the ids that nodes have in the graph."""
        target, size = torch.searchsorted(self.edges.ptr, places, right=True) - 1, self.edges.num_nodes
        ends = torch.stack([self.edges.row[places], target])
        if nodes is not None:
            with NodeRelabeler(self.table) as number:
                number.begin(nodes)
                ends, centers, size = number.of(ends), number.of(centers), nodes.numel()
        cost = None if self.cost is None else self.cost[places]
        paths, costs = shortest_paths(
            ends, cost, self.max_hops, num_nodes=size, sources=centers, ratio=self.ratio, self_paths=True
        )
        return (paths if nodes is None else [nodes[path_index] for path_index in paths]), costs

    def _sure(self, region: "_Region", paths: list[Tensor], costs: list[Tensor]) -> Tensor:
        """Returns for the nodes of a region whether the paths found for them are those of the whole graph.

        A route that the search has not seen leaves the region, and so passes one of its outermost nodes. Where that
        alone costs more than the dearest path of a node, no such route changes what was found for it.
        """
        local = region.local
        dearest = torch.zeros(region.nodes.numel(), dtype=torch.float64)
        for path_index, cost in zip(paths, costs, strict=True):
            dearest.scatter_reduce_(0, local(path_index[-1]), cost.double(), "amax")
        if not region.outermost.numel():
            return torch.ones_like(dearest, dtype=torch.bool)
        places = region.places
        target = local(torch.searchsorted(self.edges.ptr, places, right=True) - 1).numpy()
        other, value = local(self.edges.row[places]).numpy(), self.cost[places].double().numpy()  # type: ignore[index]
        order = np.lexsort((value, target, other))
        again = np.zeros(order.size, dtype=bool)  # of parallel edges, all but the cheapest
        again[1:] = (np.diff(target[order]) == 0) & (np.diff(other[order]) == 0)
        order = order[~again]
        graph = csr_array((value[order], (other[order], target[order])), shape=(dearest.numel(), dearest.numel()))
        leaving = dijkstra(graph, indices=local(region.outermost).numpy(), min_only=True)
        return dearest < torch.from_numpy(leaving) * (1 - _ROUNDING)


class _Region(NamedTuple):
    """A part of a graph.

    Args:
        nodes: Its nodes, by their ids.
        outermost: Those whose edges are not followed any further.
        places: The edges into all others.
    """

    nodes: Tensor
    outermost: Tensor
    places: Tensor

    def local(self, nodes: Tensor) -> Tensor:
        """Returns the places of nodes among those of the region."""
        return torch.searchsorted(self.nodes, nodes)
