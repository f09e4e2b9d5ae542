"""Data of the figures and tables of a run: outputs, factors and correlations."""

from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import k_hop_subgraph

from graphkit.data import GraphDataset
from graphkit.errors import InputError
from graphkit.experiments import RunFolder
from graphkit.metrics import (
    LabelScores,
    TargetScores,
    edit_distances,
    factor_scores,
    feature_correlation,
    label_scores,
    target_scores,
)
from graphkit.metrics.edit_distance import SymmetricEdges, symmetric_edges
from graphkit.metrics.factor_quality import found_factors
from graphkit.metrics.floors import floor_predictions
from graphkit.nn import FactorGCN
from graphkit.report.factors import FactorExample, Match
from graphkit.report.no_picture import NoPicture, loading
from graphkit.report.page import Cell
from graphkit.training.batches import Batches
from graphkit.training.fit_task import fit_task
from graphkit.training.loop import collect
from graphkit.training.node_batches import node_loader

#: Larger graphs are reduced to the neighborhood of a node.
_SMALL = 60
#: Number of directed edges that a small figure can show.
_EDGES = 60
#: Largest number of edges for which the model is evaluated.
_LARGE = 5_000_000


def has_factors(fit: RunFolder) -> bool:
    """Returns whether the model of a run computes factors."""
    return fit.model.returns_factors


def has_true_factors(dataset: GraphDataset) -> bool:
    """Returns whether a data set has true factors."""
    return dataset.has_factor_masks


def shown_fits(run: RunFolder) -> tuple[RunFolder, ...]:
    """Returns the fits whose test items are shown: all folds, or the best fit."""
    folds = run.members if run.result.get("selected_on") == "fold" else ()
    return folds or (run.best,)


def test_outputs(fit: RunFolder) -> tuple[Tensor, Tensor]:
    """Returns outputs ``[B, C]`` and targets of the test items of a fit."""
    with loading():
        _ = fit.dataset, fit.model
    batch_size = fit.config.train.batch_size
    nodes = node_loader(fit.model, fit.dataset, batch_size)
    return collect(fit.model, Batches(fit.dataset, fit.split.test, batch_size, torch.device("cpu"), nodes=nodes))


def test_values(fit: RunFolder) -> tuple[Tensor, Tensor]:
    """Returns predicted and true values ``[B, C]`` of the test items of a regression."""
    output, y = test_outputs(fit)
    prediction = fit_task(fit.dataset, fit.split, fit.config.train).predict(output)[0]
    return prediction, y.view_as(prediction)


def test_labels(run: RunFolder) -> list[LabelScores]:
    """Returns the scores of each label of the fits of :func:`shown_fits`."""
    return [label_scores(*test_outputs(fit)) for fit in shown_fits(run) if fit.split.test.numel()]


def test_floors(fit: RunFolder) -> dict[str, TargetScores]:
    """Returns the errors of predictions without training, by name and target."""
    predictions, y = floor_predictions(fit.dataset, fit.split)
    return {name: target_scores(prediction, y) for name, prediction in predictions.items()}


def output_names(fit: RunFolder) -> list[str]:
    """Returns the names of the labels or targets, their numbers without any."""
    return list(map(str, fit.dataset.class_names or range(fit.dataset.num_outputs)))


def largest_errors(run: RunFolder, prediction: Tensor, y: Tensor) -> list[list[Cell]]:
    """Returns rows of the ten test graphs with the largest errors.

    Args:
        run (RunFolder): Run of a regression of graphs; nodes have no rows.
        prediction (Tensor): ``[B, C]``, predicted values of the fits of :func:`shown_fits`; only the first target
            counts.
        y (Tensor): ``[B, C]``, true values.

    Returns:
        Title, true value and prediction of each graph.
    """
    if run.best.dataset.level != "graph":
        return []
    ids = torch.cat([fit.split.test for fit in shown_fits(run)])
    error = (prediction - y)[:, 0].abs().nan_to_num(nan=-1)
    rows = [row for row in error.argsort(descending=True, stable=True)[:10].tolist() if error[row] >= 0]
    titles = [run.best.dataset.graph_title(int(ids[row])) for row in rows]
    values = [[f"{float(x[row, 0]):.4g}" for x in (y, prediction)] for row in rows]
    return [[title, *pair] for title, pair in zip(titles, values, strict=True)]


