"""Data of the figures of path attention."""

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import GATConv

from graphkit.errors import InputError
from graphkit.experiments import RunFolder
from graphkit.nn import SPAGAN
from graphkit.nn.attended_paths import NodePath, attended_paths
from graphkit.report.no_picture import NoPicture
from graphkit.training.batches import Batches
from graphkit.training.fit_task import fit_task
from graphkit.training.loop import collect
from graphkit.training.node_batches import attended, node_loader

#: Number of test nodes whose attention is compared with a uniform one.
NODES = 500
#: Largest number of paths that a small figure can show.
_PATHS = 30
#: Largest number of edges for which the model is evaluated.
_LARGE = 5_000_000


class PathExample(NamedTuple):
    """Attended paths of one node.

    Args:
        title (str): Title.
        center (int): The node.
        paths (list[NodePath]): Its paths.
        edges (array): ``[e, 2]``, undirected edges between the nodes of the paths, without duplicates.
        names (dict[int, str]): Names of the nodes.
    """

    title: str
    center: int
    paths: list[NodePath]
    edges: np.ndarray
    names: dict[int, str]


def has_paths(fit: RunFolder) -> bool:
    """Returns whether the model of a run attends to paths."""
    return fit.model.uses_paths


def path_examples(fit: RunFolder) -> list[PathExample]:
    """Returns up to three test nodes with few, a median number of, and many paths.

    Nodes of several graphs are taken from different graphs.

    Raises:
        NoPicture: If the graph is too large, or no node has a number of paths that can be drawn.
    """
    model, dataset = cast(SPAGAN, fit.model), fit.dataset
    if not model.uses_paths:
        raise InputError(f"only spagan attends to paths (got the model {fit.config.model.name})")
    ids = fit.split.test if fit.split.test.numel() else fit.split.train
    examples: list[PathExample] = []
    for number in [0] if dataset.is_single_graph else ids[:3].tolist():
        data = dataset.graphs[number]
        if data.num_edges > _LARGE:
            raise NoPicture(f"a graph of {data.num_edges:,} edges is too large to be drawn (at most {_LARGE:,})")
        nodes = ids[:500] if dataset.is_single_graph else torch.arange(int(data.num_nodes or 0))
        if dataset.is_single_graph:
            paths = attended(model, dataset, nodes.tolist(), fit.config.train.batch_size)
        else:
            paths = attended_paths(model, data, nodes.tolist())
        shares = (0.1, 0.5, 0.9) if dataset.is_single_graph else (0.5,)
        chosen = _spread([node for node in paths if 2 <= _distinct(paths[node]) <= _PATHS], paths, shares)
        labels = _labels(fit, data, chosen) if dataset.is_single_graph else {}
        for node in chosen:
            title = f"node {_name(fit, node)}" if dataset.is_single_graph else f"graph {number}, node {node}"
            examples.append(_example(fit, data, node, paths[node], title + labels.get(node, "")))
    if not examples:
        raise NoPicture(f"no test node has from 2 to {_PATHS} paths, so that they could be drawn")
    return examples


def attention_deviation(fit: RunFolder, count: int) -> float | None:
    """Returns the mean relative deviation of attention from a uniform one.

    Args:
        fit (RunFolder): Run of a model that attends to paths.
        count (int): Number of test nodes, or of nodes of one test graph.

    Returns:
        The deviation; ``None`` if no node has several paths of one length.

    Raises:
        NoPicture: If the graph is too large.
    """
    values = relative_attention(fit, count)
    return float(np.abs(np.concatenate(list(values.values())) - 1).mean()) if values else None


def relative_attention(fit: RunFolder, count: int) -> dict[int, np.ndarray]:
    """Returns the attention to paths relative to a uniform one, by number of hops.

    Attention is that within the paths of one length of a node, in the first layer, averaged over heads, times the
    number of these paths: 1 is uniform. Nodes with a single path of a length are omitted.

    Args:
        fit (RunFolder): Run of a model that attends to paths.
        count (int): Number of test nodes, or of nodes of one test graph.

    Raises:
        NoPicture: If the graph is too large.
    """
    model, dataset = cast(SPAGAN, fit.model), fit.dataset
    ids = fit.split.test if fit.split.test.numel() else fit.split.train
    data = dataset.graphs[0 if dataset.is_single_graph else int(ids[0])]
    if data.num_edges > _LARGE:
        raise NoPicture(f"a graph of {data.num_edges:,} edges is too large (at most {_LARGE:,})")
    if dataset.is_single_graph:
        paths = attended(model, dataset, ids[:count].tolist(), fit.config.train.batch_size)
    else:
        paths = attended_paths(model, data, list(range(min(int(data.num_nodes or 0), count))))
    values: dict[int, list[float]] = {}
    for of_node in paths.values():
        for hops in {path.hops for path in of_node}:
            attention = [path.attention or 0.0 for path in of_node if path.hops == hops]
            if len(attention) > 1:
                values.setdefault(hops, []).extend(len(attention) * value for value in attention)
    return {hops: np.array(values[hops]) for hops in sorted(values)}


