"""Data set of links: a graph without its validation and test edges, and pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.edges import plain_edge_index
from graphkit.data.non_edges import NonEdges, hard_negatives, pair_keys, pairs_of
from graphkit.data.splits import parse_split
from graphkit.errors import InputError
from graphkit.nn.attribute_level import attribute_level

#: Default split of the edges, drawn for each seed.
LINK_SPLIT = "random:0.85,0.05,0.1"
#: Most positive pairs of a subset that are ranked among hard negatives.
RANKED = 1000


@dataclass(frozen=True)
class LinkDataset(GraphDataset):
    """Data set of pairs of nodes of one graph, whose edges are to be predicted.

    The graph has the training edges only. The items of its split are columns of ``pairs``: training edges, validation
    and test edges with as many random pairs without an edge, and hard negatives. Negatives of the training are drawn in
    each epoch.

    Args:
        pairs (Tensor): ``[2, P]``, pairs of nodes.
        labels (Tensor): ``[P, 2]``, 1 for an edge and 0 for none; and the group of a hard negative, which is the group
            of its edge, or -1.
        directed (bool): The two directions of a pair differ.
    """

    pairs: Tensor = field(kw_only=True)
    labels: Tensor = field(kw_only=True)
    directed: bool = field(kw_only=True)

    def __repr__(self) -> str:
        graph = f"{self.graphs[0].num_nodes} nodes, {self.graphs[0].num_edges} training edges"
        return f"LinkDataset({self.name}, {graph}, {self.num_features} features, {self.splits[0]})"

    @property
    def level(self) -> str:
        """Prediction level, ``"link"``."""
        return "link"

    @property
    def edge_pairs(self) -> Tensor:
        """All pairs with an edge ``[2, K]``: training, validation and test edges."""
        return self.pairs[:, self.labels[:, 0] == 1]

    def tensors(self) -> dict[str, Tensor]:
        """Returns the tensors of the graph, the pairs and their labels."""
        return {**super().tensors(), "pairs": self.pairs, "labels": self.labels}

    def targets(self) -> Tensor:
        """Returns the labels of all pairs."""
        return self.labels

    def selection_items(self, ids: Tensor, metric: str) -> Tensor:
        """Returns the items that a metric needs: hard negatives for ``"hard-..."`` only."""
        if metric.startswith("hard-"):
            return ids
        labels = self.labels[ids]
        return ids[(labels[:, 0] == 1) | (labels[:, 1] < 0)]

    def of_nodes(self, channels: int) -> GraphDataset:
        """Returns the graph as a data set of nodes with ``channels`` outputs."""
        values = {item.name: getattr(self, item.name) for item in fields(GraphDataset)}
        return GraphDataset(**{**values, "task": "node-regression", "num_outputs": channels})


def split_links(
    dataset: GraphDataset, split: str | Sequence[float] | None = None, seed: int = 0, hard: int = 100
) -> LinkDataset:
    """Splits the edges of a graph into training, validation and test edges.

    All edges of a pair of nodes are in one subset: parallel ones and, in an undirected graph, both directions. A graph
    is undirected if each of its edges has a reverse one. Self loops are removed. The returned graph has the training
    edges with their weights and attributes.

    Negatives of the test are pairs without any edge. Negatives of the validation are pairs without a training or
    validation edge, since test edges must not have any effect before the test.

    Args:
        dataset (GraphDataset): Data set of one graph.
        split (str or list[float], optional): Fractions of the edges, with or without ``"random"``.
            (default: ``None``, :data:`LINK_SPLIT`)
        seed (int, optional): Random seed of the split and of the negatives. (default: ``0``)
        hard (int, optional): Number of hard negatives of an edge. (default: ``100``)

    Raises:
        InputError: If there are several graphs, or too few edges or non-edges.
    """
    if len(dataset.graphs) != 1 or dataset.holds != "graphs":
        what = f"{len(dataset.graphs)} {dataset.holds.removeprefix('skeleton ')}"
        raise InputError(f"expected one graph for link-prediction, got {what} in {dataset.name}; give a single graph")
    method, fractions = parse_split(LINK_SPLIT if split is None else split)
    if method not in ("", "random"):
        raise InputError(f"expected fractions of edges for link-prediction, got the split {method}; give 0.85,0.05,0.1")
    data = dataset.graphs[0]
    num_nodes, edges = int(data.num_nodes or 0), plain_edge_index(data.edge_index)
    loops = edges[0] == edges[1]
    ordered = pair_keys(edges[:, ~loops], num_nodes, True).unique()
    directed = not torch.equal(ordered, pair_keys(edges[:, ~loops].flip(0), num_nodes, True).unique())
    keys, pair_of_edge = pair_keys(edges, num_nodes, directed).unique(return_inverse=True)
    distinct = pair_keys(edges[:, ~loops], num_nodes, directed).unique()
    subset = _subsets(distinct.numel(), fractions, seed, dataset.name)
    of_pair = torch.full((keys.numel(),), -1).scatter_(0, torch.searchsorted(keys, distinct), subset)
    kept = of_pair[pair_of_edge] == 0

    train, val, test = (pairs_of(distinct[subset == number], num_nodes) for number in range(3))
    generator = torch.Generator().manual_seed(seed)
    pairs, labels, splits, first = [train], [_labels(train, 1)], [torch.arange(train.size(1))], train.size(1)
    graph = edges[:, kept]
    for number, (positive, known) in enumerate(((val, [train, val]), (test, [train, val, test]))):
        edge_pairs = torch.cat(known, dim=1)
        random = NonEdges(edge_pairs, num_nodes, directed).distinct(positive.size(1), generator)
        order = torch.randperm(positive.size(1), generator=generator)
        positive = positive[:, order]  # the ranked ones are a random sample
        negative, group = hard_negatives(
            positive[:, :RANKED], graph, edge_pairs, num_nodes, hard, directed, seed + number
        )
        group_of = torch.arange(positive.size(1)).masked_fill(torch.arange(positive.size(1)) >= RANKED, -1)
        pairs += [positive, random, negative]
        labels += [_labels(positive, 1, group_of), _labels(random, 0), _labels(negative, 0, group)]
        size = positive.size(1) + random.size(1) + negative.size(1)
        splits.append(torch.arange(first, first + size))
        first += size
    encoder = getattr(dataset.encoder, "structural", False)
    values: dict[str, Any] = {item.name: getattr(dataset, item.name) for item in fields(GraphDataset)}
    values |= {
        "task": "link-prediction",
        "graphs": (_message_graph(data, kept, structural=encoder),),
        "splits": (Split(*splits),),
        "num_outputs": 1,
        "metric": "roc-auc",
        "protocol": "validation",
        "class_names": (),
    }
    return LinkDataset(**values, pairs=torch.cat(pairs, dim=1), labels=torch.cat(labels), directed=directed)


def _labels(pairs: Tensor, label: int, group: Tensor | None = None) -> Tensor:
    """Returns the label and the group of some pairs ``[P, 2]``."""
    group = torch.full((pairs.size(1),), -1) if group is None else group
    return torch.stack([torch.full_like(group, label), group], dim=1)


def _subsets(count: int, fractions: Sequence[float], seed: int, name: str) -> Tensor:
    """Returns the subset of each pair: 0, 1 or 2 for training, validation and test."""
    bounds = [round(count * fractions[0]), round(count * (fractions[0] + fractions[1]))]
    if not 0 < bounds[0] < bounds[1] < count:
        raise InputError(
            f"expected edges for training, validation and test, got {count} edges in {name}, split by "
            f"{', '.join(f'{part:g}' for part in fractions)}; use larger fractions, or a graph with more edges"
        )
    subset = np.zeros(count, dtype=np.int64)
    order = np.random.default_rng(seed).permutation(count)
    subset[order[bounds[0] :]], subset[order[bounds[1] :]] = 1, 2
    return torch.from_numpy(subset)


def _message_graph(data: Data, kept: Tensor, structural: bool) -> Data:
    """Returns a graph with some of its edges, without targets."""
    from graphkit.data.user.encoder import structural_features

    num_nodes = int(data.num_nodes or 0)
    graph = Data(num_nodes=num_nodes)
    for name, value in data.to_dict().items():
        if name in ("y", "edge_index", "num_nodes") or name.endswith("_mask"):
            continue
        graph[name] = value[kept] if attribute_level(data, name) == "edge" else value
    graph.edge_index = plain_edge_index(data.edge_index)[:, kept]
    if structural:  # degrees of the training edges
        graph.x = structural_features(graph.edge_index, num_nodes)
    return graph
