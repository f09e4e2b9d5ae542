"""Batches of nodes of one large graph, for models that can be trained on a part of it."""

from collections.abc import Sequence
from copy import copy

import torch
from torch import Tensor

from graphkit.data import GraphDataset
from graphkit.errors import InputError
from graphkit.nn import SPAGAN, GraphModel
from graphkit.nn.attended_paths import NodePath, attended_paths
from graphkit.nn.paths import edges_of_paths
from graphkit.sampling import NeighborLoader, NodeLoader, ShortestPathLoader

#: Nodes and edges of a graph above which it is gone through in batches even if no batch size is given.
LARGE = 2_000_000
#: Nodes in a batch then.
NODES = 1024


def node_loader(
    model: GraphModel, dataset: GraphDataset, batch_size: int | None, workers: int = 0
) -> NodeLoader | None:
    """Returns a loader over all nodes of the graph of a data set, with what a model needs in its present phase.

    Paths that have been found are kept: training goes through the same nodes again and again.

    Args:
        model: The model; the costs of edges are computed where it is, once.
        dataset: The data set.
        batch_size: Nodes in a batch; ``None`` for the whole graph, unless it is large.
        workers: DistributedCommunicator that make batches ahead of time.

    Returns:
        The loader, or ``None`` where the graph is not to be gone through in batches: the data set holds several graphs,
        the model needs the graph as a whole, or it is not large and no batch size was given.
    """
    if not dataset.is_single_graph:
        return None
    graph = dataset.graphs[0]
    receptive_field = model.receptive_field(graph)
    in_files = receptive_field is not None and receptive_field.path_layers > 0 and "path_set" in graph
    if receptive_field is None or (batch_size is None and not in_files and not _is_large(dataset)):
        return None
    if not receptive_field.path_layers:
        everything = [-1] * receptive_field.num_layers
        return NeighborLoader(
            model.prepare_for_sampling(graph), everything, batch_size=batch_size or NODES, num_workers=workers
        )
    graph = model.with_edge_costs(copy(graph).to(next(model.parameters()).device)).to("cpu")
    return ShortestPathLoader(
        graph,
        batch_size or NODES,
        receptive_field.max_hops,
        receptive_field.ratio,
        num_workers=workers,
        weight="path_length" if "path_length" in graph else None,
        num_layers=receptive_field.num_layers,
        path_layers=receptive_field.path_layers,
        keep_paths=True,
        paths=graph.get("path_set"),
    )


def drawing(loader: NodeLoader | None, num_neighbors: Sequence[int]) -> NodeLoader | None:
    """Returns a loader that draws some of the edges into each node, for training, and shares all else.

    Args:
        loader: One that takes all edges, from :func:`node_loader`.
        num_neighbors: How many edges are drawn in each layer that looks along edges, from the last one back, -1 for
            all; a single number counts for all layers; nothing for all edges.

    Raises:
        ValueError: If the numbers are not as many as the layers, or nothing is gone through in batches.
    """
    if not num_neighbors:
        return loader
    if loader is None:
        raise InputError(
            f"`train.num_neighbors` is for batches of nodes, and there are none here (got {list(num_neighbors)}); "
            "set train.batch_size, or leave it out"
        )
    layers, given = len(loader.subgraphs.num_neighbors), list(num_neighbors)
    if len(given) == 1:
        given = given * layers
    if len(given) != layers:
        raise InputError(
            f"`train.num_neighbors` must be one number, or one for each of the {layers} layers that look along edges "
            f"(got {given})"
        )
    return loader.drawing(given)


def _is_large(dataset: GraphDataset) -> bool:
    """Returns whether a graph is gone through in batches even if no batch size is given."""
    graph = dataset.graphs[0]
    return dataset.mapped or int(graph.num_nodes or 0) + graph.num_edges >= LARGE


def attended(
    model: SPAGAN, dataset: GraphDataset, nodes: Sequence[int], batch_size: int | None
) -> dict[int, list[NodePath]]:
    """Returns what :func:`graphkit.nn.attended_paths.attended_paths` does, of one graph, in batches if it is large."""
    loader = node_loader(model, dataset, batch_size)
    if loader is None:
        return attended_paths(model, dataset.graphs[0], nodes)
    by_node: dict[int, list[NodePath]] = {}
    for batch in loader.over(torch.tensor(list(nodes))):
        seen = attended_paths(model, batch, range(batch.batch_size))
        for seed, paths in seen.items():
            named = [path._replace(nodes=tuple(batch.n_id[list(path.nodes)].tolist())) for path in paths]
            by_node[int(batch.n_id[seed])] = named
    data = loader.subgraphs.data
    return _with_costs(by_node, data.edge_index, data.path_length) if "path_length" in data else by_node


def _with_costs(by_node: dict[int, list[NodePath]], edge_index: Tensor, length: Tensor) -> dict[int, list[NodePath]]:
    """Adds what it costs to go along each path."""
    priced: dict[int, list[NodePath]] = {node: [] for node in by_node}
    everything = [path for paths in by_node.values() for path in paths]
    for hops in sorted({path.hops for path in everything}):
        paths = [path for path in everything if path.hops == hops]
        path_index = torch.tensor([path.nodes for path in paths]).t().contiguous()
        edge_ids, moves = edges_of_paths(path_index, edge_index, int(edge_index.max()) + 1)
        costs = torch.where(moves, length[edge_ids], 0.0).sum(dim=0)
        for path, cost in zip(paths, costs.tolist(), strict=True):
            priced[path.nodes[-1]].append(path._replace(cost=cost))
    return priced