def has_edge_attention(fit: RunFolder) -> bool:
    """Returns whether the first layer of the model of a run is a :class:`GATConv`."""
    return fit.dataset.is_single_graph and any(isinstance(module, GATConv) for module in fit.model.modules())


@torch.no_grad()
def relative_edge_attention(fit: RunFolder, count: int) -> np.ndarray:
    """Returns the attention of a GAT to edges relative to a uniform one.

    Attention is that of the first layer, averaged over heads, times the number of edges that end at the node, its self
    loop included: 1 is uniform.

    Args:
        fit (RunFolder): Run of a GAT on a single graph, see :func:`has_edge_attention`.
        count (int): Number of test nodes.

    Raises:
        NoPicture: If the graph is too large.
    """
    data = fit.dataset.graphs[0]
    if data.num_edges > _LARGE:
        raise NoPicture(f"a graph of {data.num_edges:,} edges is too large (at most {_LARGE:,})")
    conv = next(module for module in fit.model.modules() if isinstance(module, GATConv))
    inputs: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def keep(_module: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        inputs.append((args, kwargs))

    handle = conv.register_forward_pre_hook(keep, with_kwargs=True)
    try:
        fit.model(**fit.model.inputs(data))
    finally:
        handle.remove()
    args, kwargs = inputs[0]
    _, (edge_index, alpha) = conv(*args, **kwargs, return_attention_weights=True)
    target = torch.stack([edge_index[0], edge_index[1]])[1]  # converts an EdgeIndex to a plain tensor
    degree = torch.bincount(target, minlength=int(data.num_nodes or 0))
    ids = fit.split.test if fit.split.test.numel() else fit.split.train
    kept = torch.isin(target, ids[:count]) & (degree[target] > 1)
    return (alpha.mean(dim=1) * degree[target])[kept].numpy()


def _distinct(paths: list[NodePath]) -> int:
    """Returns the number of paths without self paths."""
    return sum(not path.is_self for path in paths)


def _spread(nodes: list[int], paths: dict[int, list[NodePath]], shares: tuple[float, ...]) -> list[int]:
    """Returns the nodes at some quantiles of the number of paths."""
    ranked = sorted(nodes, key=lambda node: (_distinct(paths[node]), node))
    return list(dict.fromkeys(ranked[int(share * (len(ranked) - 1))] for share in shares)) if ranked else []


def _name(fit: RunFolder, node: int) -> str:
    return fit.dataset.node_names[node] if fit.dataset.node_names else str(node)


@torch.no_grad()
def _labels(fit: RunFolder, data: Data, nodes: list[int]) -> dict[int, str]:
    """Returns the true and the predicted class of each node, for single-label tasks."""
    if fit.dataset.task != "node-classification" or not nodes:
        return {}
    task = fit_task(fit.dataset, fit.split, fit.config.train)
    batch_size, device = fit.config.train.batch_size, torch.device("cpu")
    loader = node_loader(fit.model, fit.dataset, batch_size)
    batches = Batches(fit.dataset, torch.tensor(nodes), batch_size, device, nodes=loader)
    classes = task.predict(collect(fit.model, batches)[0])[0]
    predicted = dict(zip(nodes, classes.tolist(), strict=True))
    names = fit.dataset.class_names or tuple(f"class {index}" for index in range(fit.dataset.num_outputs))
    return {
        node: f" · {names[int(data.y[node])]}"
        + ("" if predicted[node] == data.y[node] else f", taken for {names[int(predicted[node])]}")
        for node in nodes
    }


def _example(fit: RunFolder, data: Data, node: int, paths: list[NodePath], title: str) -> PathExample:
    """Returns a node with the subgraph of its paths."""
    nodes = sorted({step for path in paths for step in path.nodes})
    inside = torch.isin(data.edge_index[0], torch.tensor(nodes)) & torch.isin(data.edge_index[1], torch.tensor(nodes))
    row, col = data.edge_index[0][inside], data.edge_index[1][inside]
    pairs: Tensor = torch.stack([torch.minimum(row, col), torch.maximum(row, col)])[:, row != col].unique(dim=1)
    names = {step: _name(fit, step) if fit.dataset.is_single_graph else str(step) for step in nodes}
    return PathExample(title, node, paths, pairs.t().numpy(), names)
