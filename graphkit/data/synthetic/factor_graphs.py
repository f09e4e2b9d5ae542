"""Synthetic data of the FactorGCN paper: graphs that are sums of patterns."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.splits import position_split
from graphkit.errors import InputError

if TYPE_CHECKING:
    import networkx

NUM_NODES = 15
PATTERNS = ("bipartite-2-3", "house-x", "ternary-tree", "grid-3-3", "cube", "octahedron")
CITATION = "generated: Yang et al., Factorizable Graph Convolutional Networks, NeurIPS 2020 (arXiv 2010.05421)"


def pattern_graphs() -> "tuple[networkx.Graph, ...]":
    """Returns the six patterns in the order of the paper's code."""
    import networkx

    return (
        networkx.complete_bipartite_graph(2, 3),
        networkx.house_x_graph(),
        networkx.balanced_tree(3, 2),
        networkx.convert_node_labels_to_integers(networkx.grid_2d_graph(3, 3)),
        networkx.cubical_graph(),
        networkx.octahedral_graph(),
    )


def pattern_adjacency(num_patterns: int) -> Tensor:
    """Returns the adjacency matrices of the patterns, padded to ``[P, 15, 15]`` int8."""
    adjacency = torch.zeros(num_patterns, NUM_NODES, NUM_NODES, dtype=torch.int8)
    for index, graph in enumerate(pattern_graphs()[:num_patterns]):
        edges = torch.tensor(list(graph.edges))
        adjacency[index, edges[:, 0], edges[:, 1]] = 1
        adjacency[index, edges[:, 1], edges[:, 0]] = 1
    return adjacency


def generate(num_graphs: int, num_patterns: int, seed: int) -> GraphCollection:
    """Draws graphs of 15 nodes, each the sum of ``ceil(num_patterns / 2)`` patterns.

    Args:
        num_graphs (int): Number of graphs.
        num_patterns (int): Number of patterns, of six.
        seed (int): Random seed.

    Returns:
        Graphs without self loops. ``x`` ``[N, 15]`` contains the rows of the summed adjacency matrices (an edge of two
        patterns has the value 2), ``y`` ``[G, P]`` the patterns of each graph, and ``factor_mask`` ``[E, P]`` the
        patterns of each edge.
    """
    # Offset, so that a model with the same seed does not draw the same random numbers.
    generator = torch.Generator().manual_seed(seed + 1_000_003)
    chosen_each = (num_patterns + 1) // 2
    chosen = torch.rand(num_graphs, num_patterns, generator=generator).argsort(dim=1)[:, :chosen_each]
    permutation = torch.rand(num_graphs, chosen_each, NUM_NODES, generator=generator).argsort(dim=2)
    adjacency = pattern_adjacency(num_patterns)
    summed = torch.zeros(num_graphs, NUM_NODES, NUM_NODES, dtype=torch.int8)
    member = torch.zeros(num_graphs, NUM_NODES, NUM_NODES, num_patterns, dtype=torch.bool)
    graph = torch.arange(num_graphs)
    for slot in range(chosen_each):
        pattern, order = chosen[:, slot], permutation[:, slot]
        placed = adjacency[pattern[:, None, None], order[:, :, None], order[:, None, :]]
        summed += placed
        member[graph, :, :, pattern] |= placed.bool()
    # The matrices are symmetric: rows as targets give edges sorted by target.
    owner, target, source = summed.nonzero(as_tuple=True)
    y = torch.zeros(num_graphs, num_patterns).scatter_(1, chosen, 1.0)
    return GraphCollection(
        torch.stack([source, target]),
        torch.full((num_graphs,), NUM_NODES),
        torch.bincount(owner, minlength=num_graphs),
        node={"x": summed.view(-1, NUM_NODES).float()},
        edge={"factor_mask": member[owner, target, source]},
        graph={"y": y},
    )


@dataset({"factor-graphs": Source(address=CITATION)}, task="multitask-graph-classification")
def factor_graphs(request: Request, *, num_graphs: int = 20000, num_patterns: int = 4, seed: int = 0) -> GraphDataset:
    """Generates the data set, with a split of 70/10/20 % in order.

    Args:
        request (Request): Request for the data set.
        num_graphs (int, optional): Number of graphs, at least 10. (default: ``20000``)
        num_patterns (int, optional): Number of patterns, 2 to 6. (default: ``4``)
        seed (int, optional): Random seed of the generator. (default: ``0``)
    """
    if not 2 <= num_patterns <= len(PATTERNS):
        raise InputError(f"`num_patterns` must be 2 to {len(PATTERNS)} (got {num_patterns})")
    if num_graphs < 10:
        raise InputError(f"`num_graphs` must be at least 10, so that no part of the split is empty (got {num_graphs})")
    return GraphDataset(
        name=request.name,
        task="multitask-graph-classification",
        graphs=generate(num_graphs, num_patterns, seed),
        splits=(position_split(num_graphs, (0.7, 0.1, 0.2)),),
        num_features=NUM_NODES,
        num_outputs=num_patterns,
        metric="micro-f1",
        class_names=PATTERNS[:num_patterns],
        citation=CITATION,
    )
