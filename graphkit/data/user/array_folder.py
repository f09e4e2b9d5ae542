"""Reader of folders of memory-mapped arrays: ``x.npy``, ``edge_index.npy``, ..."""

from pathlib import Path

import numpy as np
from torch_geometric.data import Data

from graphkit.data.array_files import SUFFIXES, as_tensor, open_array, rows_at_a_time
from graphkit.data.checks import check_labeled, check_splits
from graphkit.data.dataset import GraphDataset
from graphkit.data.edges import sorted_edge_index
from graphkit.data.single_graph import MASKS
from graphkit.data.splits import splits_from_masks
from graphkit.data.user.array_checks import as_words, masks_from, shown
from graphkit.data.user.encoder import FeatureEncoder, FeatureOptions
from graphkit.data.user.fields import ignore_option
from graphkit.data.user.targets import NO_OPTIONS, TargetOptions, missing, target_array, targets_of_array
from graphkit.errors import InputError
from graphkit.registry import unknown_name

NEEDED = ("x", "edge_index")
KEYS = (*NEEDED, "y", *MASKS, "edge_weight", "class_names")


NO_FEATURE_OPTIONS = FeatureOptions()


def holds_arrays(path: Path) -> bool:
    """Returns whether a folder is a folder of arrays."""
    return any((path / f"edge_index{suffix}").is_file() for suffix in SUFFIXES)


def read_array_folder(
    folder: Path,
    ignored: frozenset[str] = frozenset(),
    options: TargetOptions = NO_OPTIONS,
    use_split: bool = True,
    features: FeatureOptions = NO_FEATURE_OPTIONS,
) -> GraphDataset:
    """Memory-maps the arrays of a folder.

    Edges must include reverse edges unless the graph is directed. Features are read on use and must be finite, which
    :func:`graphkit.data.write_folder` checks.

    Args:
        folder (Path): Folder, see :func:`graphkit.data.write_folder`.
        ignored (set[str], optional): Names of arrays to ignore. (default: empty)
        options (TargetOptions, optional): Selection of the targets. (default: inferred)
        use_split (bool, optional): Reads the masks. (default: ``True``)
        features (FeatureOptions, optional): Options of the features. (default: those of the file)

    Raises:
        InputError: If an array is missing, damaged or has a wrong shape or type, edges are not sorted by target or have
            node ids out of range, a class is missing, or the split is invalid.
    """
    arrays: dict[str, np.ndarray] = {}
    where = f"'{folder}'"
    for path in sorted(folder.iterdir()):
        if path.suffix in SUFFIXES and path.stem not in ignored and not path.name.startswith("."):
            if path.stem not in (*KEYS, *options.names):
                error = unknown_name("array", shown(path.stem), KEYS)
                raise InputError(f"{where}: {error} (or leave it out: {ignore_option([path.stem], ignored)})")
            if path.stem in arrays:
                raise InputError(f"{where} holds `{path.stem}` twice, as .npy and as .safetensors; remove one")
            arrays[path.stem] = open_array(path)
    value = target_array(arrays, options, where)
    for name in (*NEEDED, *(["y"] if value is None and options.required else [])):
        if name not in arrays:
            raise InputError(f"{where} has no {name}.npy (found: {', '.join(arrays) or 'nothing'}); add it")
    class_names = tuple(as_words(arrays["class_names"], "class_names", where)) if "class_names" in arrays else ()
    if value is None:
        targets = missing(options, len(arrays["x"]))
    else:
        targets = targets_of_array(value, options, "node", where, class_names)
    y, num_nodes = targets.y, targets.y.size(0)
    x, edges = arrays["x"], arrays["edge_index"]
    if x.dtype != np.float32 or x.ndim != 2 or x.shape[0] != num_nodes:
        what = f"got {x.dtype} of shape {list(x.shape)}"
        raise InputError(f"{where}: `x` must be float32 [{num_nodes}, F], since it is memory-mapped ({what})")
    _check_edges(edges, num_nodes, where)
    encoder = _encoder(x.shape[1], features, where)
    data = Data(x=as_tensor(x), y=y, edge_index=sorted_edge_index(as_tensor(edges), num_nodes), num_nodes=num_nodes)
    if "edge_weight" in arrays:
        weight = arrays["edge_weight"]
        if weight.dtype != np.float32 or weight.shape != (edges.shape[1],):
            what = f"got {weight.dtype} of shape {list(weight.shape)}"
            raise InputError(f"{where}: `edge_weight` must be float32 [{edges.shape[1]}] ({what})")
        data.edge_weight = as_tensor(weight)
    masks = masks_from(arrays, num_nodes, where) if use_split else None
    splits = () if masks is None else splits_from_masks(*masks)
    check_splits(splits, num_nodes, where=where, item="node", own=True)
    check_labeled(splits, y, where, "node")
    return GraphDataset(
        name=folder.name,
        task=targets.task,
        graphs=(data,),
        splits=splits,
        num_features=x.shape[1],
        num_outputs=len(targets.names),
        metric=targets.metric,
        class_names=targets.names,
        citation=f"read from {folder.resolve()}",
        mapped=True,
        notes=targets.notes,
        encoder=encoder,
    )


def _encoder(width: int, options: FeatureOptions, where: str) -> FeatureEncoder:
    """Returns the encoder of memory-mapped features.

    Raises:
        InputError: If missing values are to be filled, or features to be replaced, or new data have another width.
    """
    if options.structural or options.impute != "none":
        given = "data.features=structural" if options.structural else "data.impute=mean"
        raise InputError(
            f"{where}: `{given}` is not for memory-mapped features; leave it out, and write x.npy as it is to be used"
        )
    encoder = options.encoder or FeatureEncoder(width)
    encoder.check_width(width, where)
    return encoder


def _check_edges(edges: np.ndarray, num_nodes: int, where: str) -> None:
    """Validates the edges block by block."""
    if edges.dtype != np.int64 or edges.ndim != 2 or edges.shape[0] != 2:
        what = f"got {edges.dtype} of shape {list(edges.shape)}"
        raise InputError(f"{where}: `edge_index` must be int64 [2, E], sources and targets ({what})")
    last = 0
    for source, target in zip(rows_at_a_time(edges[0]), rows_at_a_time(edges[1]), strict=True):
        low, high = min(source.min(), target.min()), max(source.max(), target.max())
        if low < 0 or high >= num_nodes:
            what = f"got ids from {low} to {high}"
            raise InputError(f"{where}: `edge_index` must hold node ids from 0 to {num_nodes - 1} ({what})")
        if target[0] < last or bool((target[1:] < target[:-1]).any()):
            raise InputError(
                f"{where}: the edges must be sorted by target, the second row of `edge_index`; "
                "graphkit.data.write_folder sorts them"
            )
        last = target[-1]
