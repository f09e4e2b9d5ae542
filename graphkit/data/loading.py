"""Loading of data sets by name, from a user's file or folder, or from memory."""

import os
import tempfile
from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import Data

from graphkit.data.clips import ClipCollection
from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.dataset_info import DatasetEntry
from graphkit.data.edges import by_target, plain_edge_index, sorted_edge_index
from graphkit.data.labels import labeled_graphs, labeled_items
from graphkit.data.link_dataset import split_links
from graphkit.data.smiles import scaffolds
from graphkit.data.sources import is_path, resolve_root
from graphkit.data.splits import PARTS, few_labels, parse_split, random_split, scaffold_split, validation_folds
from graphkit.errors import InputError
from graphkit.nn.attribute_level import attribute_level
from graphkit.registry import get_dataset
from graphkit.settings import Setting

#: Task whose items are pairs of nodes.
LINKS = "link-prediction"
#: Number of drawn splits for ``labels_per_class`` and for a split with a method.
DRAWS = 10


def load(
    data: Any,
    root: str | os.PathLike[str] | None = None,
    *,
    transforms: Sequence[Any] = (),
    split: str | Sequence[float] | None = None,
    split_seed: int = 0,
    labels_per_class: int | None = None,
    **options: Any,
) -> GraphDataset:
    """Loads a data set by name, or a user's graphs by path or from memory.

    Args:
        data (str, Path or object): Name, see :func:`graphkit.data.list_datasets`; path of a ``.npz``,
            ``.graphml``, ``.gexf``, ``.gml`` or ``.pt`` file, of a table of molecules (``.csv``, ``.tsv``), or of a
            folder with ``edges.csv`` and ``nodes.csv``, with ``edge_index.npy``, ``x.npy`` and ``y.npy``
            (memory-mapped), or with ``labels.csv`` and graph files or clips; or graphs in memory: a PyG ``Data``, a
            list or ``Dataset`` of them, a networkx graph or a list of them, arrays ``(x, edge_index, y)``,
            pandas frames ``(nodes, edges)``, or a frame of molecules.
        root (str or Path, optional): Folder of raw files in the layout of PyG, which is only read. Downloaded and
            processed files are stored in the cache folder (``GRAPHKIT_CACHE``, by default ``~/.cache/graphkit``).
            (default: the environment variable ``GRAPHKIT_DATA``)
        transforms (list, optional): Transforms by name, in order, see :mod:`graphkit.transforms`. (default: ``()``)
        split (str or list[float], optional): Fractions such as ``"0.6,0.2,0.2"``; or ``"random"`` or ``"scaffold"``
            (molecules), with or without fractions such as ``"scaffold:0.8,0.1,0.1"``, for ten splits, one per seed; or
            ``"folds"`` for ten folds, one per seed: each is the test set once, and the next one selects the epoch.
            (default: ``None``, the published split, or that of the file)
        split_seed (int, optional): Random seed of the split. (default: ``0``)
        labels_per_class (int, optional): Number of training nodes per class, drawn with ``split_seed``; a single split
            becomes ten random ones. (default: ``None``, all)
        **options (optional): Options of the data set, see :func:`options`.

    Returns:
        The data set; every ``edge_index`` is an :class:`~torch_geometric.EdgeIndex` sorted by target.

    Raises:
        InputError: If the name, an option, the split or the content is invalid.
        FileNotFoundError: If the path does not exist, or raw files are missing and cannot be downloaded.

    Example:
        >>> data = load("karate")
        >>> data.num_features, data.num_outputs
        (34, 4)
    """
    links = options.get("task") == LINKS
    link_options = {"hard": options.pop("hard_negatives")} if links and "hard_negatives" in options else {}
    if split is not None:
        parse_split(split)  # fails before the data are read
    from graphkit.data.user import load_own
    from graphkit.transforms import build

    transform = build(transforms)
    if not isinstance(data, str | os.PathLike):
        use_split = split is None and not links
        dataset, default_split = load_object(data, lambda path: load_own(path, options, use_split)), ""
    elif is_path(data):
        path = Path(data).expanduser()
        dataset, default_split = load_own(path, options, use_split=split is None and not links), ""
    else:
        entry: DatasetEntry = get_dataset(str(data))
        if links:
            options.pop("task")
        dataset, default_split = entry(resolve_root(root), options), entry.default_split
    if links:
        if labels_per_class is not None:
            raise InputError(
                f"`labels_per_class` is for nodes of one class each (got {labels_per_class} for {LINKS}); leave it out"
            )
        return apply_transform(split_links(dataset, split, split_seed, **link_options), transform)
    if split is not None or not dataset.splits:
        default_split = default_split or ("random" if dataset.smiles else "0.6,0.2,0.2")
        dataset = draw_split(dataset, split if split is not None else default_split, split_seed)
    if labels_per_class is not None:
        dataset = draw_labels(dataset, labels_per_class, split_seed)
    if isinstance(data, str | os.PathLike) and not is_path(data):
        return apply_transform(dataset, transform)
    from graphkit.data.user.encoder import impute

    return apply_transform(impute(dataset), transform)


