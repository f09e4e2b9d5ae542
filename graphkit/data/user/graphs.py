"""Data sets from a user's list of labeled graphs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.checks import check_labeled, check_splits
from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.edges import plain_edge_index
from graphkit.data.labels import NO_LABEL, labeled_graphs, labeled_items
from graphkit.data.splits import splits_from_masks, time_split
from graphkit.data.user.array_checks import (
    as_array,
    as_words,
    check_node_count,
    edge_attributes_from,
    edges_from,
    features_from,
    is_words,
    shown,
    weights_from,
)
from graphkit.data.user.arrays import BOOKKEEPING
from graphkit.data.user.encoder import Columns, FeatureOptions, encode_features, structural_features, without_gaps
from graphkit.data.user.fields import masks_from_words, unused_note
from graphkit.data.user.targets import (
    DEFAULTS,
    Level,
    TargetOptions,
    Targets,
    missing,
    target_array,
    targets_of_array,
    targets_of_words,
)
from graphkit.errors import InputError
from graphkit.transforms.undirected import Undirected

ATTRIBUTES = "node_attributes"
#: Attribute of a graph with the name of its file in a folder.
GRAPH_FILE = "graph_file"
KEPT = (ATTRIBUTES, GRAPH_FILE, "node_names", "x", "edge_index", "edge_weight", "split")
#: Fractions of the default split of graphs with a time.
FRACTIONS = (0.6, 0.2, 0.2)


def dataset_of_graphs(
    path: Path,
    graphs: Sequence[dict[str, Any]],
    ignored: frozenset[str],
    options: TargetOptions,
    use_split: bool,
    features: FeatureOptions,
    directed: bool | None = None,
    targets: Targets | None = None,
) -> GraphDataset:
    """Creates a data set from a list of graphs with targets of graphs or nodes.

    If all graphs have an integer ``time`` and none a split, the split is chronological.

    Args:
        path (Path): The file, which names the data set.
        graphs (list[dict]): Attributes of each graph. ``y`` is one target, ``[1, T]`` targets, or has one row per node;
            ``edge_weight``, ``edge_attr``, ``split`` (``train``, ``val`` or ``test``), ``time`` and ``id`` or ``name``
            are optional. Instead of ``x``, ``node_attributes`` may contain cells of text of each node by name, with
            the ids in ``node_names``.
        ignored (set[str]): Attributes to ignore.
        options (TargetOptions): Selection of the targets.
        use_split (bool): Reads the split of the file.
        features (FeatureOptions): Options of the features.
        directed (bool, optional): ``False`` adds reverse edges; otherwise edges are not changed. (default: ``None``)
        targets (Targets, optional): Targets of the graphs, instead of those in ``graphs``. (default: ``None``)

    Raises:
        InputError: If an attribute is missing or invalid.
    """
    where = f"'{path}'"
    graphs = [{key: value for key, value in graph.items() if value is not None} for graph in graphs]
    graphs = [{key: value for key, value in graph.items() if key not in ignored} for graph in graphs]
    places = [
        f"'{path / graph[GRAPH_FILE]}'" if isinstance(graph.get(GRAPH_FILE), str) else f"{where}, graph {number}"
        for number, graph in enumerate(graphs)
    ]
    if any("edge_weight" in graph for graph in graphs):  # a graph without edges has no weights
        bare = [graph for graph in graphs if "edge_weight" not in graph and np.size(graph.get("edge_index", 1)) == 0]
        for graph in bare:
            graph["edge_weight"] = torch.empty(0)
    for key in ("edge_weight", "split"):
        absent = [number for number, graph in enumerate(graphs) if key not in graph]
        if absent and len(absent) < len(graphs):
            raise InputError(
                f"{where}: all graphs must have the same attributes (`{key}` is absent from some, such as graph "
                f"{absent[0]}); add it, or remove it from all"
            )
    of_graphs = targets is not None or options.level == "graph"
    of_graphs = of_graphs or any(name in graph for graph in graphs for name in options.names or DEFAULTS)
    attributes = _attributes(graphs, ignored, options, where, places, of_graphs)
    edge_attr = all("edge_attr" in graph for graph in graphs)
    checked = [_checked(graph, place, edge_attr, features) for graph, place in zip(graphs, places, strict=True)]
    if directed is False:
        checked = [data if data.is_undirected() else Undirected()(data) for data in checked]
    for number, data in enumerate(checked):
        if data.num_features != checked[0].num_features:
            widths = f"{data.num_features}, graph 0 has {checked[0].num_features}"
            raise InputError(f"{places[number]}: `x` must have as many columns in every graph (got {widths})")
    collection = GraphCollection.from_list(checked)
    x, encoder, feature_notes = encode_features(collection.node.get("x"), attributes.features, where, features)
    if x is None:
        x = structural_features(plain_edge_index(collection.union().edge_index), int(collection.num_nodes.sum()))
    collection.node["x"] = x
    level: Level = "graph"
    counts = collection.num_nodes
    if attributes.targets is not None:
        level, targets = "node", attributes.targets
    elif targets is None:
        level, targets = _targets(graphs, counts.tolist(), options, where, places)
    labeled = labeled_graphs(targets.y, counts) if level == "node" else labeled_items(targets.y)
    (collection.node if level == "node" else collection.graph)["y"] = targets.y
    notes = targets.notes
    if options.required and not bool(labeled.all()):
        absent = (~labeled).nonzero().view(-1).tolist()
        first = _short(places[absent[0]])
        notes += (f"{where}: {len(absent)} of {len(graphs)} graphs have no target, such as {first}",)
    if level == "node" and options.level is None:
        notes += (f"{where}: there is a target for every node: the items of the task are the nodes of the graphs",)
    names: tuple[str, ...] = ()
    time, used = _time(graphs), [*(options.names or DEFAULTS), *["edge_attr"] * edge_attr]
    if time is not None:
        collection.graph["time"] = time
        used.append("time")
    for key in ("id", "name"):
        if not names and (names := _names(graphs, key)):
            used.append(key)
    splits: tuple[Split, ...] = ()
    if use_split and "split" in graphs[0]:
        words = [_word(graph["split"], place) for graph, place in zip(graphs, places, strict=True)]
        splits = splits_from_masks(*masks_from_words(words, where, "graph"))
        check_splits(splits, len(graphs), where=where, item="graph", own=True)
        check_labeled(splits, labeled.long() - 1, where, "graph", names)
    elif use_split and time is not None:
        splits = (time_split(time, FRACTIONS, labeled.nonzero().view(-1)),)
        notes += (f"{where}: the first 60 % of the graphs by `time` are for training, the next 20 % for validation",)
    unused = sorted({key for graph in graphs for key in graph} - {*KEPT, *BOOKKEEPING, *used})
    return GraphDataset(
        name=path.stem,
        task=targets.task,
        graphs=(_single(collection),) if level == "node" and len(graphs) == 1 else collection,
        splits=splits,
        num_features=x.size(1),
        num_outputs=len(targets.names),
        metric=targets.metric,
        class_names=targets.names,
        node_names=attributes.node_names if level == "node" else (),
        graph_names=names,
        citation=f"read from {path.resolve()}",
        notes=(*unused_note(where, tuple(map(shown, unused))), *feature_notes, *notes),
        encoder=encoder,
    )


def _checked(graph: dict[str, Any], where: str, edge_attr: bool, features: FeatureOptions) -> Data:
    """Returns the validated features and edges of a graph."""
    if "edge_index" not in graph:
        raise InputError(f"{where} has no `edge_index`; every graph needs x, edge_index and y")
    if _has_attributes(graph):
        data = Data(num_nodes=len(graph["node_names"]))
    elif "x" not in graph:
        encode_features(None, None, where, features)  # structural, or an error
        ends = as_array(graph["edge_index"], "edge_index", where)
        count = graph.get("num_nodes", int(ends.max()) + 1 if ends.size and ends.dtype.kind in "iu" else 0)
        if not isinstance(count, int) or count < 1:
            raise InputError(f"{where} must have a node (got `num_nodes` {shown(count)}); leave it out")
        data = Data(num_nodes=check_node_count(count, ends.size // 2, where))
    else:
        shape = list(np.shape(graph["x"])) if isinstance(graph["x"], Tensor | np.ndarray) else []
        if len(shape) != 2:
            raise InputError(f"{where}: `x` must have the shape [nodes, features] (got {shape})")
        if not shape[0]:
            raise InputError(f"{where} has no node; leave it out")
        declared = graph.get("num_nodes", shape[0])
        if not isinstance(declared, int) or declared != shape[0]:
            raise InputError(
                f"{where}: `x` must have one row per node, {shown(declared)} as `num_nodes` says (got {shape[0]}); "
                "correct one of them"
            )
        data = Data(x=features_from(graph["x"], shape[0], where))
        if features.impute == "none" and not features.structural:
            without_gaps(data.x, where)
    data.edge_index = edges_from(graph["edge_index"], int(data.num_nodes or 0), where)
    if "edge_weight" in graph:
        data.edge_weight = weights_from(graph["edge_weight"], data.num_edges, where)
    if edge_attr:
        data.edge_attr = edge_attributes_from(graph["edge_attr"], data.num_edges, where)
    return data


def _single(graphs: GraphCollection) -> Data:
    """Returns the only graph of a collection, without attributes of its own."""
    data = graphs[0]
    return Data(**{name: data[name] for name in ("x", *graphs.edge, "edge_index", "y")}, num_nodes=data.num_nodes)


def _short(place: str) -> str:
    """Returns the name of a graph without that of its list."""
    return place.rpartition(", ")[2]


def _word(value: Any, where: str) -> str:
    words = as_words(value, "split", where)
    if len(words) != 1:
        raise InputError(f"{where}: `split` must be one word (got {len(words)})")
    return words[0]


def _targets(
    graphs: Sequence[dict[str, Any]], num_nodes: list[int], options: TargetOptions, where: str, places: Sequence[str]
) -> tuple[Level, Targets]:
    """Returns level and targets.

    Raises:
        InputError: If no graph has a target, or one does not fit.
    """
    values = [target_array(graph, options, place) for graph, place in zip(graphs, places, strict=True)]
    present = [number for number, value in enumerate(values) if value is not None]
    if not present:
        if options.like is None:
            names = " and ".join(f"`{name}`" for name in options.names or DEFAULTS)
            raise InputError(
                f"{where}: no graph has a target (looked for {names}); give one to every graph, in the column `label` "
                "of labels.csv if the graphs are files, or name another: --set data.target=NAME"
            )
        level: Level = options.like.level  # type: ignore[assignment]
        count = sum(num_nodes) if level == "node" else len(graphs)
        return level, missing(options, count)
    words = any(map(is_words, values))
    rows: list[Any] = [
        as_words(values[number], "y", places[number]) if words else _array(values[number], places[number])
        for number in present
    ]
    level = options.level or _level(rows, [num_nodes[number] for number in present])  # type: ignore[assignment]
    ptr = np.concatenate([[0], np.cumsum(num_nodes)])
    items = [np.arange(ptr[i], ptr[i + 1]) if level == "node" else np.array([i]) for i in present]
    for row, ids, number in zip(rows, items, present, strict=True):
        _check_rows(row, ids.size, level, places[number])
    if not words:
        rows = [row.reshape(ids.size, -1) for row, ids in zip(rows, items, strict=True)]
        for row, number in zip(rows, present, strict=True):
            if row.shape[1] != rows[0].shape[1]:
                raise InputError(
                    f"{places[number]}: `y` must have as many entries in every graph (got {row.shape[1]}, graph "
                    f"{present[0]} has {rows[0].shape[1]})"
                )
    ids = np.concatenate(items)

    def locate(item: int) -> str:
        number = int(np.searchsorted(ptr, ids[item], side="right")) - 1 if level == "node" else ids[item]
        return f"{places[number]}: `y`" + (f" of node {ids[item] - ptr[number]}" if level == "node" else "")

    value = [word for row in rows for word in row] if words else np.concatenate(rows)
    targets = targets_of_array(value, options, level, where, locate=locate)
    count = int(ptr[-1]) if level == "node" else len(graphs)
    y = torch.full((count, *targets.y.shape[1:]), torch.nan if targets.y.is_floating_point() else NO_LABEL)
    y = y.to(targets.y.dtype)
    y[torch.from_numpy(ids)] = targets.y
    return level, targets._replace(y=y)


class _Attributes(NamedTuple):
    """Named attributes of the nodes of all graphs.

    Args:
        features (Columns, optional): Features; ``None`` if the graphs have arrays.
        node_names (tuple[str, ...]): Ids of the nodes.
        targets (Targets, optional): Targets of the nodes, if they are among the attributes.
    """

    features: Columns | None = None
    node_names: tuple[str, ...] = ()
    targets: Targets | None = None


def _attributes(
    graphs: Sequence[dict[str, Any]],
    ignored: frozenset[str],
    options: TargetOptions,
    where: str,
    places: Sequence[str],
    of_graphs: bool,
) -> _Attributes:
    """Joins the named attributes of the nodes of all graphs.

    Args:
        graphs (list[dict]): Attributes of each graph.
        ignored (set[str]): Attributes to ignore.
        options (TargetOptions): Selection of the targets.
        where (str): Name of the file, for error messages.
        places (list[str]): Name of each graph, for error messages.
        of_graphs (bool): The targets are those of graphs.

    Raises:
        InputError: If some graphs have arrays of features instead, or a target is invalid.
    """
    absent = [number for number, graph in enumerate(graphs) if not _has_attributes(graph)]
    if len(absent) == len(graphs):
        return _Attributes()
    if absent:
        raise InputError(
            f"{places[absent[0]]}: its features must be named attributes of the nodes, as those of other graphs; "
            "write all graphs in one format"
        )
    cells: list[dict[str, list[str]]] = [graph[ATTRIBUTES] for graph in graphs]
    counts = [len(graph["node_names"]) for graph in graphs]
    names = tuple(name for graph in graphs for name in graph["node_names"])
    ptr = np.cumsum([0, *counts])
    keys = sorted({key for attributes in cells for key in attributes} - {"split"} - ignored)
    columns = {} if of_graphs else options.columns(keys, series=True)
    if options.required and any(columns.values()) and None in columns.values():
        name = next(name for name, column in columns.items() if column is None)
        raise InputError(f"{where}: no node has the attribute '{shown(name)}'; name other targets with data.target")

    def locate(row: int, key: str) -> str:
        number = int(np.searchsorted(ptr, row, side="right")) - 1
        return f"{places[number]}: the attribute '{shown(key)}' of node '{shown(names[row])}'"

    def joined(key: str) -> list[str]:
        pairs = zip(counts, cells, strict=True)
        return [cell for count, attributes in pairs for cell in attributes.get(key, [""] * count)]

    targets = None
    if any(columns.values()):
        words = {name: column and joined(column) for name, column in columns.items()}
        targets = targets_of_words(words, options, "node", where, lambda row, name: locate(row, columns[name] or name))
    keys = [key for key in keys if key not in columns.values()]
    features = Columns(tuple(keys), tuple(map(joined, keys)), where, locate, ignored, "attribute")
    return _Attributes(features, names, targets)


def _has_attributes(graph: dict[str, Any]) -> bool:
    """Returns whether a graph has named attributes of its nodes, one text for each."""
    cells, names = graph.get(ATTRIBUTES), graph.get("node_names")
    if not isinstance(cells, dict) or not isinstance(names, list):
        return False
    lists = [*cells.values(), names]
    return all(isinstance(key, str) for key in cells) and all(
        isinstance(items, list) and len(items) == len(names) and all(isinstance(item, str) for item in items)
        for items in lists
    )


def _array(value: Any, where: str) -> np.ndarray:
    array = as_array(value, "y", where)
    if array.dtype.kind not in "iufb":
        raise InputError(f"{where}: `y` must hold numbers (got {array.dtype}); convert it")
    return array


def _level(rows: Sequence[Any], num_nodes: Sequence[int]) -> Level:
    """Infers the level: nodes if there is one row per node in every graph."""
    lengths = [len(row) if isinstance(row, list) or row.ndim else 1 for row in rows]
    return "node" if lengths == list(num_nodes) and any(length > 1 for length in lengths) else "graph"


def _check_rows(row: Any, count: int, level: Level, where: str) -> None:
    """Raises an error if a graph does not have one target, or one per node.

    Raises:
        InputError: If the shape is wrong.
    """
    shape = [len(row)] if isinstance(row, list) else list(row.shape)
    if level == "node":
        if not shape or len(shape) > 2 or shape[0] != count:
            raise InputError(f"{where}: `y` must have one row for each of its {count} nodes (got {shape})")
    elif len(shape) > 2 or (len(shape) == 2 and shape[0] != 1) or (len(shape) < 2 and shape not in ([], [1])):
        raise InputError(
            f"{where}: `y` must be one class or number, or [1, T] for several, or have one row per node in every graph "
            f"(got {shape}); correct it"
        )
    if 0 in shape:
        raise InputError(f"{where}: `y` must hold a target (got {shape}); give NaN for none")


def _time(graphs: Sequence[dict[str, Any]]) -> Tensor | None:
    """Returns the integers ``time`` of all graphs ``[G]``, or ``None``."""
    values = [graph.get("time") for graph in graphs]
    values = [value.item() if isinstance(value, Tensor) and value.numel() == 1 else value for value in values]
    if not all(type(value) is int and abs(value) < 2**62 for value in values):
        return None
    return torch.tensor(values)


def _names(graphs: Sequence[dict[str, Any]], key: str) -> tuple[str, ...]:
    """Returns the ids of the graphs; empty unless they are unique words or numbers."""
    values = [graph.get(key) for graph in graphs]
    values = [value.item() if isinstance(value, Tensor) and value.numel() == 1 else value for value in values]
    if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in values):
        return ()
    names = tuple(map(str, values))
    return names if len(set(names)) == len(names) else ()
