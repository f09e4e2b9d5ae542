"""Loading of new graphs in the form of the training data of a model."""

import csv
import os
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from graphkit.data.data_settings import DataSettings
from graphkit.data.dataset import GraphDataset, Rejected
from graphkit.data.edges import is_symmetric
from graphkit.data.loading import apply_transform, load_object
from graphkit.data.sources import is_path, resolve_root
from graphkit.errors import InputError
from graphkit.files import link_or_copy
from graphkit.registry import get_dataset

#: Attributes whose width must be that of the training data.
_WIDTHS = {"pos": "coordinates", "edge_attr": "edge features"}


def load_like(data: Any, dataset: GraphDataset, settings: DataSettings) -> GraphDataset:
    """Loads new graphs as training data: same options, transforms and classes.

    Targets are optional, and there is no split. Nodes that a transform removes are ``rejected``. Unless the option
    ``directed`` is set, reverse edges are added to a graph if the training data have all of them.

    Args:
        data (str, Path or object): Path of a file or folder, list of paths of graph files, name of a data set, or
            graphs in memory, see :func:`graphkit.load`.
        dataset (GraphDataset): Training data.
        settings (DataSettings): Settings of the training data.

    Raises:
        InputError: If the content is invalid, or its features, categories, classes or items differ from those of the
            training data.
        FileNotFoundError: If the path does not exist.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> from graphkit.data import load
        >>> new = Data(x=torch.eye(3, 34), edge_index=torch.tensor([[0, 1], [1, 2]]))
        >>> load_like(new, load("karate"), DataSettings(name="karate")).num_features
        34
    """
    from graphkit.transforms import build

    # The options of the reader of the training data; none for a named data set.
    options = settings.given(*(field.name for field in fields(DataSettings))) if settings.is_path else {}
    if isinstance(data, list | tuple) and data and all(map(_is_file, data)):
        new = _read_several([Path(path).expanduser() for path in data], dataset, options)
    elif not isinstance(data, str | os.PathLike):
        new = load_object(data, lambda path: _read(path, dataset, options))
    elif is_path(data):
        new = _read(Path(data).expanduser(), dataset, options)
    else:
        new = get_dataset(str(data))(resolve_root(settings.root), {})
    _check_items(new, dataset)
    if dataset.num_categories is not None and new.num_categories is None:
        new = _as_categories(new, dataset.num_categories)
    new = _with_removed(new, apply_transform(new.replace(splits=()), build(settings.transforms)))
    _check_widths(new, dataset)
    return new


def _is_file(item: Any) -> bool:
    """Returns whether an item of a list is a path, and no SMILES string."""
    from graphkit.data.user.graph_folder import SUFFIXES

    return isinstance(item, Path) or (isinstance(item, str) and item.lower().endswith(SUFFIXES))


def _read(path: Path, dataset: GraphDataset, options: dict[str, Any]) -> GraphDataset:
    """Reads a file or folder like the training data."""
    from graphkit.data.user import load_own, own_options
    from graphkit.data.user.array_folder import holds_arrays

    is_open = "directed" in own_options(path) and options.get("directed") is None and not holds_arrays(path)
    if is_open and not dataset.mapped:  # whose edges may exceed the memory
        options = {**options, "directed": not is_symmetric(dataset.union())}
    return load_own(path, options, use_split=False, like=dataset)


