"""Sampled subgraphs of any small graph: they are parts of it, and whole where nothing is drawn."""

from collections import Counter
from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data

from graphkit.nn.paths import paths_of
from graphkit.ops import shortest_paths
from graphkit.sampling import NeighborLoader, ShortestPathLoader
from tests.properties import SEEDS, edges, unique_nodes


def graph_of(graph: tuple[Tensor, int]) -> Data:
    edge_index, num_nodes = graph
    return Data(x=torch.arange(num_nodes), edge_index=edge_index, edge_attr=torch.arange(edge_index.size(1)))


def check_subgraph(batch: Data, data: Data, seeds: Tensor) -> None:
    """Checks that a batch is a relabeled part of the graph with the seeds first."""
    assert batch.batch_size == seeds.numel() and torch.equal(batch.n_id[: seeds.numel()], seeds)
    assert batch.n_id.unique().numel() == batch.n_id.numel() == batch.num_nodes  # one new id for each node
    assert batch.e_id.unique().numel() == batch.e_id.numel() == batch.num_edges  # no edge twice
    assert torch.equal(batch.n_id[batch.edge_index.as_tensor()], data.edge_index[:, batch.e_id])
    assert torch.equal(batch.x, batch.n_id) and torch.equal(batch.edge_attr, batch.e_id)


def within_hops(data: Data, seeds: Tensor, hops: int) -> set[int]:
    """Returns the nodes from which a seed is reached in at most some hops."""
    reached = set(seeds.tolist())
    for _ in range(hops):
        reached |= {i for i, j in data.edge_index.t().tolist() if j in reached}
    return reached


def edges_into(data: Data, nodes: set[int]) -> list[int]:
    return [edge for edge, target in enumerate(data.edge_index[1].tolist()) if target in nodes]


@given(graph=edges(), layers=st.integers(1, 3), size=st.integers(1, 4), shuffle=st.booleans(), data=st.data())
def test_all_edges_are_kept_where_none_are_drawn(
    graph: tuple[Tensor, int], layers: int, size: int, shuffle: bool, data: st.DataObject
) -> None:
    whole = graph_of(graph)
    nodes = data.draw(unique_nodes(graph[1]))
    order = torch.Generator().manual_seed(data.draw(SEEDS))
    batches = list(NeighborLoader(whole, [-1] * layers, nodes, size, shuffle, generator=order, engine="own"))
    positions = torch.cat([batch.input_id for batch in batches] or [nodes[:0]])
    assert sorted(positions.tolist()) == list(range(nodes.numel())) and len(batches) == -(-nodes.numel() // size)
    for batch in batches:
        seeds = nodes[batch.input_id]
        check_subgraph(batch, whole, seeds)
        assert set(batch.n_id.tolist()) == within_hops(whole, seeds, layers)
        assert sorted(batch.e_id.tolist()) == edges_into(whole, within_hops(whole, seeds, layers - 1))


@given(graph=edges(), most=st.lists(st.integers(1, 3) | st.just(-1), max_size=3), seed=SEEDS, data=st.data())
def test_as_many_edges_are_drawn_as_there_may_be(
    graph: tuple[Tensor, int], most: list[int], seed: int, data: st.DataObject
) -> None:
    whole, seeds = graph_of(graph), data.draw(unique_nodes(graph[1], least=1))
    rng = torch.Generator().manual_seed(seed)
    (batch,) = NeighborLoader(whole, most, seeds, seeds.numel(), generator=rng, engine="own")
    check_subgraph(batch, whole, seeds)
    degree, counts = Counter(whole.edge_index[1].tolist()), Counter(whole.edge_index[1, batch.e_id].tolist())
    reached, sources = seeds.tolist(), dict[int, set[int]]()
    for i, j in whole.edge_index[:, batch.e_id].t().tolist():
        sources.setdefault(j, set()).add(i)
    layer = set(reached)
    for number in most:  # the nodes that are new in a layer get its number of edges
        for node in layer:
            assert counts.pop(node, 0) == (degree[node] if number == -1 else min(number, degree[node]))
        layer = set().union(*(sources.get(node, set()) for node in layer)) - set(reached)
        reached += sorted(layer)
    assert not counts and batch.n_id.tolist() == reached


@given(
    graph=edges(most_nodes=40),
    hops=st.integers(1, 3),
    ratio=st.sampled_from([None, 0.5, 1.0]),
    layers=st.sampled_from([(1, 1), (2, 1), (2, 2)]),
    weighted=st.booleans(),
    keep=st.booleans(),
    data=st.data(),
)
def test_paths_of_a_batch_are_those_of_the_graph(
    graph: tuple[Tensor, int],
    hops: int,
    ratio: float | None,
    layers: tuple[int, int],
    weighted: bool,
    keep: bool,
    data: st.DataObject,
) -> None:
    whole = graph_of(graph)
    count, (num_layers, path_layers) = whole.edge_index.size(1), layers
    lengths = data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=count, max_size=count))
    whole.length = torch.tensor(lengths)
    seeds = data.draw(unique_nodes(graph[1], least=1))
    (batch,) = ShortestPathLoader(
        whole, seeds.numel(), hops, ratio, input_nodes=seeds, weight="length" if weighted else None,
        num_layers=num_layers, path_layers=path_layers, keep_paths=keep,
    )  # fmt: skip
    check_subgraph(batch, whole, seeds)
    cost = whole.length if weighted else None
    expected, _ = shortest_paths(whole.edge_index, cost, hops, num_nodes=graph[1], ratio=ratio, self_paths=True)
    nodes, centers = within_hops(whole, seeds, num_layers - path_layers), set[int]()
    for _ in range(path_layers):
        centers = nodes
        nodes = {node for level in expected for path in level.t().tolist() if path[-1] in centers for node in path}
    assert set(batch.n_id.tolist()) == nodes and len(paths_of(batch)) == hops
    joined = {*map(tuple, whole.edge_index.t().tolist()), *((node, node) for node in range(graph[1]))}
    for local, level in zip(paths_of(batch), expected, strict=True):
        paths = batch.n_id[local].t().tolist()
        assert all(step in joined for path in paths for step in pairwise(path))
        every = [path for path in level.t().tolist() if path[-1] in centers]
        assert paths == sorted(every, key=lambda path: batch.n_id.tolist().index(path[-1]))