def load_object(data: Any, read: Callable[[Path], GraphDataset]) -> GraphDataset:
    """Loads graphs in memory through the reader of a file, with the same validation."""
    from graphkit.data.user.memory import naming, save_object, without_path

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows keeps memory-mapped files
        path = save_object(data, Path(folder))
        with naming(path, folder, "data"):
            dataset = read(path)
        notes = tuple(without_path(note, path, folder, "data") for note in dataset.notes)
        return dataset.replace(name="data", citation="given in memory", notes=notes)


def options(name_or_path: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the options of a data set and their defaults."""
    return {name: setting.default for name, setting in option_settings(name_or_path).items()}


def option_settings(name_or_path: str | os.PathLike[str]) -> dict[str, Setting]:
    """Returns the options of a data set with their types and defaults."""
    if is_path(name_or_path):
        from graphkit.data.user import own_options

        return own_options(Path(name_or_path).expanduser())
    return get_dataset(str(name_or_path)).options


def draw_split(dataset: GraphDataset, split: str | Sequence[float], seed: int) -> GraphDataset:
    """Replaces the splits by drawn ones of the labeled items.

    Random splits and folds are stratified by class. Fractions give one split; a method gives :data:`DRAWS`, with the
    seeds from ``seed``, or as many folds with the seed ``seed``.

    Raises:
        InputError: If a subset would be empty, or the items of a scaffold split are not molecules.
    """
    method, fractions = parse_split(split)
    y = targets_of(dataset)
    count, graphs = len(dataset.graphs) if y is None else y.size(0), dataset.collection
    if y is None and graphs is not None and "y" in graphs.node:
        items = labeled_graphs(graphs.node["y"], graphs.num_nodes).nonzero().view(-1)
    else:
        items = labeled_items(y).nonzero().view(-1) if y is not None else torch.arange(count)
    seeds = range(seed, seed + DRAWS) if method else [seed]
    if method == "scaffold":
        if not dataset.smiles:
            raise InputError(
                f"the split 'scaffold' is for molecules from SMILES strings (got {dataset.name}); give random, or "
                "fractions such as 0.6,0.2,0.2"
            )
        groups = scaffolds([dataset.smiles[index] for index in items.tolist()])
        numbered = [scaffold_split(groups, fractions, number) for number in seeds]
        drawn = [Split(*(items[getattr(ids, subset)] for subset in PARTS)) for ids in numbered]
        return dataset.replace(splits=tuple(drawn), protocol="validation")
    classes = y if y is not None and y.dim() == 1 and not y.is_floating_point() else None
    if method == "folds":
        if classes is None:
            classes = torch.full((count,), -1).index_fill_(0, items, 0)
        drawn = list(validation_folds(classes, DRAWS, seed))
    else:
        drawn = [random_split(count, fractions, number, classes, items) for number in seeds]
    return dataset.replace(splits=tuple(drawn), protocol="validation")


def targets_of(dataset: GraphDataset) -> torch.Tensor | None:
    """Returns the labels of the split items; ``None`` for graphs of labeled nodes."""
    if dataset.level == "link":
        return dataset.targets()
    if isinstance(dataset.graphs, ClipCollection):
        return dataset.graphs.y
    if dataset.level == "node":
        return dataset.graphs[0].y if len(dataset.graphs) == 1 else None
    if not isinstance(dataset.graphs, GraphCollection):
        return None
    y = dataset.graphs.graph.get("y")
    if not isinstance(y, torch.Tensor):
        return None
    return y.view(-1) if dataset.task == "graph-classification" else y


def item_targets(dataset: GraphDataset, ids: torch.Tensor) -> torch.Tensor:
    """Returns the targets of some split items, of all nodes for graphs of nodes."""
    y, graphs = targets_of(dataset), dataset.graphs
    if y is not None:
        return y[ids]
    if isinstance(graphs, GraphCollection):
        ptr = graphs.node_ptr.tolist()
        rows = [graphs.node["y"][ptr[index] : ptr[index + 1]] for index in ids.tolist()]
    else:
        rows = [graphs[index].y for index in ids.tolist()]
    return torch.cat(rows)


def draw_labels(dataset: GraphDataset, count: int, seed: int) -> GraphDataset:
    """Reduces the training nodes to ``count`` per class.

    A single split becomes ten random ones.

    Raises:
        InputError: If nodes are not single-label, ``count`` is not positive, or a class has fewer nodes.
    """
    if dataset.task != "node-classification" or not dataset.is_single_graph:
        raise InputError(f"`labels_per_class` is for nodes of one class each ({dataset.name}: {dataset.task})")
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InputError(f"`labels_per_class` must be a whole number of at least 1 (got {count!r})")
    splits = dataset.splits * DRAWS if len(dataset.splits) == 1 else dataset.splits
    y = dataset.graphs[0].y
    return dataset.replace(splits=tuple(few_labels(split, y, count, seed + i) for i, split in enumerate(splits)))


def apply_transform(dataset: GraphDataset, transform: Any) -> GraphDataset:
    """Applies a transform to all graphs and updates widths, splits and node names.

    Nodes without names are named by their numbers if some are removed.
    """
    if isinstance(dataset.graphs, GraphCollection):
        graphs = dataset.graphs.map_union(transform) if transform is not None else dataset.graphs
        x = graphs.node.get("x")
        if dataset.num_categories is None and x is not None:
            dataset = dataset.replace(num_features=x.size(1))
        if dataset.level == "node" and not torch.equal(graphs.num_nodes, dataset.graphs.num_nodes):  # type: ignore[attr-defined]
            dataset = dataset.replace(node_names=_kept_names(dataset, transform))
        return dataset.replace(graphs=graphs)
    if isinstance(dataset.graphs, ClipCollection):
        if transform is not None:
            raise InputError(f"transforms are for graphs, and {dataset.name} has clips; see `train.augment`")
        return dataset
    if dataset.mapped:
        return _transform_mapped(dataset, transform)
    data = dataset.graphs[0].clone()
    num_nodes = int(data.num_nodes or 0)
    if transform is not None:
        data.n_id = torch.arange(num_nodes)  # keeps track of the original node ids
        data = transform(data)
        kept = data.n_id
        del data["n_id"]
        if kept.numel() != num_nodes:
            if dataset.level == "link":
                raise InputError(
                    f"expected transforms that keep all nodes for link-prediction, got {kept.numel()} of {num_nodes} "
                    "nodes; leave out the one that removes nodes"
                )
            dataset = _keep_nodes(dataset, kept, num_nodes)
    return dataset.replace(graphs=(sort_edges(data),), num_features=data.num_features or dataset.num_features)


def _kept_names(dataset: GraphDataset, transform: Any) -> tuple[str, ...]:
    """Returns the names of the nodes of many graphs that a transform keeps."""
    union = dataset.graphs.union()  # type: ignore[attr-defined]
    union.n_id = torch.arange(int(union.num_nodes))
    union.edge_index = plain_edge_index(union.edge_index)
    first = dataset.graphs.node_ptr  # type: ignore[attr-defined]
    names = dataset.node_names or [str(i - int(first[g])) for i, g in enumerate(union.batch.tolist())]
    return tuple(names[i] for i in transform(union).n_id.tolist())


def _transform_mapped(dataset: GraphDataset, transform: Any) -> GraphDataset:
    """Applies transforms that keep features to a graph with memory-mapped features.

    Raises:
        InputError: If a transform may change the features.
    """
    if transform is None:
        return dataset
    for step in transform.transforms:
        if not getattr(step, "keeps_features", False):
            raise InputError(
                f"the features of {dataset.name} stay on disk, and {step!r} may change them; leave it out, and apply "
                "it before the features are written"
            )
    data = transform(copy(dataset.graphs[0]))
    return dataset.replace(graphs=(sort_edges(data),))


def sort_edges(data: Data) -> Data:
    """Sorts the edges of a graph and their attributes by target."""
    num_nodes = int(data.num_nodes or 0)
    plain = plain_edge_index(data.edge_index)
    order = by_target(plain, num_nodes)
    for name in data.to_dict():
        if attribute_level(data, name) == "edge":
            data[name] = data[name][order]
    data.edge_index = sorted_edge_index(plain[:, order], num_nodes)
    data.num_nodes = num_nodes
    return data


def _keep_nodes(dataset: GraphDataset, kept: torch.Tensor, num_nodes: int) -> GraphDataset:
    new_id = torch.full((num_nodes,), -1)
    new_id[kept] = torch.arange(kept.numel())
    splits = []
    for old in dataset.splits:
        parts = [new_id[getattr(old, subset)] for subset in PARTS]
        splits.append(Split(*(ids[ids >= 0] for ids in parts)))
        if not splits[-1].train.numel():
            raise InputError("no training node is left after the transforms; leave out the one that removes nodes")
    names = tuple(dataset.node_names[i] if dataset.node_names else str(i) for i in kept.tolist())
    return dataset.replace(splits=tuple(splits), node_names=names)