def _read_several(paths: Sequence[Path], dataset: GraphDataset, options: dict[str, Any]) -> GraphDataset:
    """Reads graph files, and their ``labels.csv`` if it is given, as one folder.

    Raises:
        FileNotFoundError: If a file does not exist.
        InputError: If a file has another format, or two have the same name.
    """
    from graphkit.data.user.graph_folder import is_graph
    from graphkit.data.user.unread import unread

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows keeps memory-mapped files
        for path in paths:
            link = Path(folder, path.name)
            if not path.exists():
                raise FileNotFoundError(f"there is no file or folder '{path}'; check the path")
            if not is_graph(path) and path.name != "labels.csv":
                raise unread(path)
            if os.path.lexists(link):
                raise InputError(f"expected graph files of different names, got '{path.name}' twice; rename one")
            link_or_copy(path, link)
        table, names = Path(folder, "labels.csv"), [path.name for path in paths]
        if not table.exists() and all(name.isprintable() and name == name.strip() for name in names):
            with table.open("w", encoding="utf-8", newline="") as file:  # keeps the order
                csv.writer(file).writerows([["file"], *([name] for name in names)])
        try:
            new = _read(Path(folder), dataset, options)
        except InputError as error:
            raise type(error)(str(error).replace(f"{folder}{os.sep}", "")) from None
        notes = tuple(note.replace(f"{folder}{os.sep}", "").replace(folder, "new graphs") for note in new.notes)
        return new.replace(name="new graphs", notes=notes)


def _check_items(new: GraphDataset, dataset: GraphDataset) -> None:
    """Raises an error for data of another task, or with other classes.

    Raises:
        InputError: If the task or the outputs differ.
    """
    if new.task != dataset.task:
        raise InputError(
            f"{new.name}: expected data for {dataset.task}, as the training data, got {new.task}; give others"
        )
    names, expected = (data.class_names or tuple(map(str, range(data.num_outputs))) for data in (new, dataset))
    if names != expected:
        raise InputError(
            f"{new.name}: expected the outputs of the training data ({', '.join(expected):.100}), got "
            f"{', '.join(names):.100}; give other data"
        )


def _check_widths(new: GraphDataset, dataset: GraphDataset) -> None:
    """Raises an error for features of another kind or width.

    Raises:
        InputError: If features are categories in one of the data sets only, or a width differs.
    """
    if new.num_categories != dataset.num_categories:
        expected, got = (
            "numbers" if data.num_categories is None else f"categories below {data.num_categories}"
            for data in (dataset, new)
        )
        raise InputError(f"{new.name}: expected {expected} as features, as in training, got {got}; give the same kind")
    if new.num_features != dataset.num_features:
        raise InputError(
            f"{new.name}: expected {dataset.num_features} features, as in the training data, got {new.num_features}; "
            "give the same features in the same order"
        )
    widths = [{name: value.shape[1:].numel() for name, value in data.tensors().items()} for data in (new, dataset)]
    for name, words in _WIDTHS.items():
        width, wanted = (of.get(name) for of in widths)
        if width is not None and wanted is not None and width != wanted:
            raise InputError(
                f"{new.name}: expected {wanted} {words}, as in the training data, got {width}; give the same `{name}`"
            )


def _as_categories(data: GraphDataset, num_categories: int) -> GraphDataset:
    """Returns the graphs with a single integer feature as categories.

    Raises:
        InputError: If there are several features, or a value is no category.
    """
    union = data.union()
    x = union.x
    if x.dim() != 2 or x.size(1) != 1 or not bool(((x >= 0) & (x < num_categories) & (x == x.round())).all()):
        got = f"{x.size(1)} features" if x.dim() == 2 and x.size(1) != 1 else f"values from {x.min():g} to {x.max():g}"
        raise InputError(
            f"{data.name}: expected one feature with categories from 0 to {num_categories - 1}, as in the training "
            f"data, got {got}; number the categories as there"
        )
    union.x = x.view(-1).long()
    return data.with_union(union).replace(num_categories=num_categories, num_features=1)


def _with_removed(before: GraphDataset, after: GraphDataset) -> GraphDataset:
    """Returns the transformed data, with removed nodes as ``rejected``."""
    if not after.is_single_graph or after.graphs[0].num_nodes == before.graphs[0].num_nodes:
        return after
    kept, names = set(after.node_names), before.node_names or tuple(map(str, range(before.graphs[0].num_nodes or 0)))
    reason = "removed by the transforms of the training data"
    removed = [Rejected(name, "", reason, row, 0) for row, name in enumerate(names) if name not in kept]
    return after.replace(rejected=(*after.rejected, *removed))
