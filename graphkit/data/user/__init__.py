"""Readers of user data: graph files, tables, arrays, molecules and clips."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import check_options
from graphkit.data.user.array_folder import holds_arrays, read_array_folder
from graphkit.data.user.build_dataset import attributes_of, build_dataset
from graphkit.data.user.clips import clip_options, holds_clips, load_clips
from graphkit.data.user.encoder import FeatureOptions
from graphkit.data.user.graph_folder import holds_graphs, read_fields, read_graph_folder
from graphkit.data.user.graphs import dataset_of_graphs
from graphkit.data.user.molecules import holds_molecules, load_molecules, molecule_options
from graphkit.data.user.pt import SUFFIXES as PT_SUFFIXES
from graphkit.data.user.pt import read_pt
from graphkit.data.user.tables import SUFFIXES
from graphkit.data.user.targets import DEFAULTS, TargetOptions, TaskOption
from graphkit.data.user.unread import REMEDIES, unread
from graphkit.errors import InputError
from graphkit.settings import Setting, signature_settings

__all__ = ["load_own", "own_options"]


def own_options(path: Path | None = None) -> dict[str, Setting]:
    """Returns the options for a user's file or folder, with types and defaults.

    Raises:
        InputError: If the file is in a format that is not read.
    """
    if path is not None and holds_clips(path):
        return clip_options()
    if path is not None and holds_molecules(path):
        return molecule_options()
    if path is not None and path.suffix.lower() in REMEDIES and path.is_file():
        raise unread(path)
    return signature_settings(_read, ("path", "use_split", "like"))


def load_own(
    path: Path, options: Mapping[str, Any], use_split: bool = True, like: GraphDataset | None = None
) -> GraphDataset:
    """Loads a user's file or folder.

    Args:
        path (Path): The file or folder.
        options (dict): Options by name, see :func:`own_options`.
        use_split (bool, optional): Reads the split of the file; otherwise the result has no splits. (default: ``True``)
        like (GraphDataset, optional): Training data, for new data: their task and classes apply, targets are optional,
            and no split is read. (default: ``None``)

    Raises:
        FileNotFoundError: If the path does not exist.
        InputError: If an option or the format is unknown, or the content is invalid.
    """
    if holds_clips(path):
        return load_clips(path, options, use_split)
    if holds_molecules(path):
        return load_molecules(path, options, use_split, like)
    if like is not None and like.holds != "graphs":
        raise InputError(f"'{path}' has graphs, and the training data of {like.name} have {like.holds}; give clips")
    options = check_options(path.name, own_options(path), options)
    dataset = _read(path, use_split and like is None, like, **options)
    return dataset if like is None else dataset.replace(metric=like.metric)


def _read(
    path: Path,
    use_split: bool,
    like: GraphDataset | None = None,
    *,
    directed: bool | None = None,
    task: TaskOption | None = None,
    target: str = "",
    ignore: str = "",
    impute: Literal["none", "mean"] = "none",
    features: Literal["", "structural"] = "",
) -> GraphDataset:
    """Reads a file or folder of graphs.

    Args:
        path (Path): The file or folder.
        use_split (bool): Reads the split of the file.
        like (GraphDataset, optional): Training data, for new data. (default: ``None``)
        directed (bool, optional): Keeps the direction of edges; otherwise reverse edges are added. (default: ``None``,
            as specified in GraphML, else undirected)
        task (str, optional): Name of the task, or ``"classification"`` or ``"regression"``. (default: ``None``,
            inferred from the targets)
        target (str, optional): Columns, arrays or attributes with the targets, separated by commas; empty for
            ``label`` or ``y``. (default: ``""``)
        ignore (str, optional): Columns, arrays or attributes to ignore, separated by commas. (default: ``""``)
        impute (str, optional): ``"mean"`` fills missing features by their mean over the training part of the first
            split; ``"none"`` rejects them. (default: ``"none"``)
        features (str, optional): ``"structural"`` replaces the features of the file by a one and the logarithm of one
            plus the in-degree. (default: ``""``)
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder '{path}'; check the path, or give the name of a data set")
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        path = path.parent
    ignored = frozenset(name.strip() for name in ignore.split(",") if name.strip())
    targets, columns = TargetOptions.read(target, task, like), FeatureOptions.read(features, impute, like)
    if task == "link-prediction":  # the usual targets are no features
        targets, ignored = TargetOptions(unlabeled=True), ignored | {*DEFAULTS}
    if holds_arrays(path):
        if directed is False:
            raise InputError(f"'{path}' has preprocessed edges; write it again with graphkit.data.write_folder")
        return read_array_folder(path, ignored, targets, use_split, columns)
    if path.is_file() and not path.stat().st_size:
        raise InputError(f"'{path}' is empty; write it again")
    if holds_graphs(path):
        return read_graph_folder(path, ignored, targets, use_split, columns, directed)
    if path.suffix.lower() in PT_SUFFIXES and path.is_file():
        content = read_pt(path, ignored, targets, use_split, columns, directed)
        if isinstance(content, GraphDataset):
            return content
    elif targets.level == "graph" and like is not None:
        fields = read_fields(path, ignored, replace(targets, unlabeled=True))
        return dataset_of_graphs(path, [attributes_of(fields, directed)], ignored, targets, use_split, columns)
    else:
        content = read_fields(path, ignored, targets)
    return build_dataset(path, content, directed, use_split, columns)
