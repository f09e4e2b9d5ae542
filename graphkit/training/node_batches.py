"""Batches of nodes of a large graph."""

from collections.abc import Sequence
from copy import copy

import torch
from torch import Tensor

from graphkit.data import GraphDataset
from graphkit.errors import InputError
from graphkit.nn import SPAGAN, GraphModel
from graphkit.nn.attended_paths import NodePath, attended_paths
from graphkit.nn.paths import path_edges
from graphkit.sampling import NeighborLoader, NodeLoader, ShortestPathLoader

#: Nodes and edges of a graph from which batches are used without a batch size.
LARGE = 2_000_000
#: Default number of nodes in a batch.
NODES = 1024


def node_loader(
    model: GraphModel, dataset: GraphDataset, batch_size: int | None, workers: int = 0
) -> NodeLoader | None:
    """Returns a loader of batches of nodes for a model in its current phase.

    Paths are cached between epochs.

    Args:
        model: The model; edge costs are computed once, on its device.
        dataset: The data set.
        batch_size: Nodes in a batch; ``None`` for the whole graph, unless it is large.
        workers: Processes that prepare batches in advance.

    Returns:
        The loader; ``None`` if the data set has several graphs, the model needs the whole graph, or there is no batch
        size and the graph is not large.
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
        edge_attr=model.edge_attr,
    )


def drawing(loader: NodeLoader | None, num_neighbors: Sequence[int]) -> NodeLoader | None:
    """Returns a loader that samples in-edges, for training.

    It shares its graph and its cache with the given loader.

    Args:
        loader: Loader of all edges, from :func:`node_loader`.
        num_neighbors: Number of sampled in-edges per node in each message-passing layer, from the last to the first; -1
            for all. A single number is used for all layers; an empty sequence disables sampling.

    Raises:
        InputError: If the number of layers differs, or there are no batches of nodes.
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
            f"`train.num_neighbors` must be one number, or one for each of the {layers} layers of message passing "
            f"(got {given})"
        )
    return loader.drawing(given)


def _is_large(dataset: GraphDataset) -> bool:
    """Returns whether batches are used for a graph without a batch size."""
    graph = dataset.graphs[0]
    return dataset.mapped or int(graph.num_nodes or 0) + graph.num_edges >= LARGE


def attended(
    model: SPAGAN, dataset: GraphDataset, nodes: Sequence[int], batch_size: int | None
) -> dict[int, list[NodePath]]:
    """Returns the attended paths of some nodes of a graph, in batches if it is large.

    See :func:`graphkit.nn.attended_paths.attended_paths`.
    """
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
    """Returns the paths with their costs."""
    priced: dict[int, list[NodePath]] = {node: [] for node in by_node}
    everything = [path for paths in by_node.values() for path in paths]
    for hops in sorted({path.hops for path in everything}):
        paths = [path for path in everything if path.hops == hops]
        path_index = torch.tensor([path.nodes for path in paths]).t().contiguous()
        (edge_ids,) = path_edges([path_index], edge_index, int(edge_index.max()) + 1, length)
        costs = torch.where(edge_ids >= 0, length[edge_ids], 0.0).sum(dim=0)
        for path, cost in zip(paths, costs.tolist(), strict=True):
            priced[path.nodes[-1]].append(path._replace(cost=cost))
    return priced
