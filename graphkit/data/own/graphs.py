"""A user's list of labelled graphs."""

from pathlib import Path

import torch
from torch_geometric.data import Data

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset
from graphkit.data.own.build import check_edges, check_features, check_splits
from graphkit.data.own.fields import masks_from_words
from graphkit.data.splits import splits_from_masks
from graphkit.errors import InputError

KEPT = ("x", "y", "edge_index", "edge_weight", "split")


def dataset_of_graphs(path: Path, graphs: list[Data], use_split: bool = True) -> GraphDataset:
    """Makes a data set for graph classification, or for several yes-or-no questions, from a list of PyG graphs.

    ``y`` of a graph is one class, or ``[1, T]`` of 0, 1 and NaN; ``split``, where it is there, ``train``, ``val`` or
    ``test``.

    Raises:
        ValueError: If an attribute is absent or wrong.
    """
    where, kept = f"'{path}'", []
    for position, data in enumerate(graphs):
        label = f"{where}, graph {position}"
        for name in ("x", "y", "edge_index"):
            if data.get(name) is None:
                raise InputError(f"{label} has no `{name}`; every graph needs x, edge_index and y")
        if data.x.dim() != 2:
            raise InputError(f"{label}: `x` must have the shape [nodes, features] (got {list(data.x.shape)})")
        if data.x.size(0) == 0:
            raise InputError(f"{label} has no node; leave it out")
        if data.x.size(1) != graphs[0].x.size(1):
            widths = f"{data.x.size(1)}, graph 0 has {graphs[0].x.size(1)}"
            raise InputError(f"{label}: `x` must have as many columns in every graph (got {widths})")
        y = torch.as_tensor(data.y)
        if y.dim() > 1 and y.size(0) != 1 or y.dim() == 1 and y.numel() != 1:
            raise InputError(f"{label}: `y` must be one class, or [1, T] for several questions (got {list(y.shape)})")
        check_edges(data.edge_index, data.x.size(0), label)
        check_features(data.x, label)
        kept.append(Data(**{name: data[name] for name in KEPT if name in data}))
        kept[-1].x = data.x.float()
        kept[-1].y = y.view(1, -1)
    collection = GraphCollection.from_list(kept)
    y = collection.graph["y"]
    words = collection.graph.pop("split", None)
    masks = masks_from_words(words, where, "graph") if words is not None and use_split else None
    splits = splits_from_masks(*masks) if masks is not None else ()
    single = y.size(1) == 1 and not y.is_floating_point()
    if single:
        y = y.view(-1).long()
        found = torch.unique(y)
        if not torch.equal(found, torch.arange(found.numel())):
            raise InputError(
                f"{where}: classes in `y` must be 0 to {found.numel() - 1} without gaps "
                f"(got {found.tolist()[:10]}); number them anew"
            )
        num_outputs = found.numel()
        if num_outputs < 2:
            raise InputError(f"{where}: `y` must hold at least two classes (got one); there is nothing to tell apart")
    else:
        y = y.float()
        if not bool(((y == 0) | (y == 1) | y.isnan()).all()):
            raise InputError(f"{where}: `y` must be one whole number per graph, or [1, T] of 0, 1 and NaN")
        num_outputs = y.size(1)
    collection.graph["y"] = y
    check_splits(splits, where, "graph")
    return GraphDataset(
        name=path.stem,
        task="graph-classification" if single else "multitask-graph-classification",
        graphs=collection,
        splits=splits,
        num_features=collection.node["x"].size(1),
        num_outputs=num_outputs,
        metric="accuracy" if single else "roc-auc",
        class_names=tuple(map(str, range(num_outputs))),
        citation=f"read from {path.resolve()}",
    )
