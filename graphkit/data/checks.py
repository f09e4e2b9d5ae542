"""Validation of edges, features, labels and splits.

In error messages, ``where`` names the file (and the graph of a list). With ``own`` the data are the user's, and the
message states the correction; for named data sets the caller adds that raw files must be downloaded again.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.edges import plain_edge_index
from graphkit.data.labels import labeled_items
from graphkit.errors import InputError
from graphkit.screen import shown

PART_NAMES = {"train": "training", "val": "validation", "test": "test"}


def check_dataset(dataset: GraphDataset) -> None:
    """Validates edges, features, labels and splits of a named data set.

    The cost is one pass over the data, without copies. Of skeleton clips, only the splits are validated.

    Raises:
        InputError: If a node id does not exist, a feature is not finite, a label is out of range, or a split has
            duplicate or missing items or an empty subset.
    """
    graphs = dataset.graphs
    count = len(graphs)
    if isinstance(graphs, GraphCollection):
        empty = (graphs.num_nodes < 1).nonzero().view(-1)
        if empty.numel():
            raise InputError(f"graph {int(empty[0])} has no node ({empty.numel()} such graphs in all)")
        check_features(graphs.node.get("x"), dataset.num_categories)
        if dataset.level == "node":
            check_labels(graphs.node["y"], dataset.num_outputs, dataset.task)
        else:
            check_labels(graphs.graph["y"], dataset.num_outputs, dataset.task)
    elif dataset.is_single_graph:
        data = graphs[0]
        count = int(data.num_nodes or 0)
        check_edges(plain_edge_index(data.edge_index), count)
        check_features(data.x, dataset.num_categories)
        check_labels(data.y, dataset.num_outputs, dataset.task)
        if data.y.size(0) != count or data.x.size(0) != count:
            raise InputError(f"features and labels must be those of {count} nodes (got {data.y.size(0)} labels)")
    check_splits(dataset.splits, count, dataset.protocol)


def check_edges(edge_index: Tensor, num_nodes: int, where: str = "", own: bool = False) -> None:
    """Raises an error for edges with node ids out of range.

    Raises:
        InputError: If an id is negative or at least ``num_nodes``.
    """
    if not edge_index.numel() or 0 <= int(edge_index.min()) <= int(edge_index.max()) < num_nodes:
        return
    wrong = ((edge_index < 0) | (edge_index >= num_nodes)).any(dim=0).nonzero().view(-1)
    source, target = edge_index[:, wrong[0]].tolist()
    raise InputError(
        f"{_prefix(where)}edge {int(wrong[0])} joins {source} and {target}, but nodes are numbered 0 to {num_nodes - 1}"
        f"{'; correct the edge, or add the node' if own else ''}"
    )


def check_features(
    x: Tensor | None,
    num_categories: int | None = None,
    where: str = "",
    names: Sequence[str] = (),
    own: bool = False,
    missing: bool = False,
) -> None:
    """Raises an error for non-finite features or categories out of range.

    Args:
        x (Tensor, optional): ``[N, F]`` numbers or ``[N]`` categories; ``None`` for no features.
        num_categories (int, optional): Number of categories, if ``x`` contains categories. (default: ``None``)
        where (str, optional): Name of the file. (default: ``""``)
        names (list[str], optional): Names of the nodes. (default: ``()``)
        own (bool, optional): The data are the user's. (default: ``False``)
        missing (bool, optional): NaN, a missing value, is accepted. (default: ``False``)

    Raises:
        InputError: If a feature is invalid.
    """
    if x is None:
        return
    if num_categories is not None:
        if x.numel() and not 0 <= int(x.min()) <= int(x.max()) < num_categories:
            what = f"got values from {int(x.min())} to {int(x.max())}"
            raise InputError(f"{_prefix(where)}features must be categories from 0 to {num_categories - 1} ({what})")
    elif x.is_floating_point() and not bool(torch.isfinite(x.sum())):  # the sum allocates no mask
        wrong = (x.isinf() if missing else ~x.isfinite()).nonzero()
        if wrong.numel():
            node, column = wrong[0].tolist()
            raise InputError(
                f"{_prefix(where)}feature {column} of node {shown(names[node]) if names else node} must be a finite "
                f"number (got {float(x[node, column])}; {wrong.size(0)} such values in all)"
                f"{'; replace it' if own else ''}"
            )


def check_weights(weight: Tensor, where: str) -> None:
    """Raises an error for non-finite edge weights."""
    finite = torch.isfinite(weight)
    if not bool(finite.all()):
        edge = int(finite.to(torch.uint8).argmin())
        raise InputError(
            f"{where}: the weight of edge {edge} in `edge_weight` must be a finite number (got {float(weight[edge])}); "
            "correct it"
        )


def check_labels(y: Tensor, num_outputs: int, task: str) -> None:
    """Raises an error for labels out of range or infinite targets.

    Valid are classes and -1, the labels 0, 1 and NaN, or finite regression targets and NaN.

    Raises:
        InputError: If a label is invalid, or no item has a label.
    """
    if y.dim() == 1 and not y.is_floating_point():
        if y.numel() and not -1 <= int(y.min()) <= int(y.max()) < num_outputs:
            what = f"got {int(y.min())} to {int(y.max())}"
            raise InputError(f"labels must be from 0 to {num_outputs - 1}, or -1 for none ({what})")
        if not bool((y >= 0).any()):
            raise InputError("no item has a label")
        return
    if y.dim() != 2 or y.size(1) != num_outputs:
        raise InputError(f"labels must have {num_outputs} columns (got the shape {list(y.shape)})")
    labels = y[~y.isnan()] if y.is_floating_point() else y.flatten()
    if task.endswith("regression"):
        wrong = labels[labels.isinf()]
    else:
        wrong = labels[(labels != 0) & (labels != 1)]
    if wrong.numel():
        expected = "a finite number" if task.endswith("regression") else "0, 1 or absent"
        raise InputError(f"a label must be {expected} (got {float(wrong[0])}; {wrong.numel()} such values in all)")


def check_splits(
    splits: Sequence[Split],
    num_items: int,
    protocol: str = "validation",
    where: str = "",
    item: str = "item",
    own: bool = False,
) -> None:
    """Raises an error for duplicate, missing or out-of-range items of a split.

    With ``protocol="test"`` (the epoch is selected on test items), validation and test items may be equal.

    Args:
        splits (list[Split]): The splits.
        num_items (int): Number of items.
        protocol (str, optional): Protocol of the data set. (default: ``"validation"``)
        where (str, optional): Name of the file. (default: ``""``)
        item (str, optional): Term for an item, such as ``"node"``. (default: ``"item"``)
        own (bool, optional): The data are the user's, which also need validation items. (default: ``False``)

    Raises:
        InputError: If a split is invalid.
    """
    for number, split in enumerate(splits):
        name = _prefix(where) + (f"split {number}" if len(splits) > 1 else "the split")
        parts = {subset: np.asarray(getattr(split, subset)) for subset in PART_NAMES}
        for subset, ids in parts.items():
            if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) < num_items:
                what = f"got {int(ids.min())} to {int(ids.max())}"
                raise InputError(f"{name} must hold {item}s from 0 to {num_items - 1} in its {subset} part ({what})")
            if not ids.size and (own or subset != "val"):
                remedy = "; mark some, or draw a split with --split 0.6,0.2,0.2" if own else ""
                raise InputError(f"{name} has no {PART_NAMES[subset]} {item}{remedy}")
        used = list(parts.values())
        if protocol == "test" and np.array_equal(parts["val"], parts["test"]):
            used = used[:2]
        ids, counts = np.unique(np.concatenate(used), return_counts=True)
        if ids.size and counts.max() > 1:
            twice = int(ids[counts > 1][0])
            parted = " and ".join(subset for subset, ids in parts.items() if twice in ids)
            remedy = "; keep one" if own else ""
            raise InputError(
                f"{name} has {item} {twice} more than once, in {parted} ({int((counts > 1).sum())} such {item}s in all)"
                f"{remedy}"
            )


def check_labeled(splits: Sequence[Split], y: Tensor, where: str, item: str, names: Sequence[str] = ()) -> None:
    """Raises an error for unlabeled items in a split, see :mod:`graphkit.data.labels`."""
    labeled = labeled_items(y)
    for split in splits if not bool(labeled.all()) else ():
        for part in PART_NAMES:
            ids = getattr(split, part)
            bare = ids[~labeled[ids]]
            if bare.numel():
                name = shown(names[int(bare[0])]) if names else int(bare[0])
                raise InputError(
                    f"{where}: {item} {name} is in the {part} part but has no label; label it, or take it out of the "
                    "split"
                )


def _prefix(where: str) -> str:
    return f"{where}: " if where else ""