def class_outputs(fit: RunFolder) -> tuple[Tensor, Tensor, Tensor]:
    """Returns outputs and probabilities ``[B, C]`` and classes of the test items."""
    output, y = test_outputs(fit)
    return output.float(), fit_task(fit.dataset, fit.split, fit.config.train).predict(output)[1].float(), y


def true_examples(fit: RunFolder) -> list[FactorExample]:
    """Returns three test graphs with their true patterns and matched factors.

    The graphs are at the 10th, 50th and 90th percentile of the edit distance.
    """
    ids = _items(fit)
    factors = found_factors(_factor_model(fit), fit.dataset, ids)
    if not bool(factors.factor_mask.any()):
        raise NoPicture("no test graph has a true pattern")
    scores, edits, edges = factor_scores(*factors), edit_distances(*factors), symmetric_edges(*factors)
    ranked = scores.ged.nan_to_num(nan=torch.inf).argsort(stable=True)[: int((~scores.ged.isnan()).sum())]
    examples = []
    for share, case in ((0.1, "good"), (0.5, "usual"), (0.9, "bad")):
        graph = int(ranked[int(share * (len(ranked) - 1))])
        pairs, values, mask = _undirected(edges, graph)
        names = fit.dataset.class_names or tuple(f"pattern {index}" for index in range(mask.shape[1]))
        matches = []
        for pattern in edits.presence[graph].nonzero().flatten().tolist()[:3]:
            factor = int(scores.assignment[graph, pattern])
            distance = edits.distance[graph, pattern, factor] if factor >= 0 else edits.size[graph, pattern]
            matches.append(Match(names[pattern], mask[:, pattern], factor, float(distance)))
        title = f"{fit.dataset.graph_title(int(ids[graph]))} ({case} case, GED {float(scores.ged[graph]):g})"
        examples.append(FactorExample(title, pairs, values, tuple(matches)))
    return examples


class FactorView(NamedTuple):
    """Factors without ground truth: some small graphs, and coefficients ``[E, M]``."""

    examples: list[FactorExample]
    coefficients: np.ndarray


@torch.no_grad()
def factor_view(fit: RunFolder) -> FactorView:
    """Returns the factors of the first layer for three graphs or two neighborhoods.

    Raises:
        NoPicture: If the graph is too large.
    """
    model, dataset = _factor_model(fit), fit.dataset
    if dataset.is_single_graph:
        graphs = [("", dataset.graphs[0], _items(fit))]
    else:
        ids = _items(fit)[:200]
        sizes = torch.tensor([dataset.graphs[index].num_edges for index in ids.tolist()])
        ids = ids[(sizes - _EDGES).abs().argsort(stable=True)[:3]]
        none = torch.zeros(0).long()
        graphs = [(dataset.graph_title(index), dataset.graphs[index], none) for index in sorted(ids.tolist())]
    examples, coefficients = [], []
    for name, data, nodes in graphs:
        if data.num_edges > _LARGE:
            raise NoPicture(f"a graph of {data.num_edges:,} edges is too large to be drawn (at most {_LARGE:,})")
        factors = model(**model.inputs(data), return_factors=True)[1][0]
        coefficients.append(factors)
        if int(data.num_nodes or 0) <= _SMALL:
            pairs, values, _ = _undirected(_edges(data, factors), 0)
            examples.append(FactorExample(name or "input", pairs, values))
        else:
            centers = nodes if nodes.numel() else torch.arange(int(data.num_nodes or 0))
            places = _good_centers(data, centers)[: 1 if name else 2]
            examples += [_neighborhood(fit, data, factors, node, hops, name) for node, hops in places]
    return FactorView(examples[:3], torch.cat(coefficients).numpy())


