"""Data sets from a user's list of labeled graphs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.checks import check_labeled, check_splits
from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.labels import classes_of_numbers, classes_of_words, label_columns, labeled_items
from graphkit.data.splits import splits_from_masks
from graphkit.data.user.array_checks import as_array, as_words, edges_from, features_from, shown, weights_from
from graphkit.data.user.arrays import BOOKKEEPING
from graphkit.data.user.fields import masks_from_words, unused_note
from graphkit.errors import InputError

KEPT = ("x", "y", "edge_index", "edge_weight", "split")


def dataset_of_graphs(
    path: Path, graphs: Sequence[dict[str, Any]], ignored: frozenset[str] = frozenset(), use_split: bool = True
) -> GraphDataset:
    """Creates a graph classification or regression data set from a list of graphs.

    Args:
        path (Path): The file, which names the data set.
        graphs (list[dict]): Attributes of each graph. ``y`` is a class, ``[1, T]`` with 0, 1 and NaN, or regression
            targets; ``edge_weight`` and ``split`` (``train``, ``val`` or ``test``) are optional.
        ignored (set[str], optional): Attributes to ignore. (default: empty)
        use_split (bool, optional): Reads the split of the file. (default: ``True``)

    Raises:
        InputError: If an attribute is missing or invalid.
    """
    where = f"'{path}'"
    graphs = [{key: value for key, value in graph.items() if value is not None} for graph in graphs]
    graphs = [{key: value for key, value in graph.items() if key not in ignored} for graph in graphs]
    for key in ("edge_weight", "split"):
        absent = [number for number, graph in enumerate(graphs) if key not in graph]
        if absent and len(absent) < len(graphs):
            raise InputError(
                f"{where}: all graphs must have the same attributes (`{key}` is absent from some, such as graph "
                f"{absent[0]}); add it, or remove it from all"
            )
    checked = [_checked(graph, f"{where}, graph {number}") for number, graph in enumerate(graphs)]
    for number, data in enumerate(checked):
        if data.x.size(1) != checked[0].x.size(1):
            widths = f"{data.x.size(1)}, graph 0 has {checked[0].x.size(1)}"
            raise InputError(f"{where}, graph {number}: `x` must have as many columns in every graph (got {widths})")
    if not checked[0].x.size(1):
        raise InputError(f"{where}: `x` must have at least one column; give every node a one if it has no features")
    task, y, class_names = _targets([graph["y"] for graph in graphs], where)
    collection = GraphCollection.from_list(checked)
    collection.graph["y"] = y
    splits: tuple[Split, ...] = ()
    if use_split and "split" in graphs[0]:
        words = [_word(graph["split"], f"{where}, graph {number}") for number, graph in enumerate(graphs)]
        splits = splits_from_masks(*masks_from_words(words, where, "graph"))
        check_splits(splits, len(graphs), where=where, item="graph", own=True)
        check_labeled(splits, y, where, "graph")
    unused = sorted({key for graph in graphs for key in graph} - {*KEPT, *BOOKKEEPING})
    notes = unused_note(where, tuple(map(shown, unused)))
    if task == "graph-regression":
        notes += (f"{where}: `y` holds decimal numbers: the task is graph regression; save classes as whole numbers",)
    return GraphDataset(
        name=path.stem,
        task=task,
        graphs=collection,
        splits=splits,
        num_features=collection.node["x"].size(1),
        num_outputs=len(class_names),
        metric={"graph-classification": "accuracy", "graph-regression": "mae"}.get(task, "roc-auc"),
        class_names=class_names,
        citation=f"read from {path.resolve()}",
        notes=notes,
    )


def _checked(graph: dict[str, Any], where: str) -> Data:
    """Returns the validated features and edges of a graph."""
    for name in ("x", "y", "edge_index"):
        if name not in graph:
            raise InputError(f"{where} has no `{name}`; every graph needs x, edge_index and y")
    shape = list(np.shape(graph["x"])) if isinstance(graph["x"], Tensor | np.ndarray) else []
    if len(shape) != 2:
        raise InputError(f"{where}: `x` must have the shape [nodes, features] (got {shape})")
    if not shape[0]:
        raise InputError(f"{where} has no node; leave it out")
    declared = graph.get("num_nodes", shape[0])
    if not isinstance(declared, int) or declared != shape[0]:
        raise InputError(
            f"{where}: `x` must have one row per node, {shown(declared)} as `num_nodes` says (got {shape[0]}); correct "
            "one of them"
        )
    x = features_from(graph["x"], shape[0], where)
    data = Data(x=x, edge_index=edges_from(graph["edge_index"], shape[0], where))
    if "edge_weight" in graph:
        data.edge_weight = weights_from(graph["edge_weight"], data.num_edges, where)
    return data


def _word(value: Any, where: str) -> str:
    words = as_words(value, "split", where)
    if len(words) != 1:
        raise InputError(f"{where}: `split` must be one word (got {len(words)})")
    return words[0]


def _targets(values: list[Any], where: str) -> tuple[str, Tensor, tuple[str, ...]]:
    """Returns task, targets ``[G]`` or ``[G, T]``, and names of the outputs."""
    if any(isinstance(value, str) for value in values):
        words = [as_words(value, "y", f"{where}, graph {number}") for number, value in enumerate(values)]
        y, names = classes_of_words([word[0] for word in words], lambda graph: f"{where}, graph {graph}: `y`")
        _check_classes(y, len(names), where)
        return "graph-classification", y, names
    rows: list[np.ndarray] = []
    for number, value in enumerate(values):
        row = as_array(value, "y", f"{where}, graph {number}")
        if row.ndim > 2 or (row.ndim == 2 and row.shape[0] != 1) or (row.ndim < 2 and row.size != 1) or not row.size:
            raise InputError(
                f"{where}, graph {number}: `y` must be one class, or [1, T] for several questions "
                f"(got {list(row.shape)}); for labels of nodes, join the graphs: Batch.from_data_list(graphs)"
            )
        if row.dtype.kind not in "iufb":
            raise InputError(f"{where}, graph {number}: `y` must hold numbers (got {row.dtype}); convert it")
        if rows and row.size != rows[0].size:
            raise InputError(
                f"{where}, graph {number}: `y` must have as many entries in every graph (got {row.size}, graph 0 has "
                f"{rows[0].size})"
            )
        rows.append(row.reshape(-1))
    table = np.stack(rows)
    if table.shape[1] == 1 and table.dtype.kind != "f":
        y, count = classes_of_numbers(table[:, 0], where=f"{where}: `y`")
        _check_classes(y, count, where)
        return "graph-classification", y, tuple(map(str, range(count)))
    names = tuple(map(str, range(table.shape[1])))
    valid = table[~np.isnan(table)] if table.dtype.kind == "f" else table
    if table.dtype.kind != "f" or np.isin(valid, (0, 1, -1)).all():
        y, task = label_columns(table, f"{where}: `y`"), "multitask-graph-classification"
    else:
        y, task = _numbers(table, where), "graph-regression"
    if not bool(labeled_items(y).any()):
        raise InputError(f"{where}: no graph has a label in `y`; label some")
    return task, y, names


def _numbers(table: np.ndarray, where: str) -> Tensor:
    """Returns the regression targets; those of a graph must be all finite or all NaN."""
    with np.errstate(all="ignore"):
        y = torch.from_numpy(table.astype(np.float32))
    infinite = y.isinf().any(dim=1)
    if bool(infinite.any()):
        graph = int(infinite.nonzero()[0])
        raise InputError(f"{where}, graph {graph}: `y` must hold finite numbers, or NaN; correct it")
    partly = y.isnan().any(dim=1) & ~y.isnan().all(dim=1)
    if bool(partly.any()):
        graph = int(partly.nonzero()[0])
        raise InputError(f"{where}, graph {graph}: the numbers in `y` must be all known, or all NaN; complete them")
    return y


def _check_classes(y: Tensor, num_classes: int, where: str) -> None:
    labeled = int((y >= 0).sum())
    if num_classes < 2:
        got = "one" if num_classes else "none"
        raise InputError(f"{where}: `y` must hold at least two classes (got {got}); add graphs of another class")
    if num_classes == labeled and labeled >= 10:
        raise InputError(f"{where}: each of the {labeled} labeled graphs has a different class; are these ids?")
