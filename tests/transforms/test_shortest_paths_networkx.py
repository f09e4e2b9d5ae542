"""The paths of 200 random graphs are those that networkx finds, and their lengths those of SciPy."""

import networkx as nx
import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from torch import Tensor
from torch_geometric.data import Data

from graphkit.ops import shortest_paths
from graphkit.transforms import ShortestPaths

GRAPHS = 50  # of each of the four kinds
MANY = 1000  # more than any path has hops


def draw(seed: int, directed: bool) -> Data:
    """Draws a graph with ties, edges that cost nothing, self loops, parallel edges and nodes that nothing reaches."""
    g = torch.Generator().manual_seed(seed)
    nodes = int(torch.randint(2, 16, (), generator=g))
    edge_index = torch.randint(nodes, (2, int(torch.randint(0, 3 * nodes, (), generator=g))), generator=g)
    length = torch.randint(0, 4, (edge_index.size(1),), generator=g).float()
    if not directed:
        edge_index, length = torch.cat([edge_index, edge_index.flip(0)], dim=1), length.repeat(2)
    return Data(edge_index=edge_index, length=length, num_nodes=nodes + 1)


def cheapest(data: Data, weighted: bool) -> dict[tuple[int, int], float]:
    """Returns the cheapest length of each pair (target, source) that an edge joins."""
    edges: dict[tuple[int, int], float] = {}
    lengths = data.length.tolist() if weighted else [1.0] * data.num_edges
    for (source, target), length in zip(data.edge_index.t().tolist(), lengths, strict=True):
        if source != target:
            edges[target, source] = min(length, edges.get((target, source), float("inf")))
    return edges


def by_networkx(data: Data, weighted: bool, max_hops: int) -> list[set[tuple[int, ...]]]:
    """Returns of the cheapest ways those of the fewest hops, and of these the first by the ids from the far end."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(data.num_nodes))
    for (target, source), length in cheapest(data, weighted).items():
        graph.add_edge(target, source, weight=MANY * int(length) + 1)
    levels: list[set[tuple[int, ...]]] = [{(i,) * (h + 1) for i in graph} for h in range(1, max_hops + 1)]
    for node in graph:
        for far_end in nx.descendants(graph, node):
            ways = [tuple(reversed(way)) for way in nx.all_shortest_paths(graph, node, far_end, weight="weight")]
            if len(ways[0]) <= max_hops + 1:
                levels[len(ways[0]) - 2].add(min(ways))
    return levels


def columns(path_index: Tensor) -> list[tuple[int, ...]]:
    return [tuple(path) for path in path_index.t().tolist()]


@pytest.mark.parametrize("directed", [True, False])
@pytest.mark.parametrize("weight", ["length", None])
def test_paths_are_those_of_networkx_and_scipy(directed: bool, weight: str | None) -> None:
    several = 0
    for seed in range(GRAPHS):
        data = draw(seed, directed)
        expected = by_networkx(data, weight is not None, 3)
        paths = ShortestPaths(3, None, weight)(data)
        for hops, wanted in enumerate(expected, start=1):
            listed = columns(paths[f"path_index_{hops}"])
            assert len(listed) == len(set(listed)) and set(listed) == wanted, (seed, hops)
            several += len(listed)
        edges = cheapest(data, weight is not None)
        size = (data.num_nodes, data.num_nodes)
        ends = np.array(list(edges), dtype=np.int64).reshape(-1, 2).T
        lengths, indices = np.array(list(edges.values())), (ends[0].astype(np.int32), ends[1].astype(np.int32))
        distance = dijkstra(csr_array((lengths, indices), shape=size))
        cost = data.length if weight else None
        for path_index, sums in zip(*shortest_paths(data.edge_index, cost, 3, num_nodes=data.num_nodes), strict=True):
            assert np.array_equal(distance[path_index[-1].numpy(), path_index[0].numpy()], sums.numpy())
    assert several > 40 * GRAPHS  # there was something to compare