@torch.no_grad()
def correlations(fit: RunFolder) -> tuple[list[Tensor], list[int], list[str]]:
    """Returns feature correlation maps, numbers of factors and titles of all layers.

    Layers with a single factor, or that average their factors, are skipped.

    Raises:
        NoPicture: If there are fewer than two items.
    """
    model, dataset = _factor_model(fit), fit.dataset
    if dataset.is_single_graph:
        data, rows = dataset.graphs[0], _items(fit)
    else:
        data = dataset.graphs.batch(_items(fit)[:1000])  # type: ignore[attr-defined]
        rows = torch.arange(int(data.num_nodes))
    if rows.numel() < 2:
        raise NoPicture("a correlation needs two test nodes at least")
    features: dict[int, Tensor] = {}

    def keep(layer: int) -> object:
        def hook(_module: object, _inputs: object, output: Tensor) -> None:
            features[layer] = output[rows]

        return model.norms[layer].register_forward_hook(hook)

    handles = [keep(layer) for layer in _blocks(model)]
    try:
        model(**model.inputs(data))
    finally:
        for handle in handles:
            handle.remove()  # type: ignore[attr-defined]
    layers = sorted(features)[:3]
    maps = [feature_correlation(features[layer]) for layer in layers]
    return maps, [model.factors[layer] for layer in layers], [f"layer {layer + 1}" for layer in layers]


def _items(fit: RunFolder) -> Tensor:
    """Returns the test items, or the training items if there are none."""
    return fit.split.test if fit.split.test.numel() else fit.split.train


def has_blocks(fit: RunFolder) -> bool:
    """Returns whether a layer of the model concatenates its factors."""
    return bool(_blocks(_factor_model(fit)))


def _blocks(model: FactorGCN) -> list[int]:
    """Returns the layers with several factors that are concatenated, not averaged."""
    last = len(model.factors) - 1
    return [i for i, count in enumerate(model.factors) if count > 1 and not (model.head == "conv" and i == last)]


def _factor_model(fit: RunFolder) -> FactorGCN:
    """Returns the model of a run, which must compute factors."""
    if not fit.model.returns_factors:
        raise InputError(f"only factorgcn has factor graphs to be drawn (got the model {fit.config.model.name})")
    return cast(FactorGCN, fit.model)


def _edges(data: Data, factors: Tensor) -> SymmetricEdges:
    """Returns the symmetric edges of one graph."""
    num_nodes = int(data.num_nodes or 0)
    edge_index = torch.stack([data.edge_index[0], data.edge_index[1]])  # converts an EdgeIndex to a plain tensor
    nothing = torch.zeros(edge_index.size(1), 0, dtype=torch.bool)
    return symmetric_edges(factors, edge_index, torch.tensor([0, num_nodes]), nothing)


def _undirected(edges: SymmetricEdges, graph: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns undirected edges once each, with coefficients and pattern masks."""
    mine = (edges.graph == graph) & (edges.edge_index[0] < edges.edge_index[1])
    pairs = edges.edge_index[:, mine].t()
    return pairs.numpy(), edges.value[mine].numpy(), edges.mask[mine].numpy()


def _good_centers(data: Data, nodes: Tensor) -> list[tuple[int, int]]:
    """Returns nodes and numbers of hops, best fit to the size of a figure first."""
    edge_index, num_nodes = torch.stack([data.edge_index[0], data.edge_index[1]]), int(data.num_nodes or 0)
    candidates = []
    for node in nodes[: 200 if edge_index.size(1) < 200_000 else 20].tolist():  # one pass over all edges each
        for hops in (2, 1):
            kept = k_hop_subgraph(node, hops, edge_index, num_nodes=num_nodes)[3]
            candidates.append((abs(int(kept.sum()) - 1.5 * _EDGES), node, hops))
    best: dict[int, int] = {}
    for _, node, hops in sorted(candidates):
        best.setdefault(node, hops)
    return list(best.items())


def _neighborhood(fit: RunFolder, data: Data, factors: Tensor, node: int, hops: int, graph: str) -> FactorExample:
    """Returns the edges within some hops of a node."""
    edge_index, num_nodes = torch.stack([data.edge_index[0], data.edge_index[1]]), int(data.num_nodes or 0)
    kept = k_hop_subgraph(node, hops, edge_index, num_nodes=num_nodes)[3]
    subgraph = data.__class__(edge_index=edge_index[:, kept], num_nodes=num_nodes)
    pairs, values, _ = _undirected(_edges(subgraph, factors[kept]), 0)
    name = fit.dataset.node_names[node] if fit.dataset.node_names else node
    title = f"{graph}, node {name}" if graph else f"around node {name}"
    return FactorExample(title, pairs, values, center=node)
