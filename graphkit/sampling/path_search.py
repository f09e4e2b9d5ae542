"""Shortest-path search from selected nodes, restricted to their neighborhood."""

from typing import NamedTuple

import numpy as np
import scipy
import torch
from torch import Tensor

from graphkit.ops import shortest_paths
from graphkit.sampling.csc_graph import CSCGraph, NodeRelabeler

#: Relative rounding tolerance for sums of costs in different orders.
_ROUNDING = 1e-9


class PathSearch:
    """Local search for the paths that :func:`graphkit.ops.shortest_paths` returns.

    With unit costs, paths of at most ``max_hops`` hops lie within that many hops of a node. With edge costs, a cheaper
    detour may leave this region. The search therefore adds one hop and computes a lower bound on the cost of any path
    that leaves the region: paths of a node that cost less than the bound are exact. For the remaining nodes the extra
    distance is doubled, until the region exceeds half of the graph, and the full graph is searched.

    Args:
        edges (CSCGraph): Edges of the graph.
        cost (Tensor, optional): ``[E]``, edge costs in the input order; ``None`` for 1.
        max_hops (int): Largest number of hops.
        ratio (float, optional): Number of paths kept per node and length above one hop, as a fraction of the degree;
            ``None`` for all.
        table (Tensor): ``[N]`` int32, all -1: relabeling table.
    """

    def __init__(self, edges: CSCGraph, cost: Tensor | None, max_hops: int, ratio: float | None, table: Tensor) -> None:
        self.edges, self.max_hops, self.ratio, self.table = edges, max_hops, ratio, table
        self.cost = None if cost is None else cost if edges.order is None else cost[edges.order]

    def find(self, centers: Tensor) -> list[Tensor]:
        """Returns the paths of some nodes by length, with self paths, sorted by last row.

        Args:
            centers (Tensor): ``[K]`` int64, unique node ids.
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
        """Returns the in-neighborhood within ``hops``; ``None`` above half of the graph."""
        with NodeRelabeler(self.table) as seen:
            seen.begin(centers)
            new = inner = centers
            for _ in range(hops):
                inner = seen.nodes
                new = seen.add(self.edges.row[self.edges.into(new)[0]])
                if 2 * len(seen) > self.edges.num_nodes:
                    return None
            # Sorted by id, since ties between paths are broken by id.
            return _Region(seen.nodes.sort().values, new, self.edges.into(inner)[0])

    def _search(self, places: Tensor, centers: Tensor, nodes: Tensor | None) -> tuple[list[Tensor], list[Tensor]]:
        """Returns paths, in ids of the full graph, and costs within a subset of edges."""
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
        """Returns which nodes of a region have exact paths.

        A path outside the region passes one of its outermost nodes. If reaching a node from there costs more than its
        most expensive path, paths outside the region cannot change the result.
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
        again = np.zeros(order.size, dtype=bool)  # duplicates of parallel edges, except the cheapest
        again[1:] = (np.diff(target[order]) == 0) & (np.diff(other[order]) == 0)
        order = order[~again]
        indices = other[order].astype(np.int32), target[order].astype(np.int32)  # SciPy 1.11 needs 32-bit indices
        graph = scipy.sparse.csr_array((value[order], indices), shape=(dearest.numel(), dearest.numel()))
        leaving = scipy.sparse.csgraph.dijkstra(graph, indices=local(region.outermost).numpy(), min_only=True)
        return dearest < torch.from_numpy(leaving) * (1 - _ROUNDING)


class _Region(NamedTuple):
    """Neighborhood of the searched nodes.

    Args:
        nodes (Tensor): Sorted ids of its nodes.
        outermost (Tensor): Nodes whose incoming edges are not in the region.
        places (Tensor): Positions of the edges into all other nodes.
    """

    nodes: Tensor
    outermost: Tensor
    places: Tensor

    def local(self, nodes: Tensor) -> Tensor:
        """Returns the positions of nodes within the region."""
        return torch.searchsorted(self.nodes, nodes)
