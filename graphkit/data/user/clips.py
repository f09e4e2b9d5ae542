"""Reader of folders of skeleton clips with ``labels.csv``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphkit.data.checks import check_labeled, check_splits
from graphkit.data.dataset import Split
from graphkit.data.dataset_info import check_options
from graphkit.data.labels import classes_of_words
from graphkit.data.recordings import prepared_clips
from graphkit.data.skeleton_dataset import SkeletonDataset
from graphkit.data.splits import splits_from_masks
from graphkit.data.user.fields import masks_from_words
from graphkit.data.user.graph_folder import holds_graphs
from graphkit.errors import InputError
from graphkit.files import PARSER_ERRORS
from graphkit.registry import get_layout
from graphkit.settings import Setting, signature_settings
from graphkit.skeleton import SkeletonLayout, gather_clips
from graphkit.skeleton.readers.folder import TABLE, read_folder, read_table

LAYOUT = "skeleton.json"


def holds_clips(path: Path) -> bool:
    """Returns whether a folder is a folder of clips."""
    return (path / TABLE).is_file() and not holds_graphs(path)


def clip_options() -> dict[str, Setting]:
    """Returns the options for a folder of clips, with types and defaults."""
    return signature_settings(_read, ("path", "use_split"))


def load_clips(path: Path, options: Mapping[str, Any], use_split: bool = True) -> SkeletonDataset:
    """Loads a folder of clips.

    Args:
        path (Path): The folder.
        options (dict): Options by name, see :func:`clip_options`.
        use_split (bool, optional): Reads the split of the table; otherwise the result has no splits. (default:
            ``True``)

    Raises:
        FileNotFoundError: If a file is missing.
        InputError: If an option or the content of a file is invalid.
    """
    options = check_options(path.name, clip_options(), options)
    return _read(path, use_split, **options)


def _read(
    path: Path,
    use_split: bool,
    *,
    layout: str = "",
    coordinates: int = 3,
    stream: str = "joint",
    frames: int = 0,
    center: str = "first",
    align: bool = False,
    box: bool = False,
) -> SkeletonDataset:
    """Reads a folder of clips.

    Args:
        path: The folder.
        use_split: Whether the split in the table counts.
        layout: Joint layout, such as ``"coco-17"``; empty for ``skeleton.json`` in the folder.
        coordinates: Coordinates of a joint in ``.csv`` files.
        stream: ``"joint"``, ``"bone"``, ``"joint-motion"`` or ``"bone-motion"``.
        frames: Number of frames that each clip is interpolated to; 0 leaves each as long as it is.
        center: ``"first"`` moves the center joint of the first frame to the origin, ``"each"`` that of each frame,
            ``"none"`` nothing.
        align: Whether each clip is turned so that the body of its first frame stands upright and looks one way.
        box: Whether each clip is stretched so that each coordinate runs from -1 to 1.
    """
    rows, where = read_table(path), f"'{path / TABLE}'"
    skeleton = _layout(path, layout)
    y, names = classes_of_words([row["label"] for row in rows], lambda row: f"{where}: the label of clip {row}")
    if len(names) < 2:
        got = f"'{names[0]}' only" if names else "none"
        raise InputError(f"{where}: there must be at least two labels (got {got}); add clips of another label")
    store = gather_clips(read_folder(path, rows, skeleton, coordinates))
    splits: tuple[Split, ...] = ()
    if use_split and "split" in rows[0]:
        splits = splits_from_masks(*masks_from_words([row["split"] for row in rows], where, "clip"))
        check_splits(splits, len(rows), where=where, item="clip", own=True)
        check_labeled(splits, y, where, "clip", [row["file"] for row in rows])
    store.labels.copy_(y)
    return SkeletonDataset(
        name=path.name,
        task="skeleton-classification",
        graphs=prepared_clips(store, skeleton, stream, frames, center, align, coordinates, box),
        splits=splits,
        num_features=store.x.size(-1),
        num_outputs=len(names),
        metric="accuracy",
        class_names=names,
        citation=f"read from {path.resolve()}",
        layout=skeleton,
        num_persons=store.x.size(1),
    )


def _layout(path: Path, name: str) -> SkeletonLayout:
    """Returns the layout by name, or that of ``skeleton.json``."""
    if name:
        return get_layout(name)
    file = path / LAYOUT
    if not file.is_file():
        raise InputError(
            f"the joints of the clips in '{path}' are not known; name a layout with --set data.layout=coco-17, or "
            f'write {LAYOUT} with {{"edges": [[child, parent], ...]}}'
        )
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return SkeletonLayout.from_edges(name=path.name, **content)
    except PARSER_ERRORS as error:
        line = " ".join(str(error).split())
        wanted = "the arguments of SkeletonLayout.from_edges, such as edges"
        raise InputError(f"'{file}' must hold {wanted} ({line})") from None
