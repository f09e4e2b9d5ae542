"""Named data sets, splits, and data from a user's files."""

from typing import TYPE_CHECKING

from graphkit.lazy import attach

if TYPE_CHECKING:
    from graphkit.data.clips import ClipCollection
    from graphkit.data.collection import GraphCollection
    from graphkit.data.dataset import GraphDataset, Split
    from graphkit.data.folder_form import write_folder
    from graphkit.data.loading import load, option_settings, options
    from graphkit.data.new_data import load_like
    from graphkit.data.skeleton_dataset import SkeletonDataset
    from graphkit.data.sources import DatasetRow, describe_dataset, is_path, list_datasets

__all__ = [
    "DatasetRow",
    "ClipCollection",
    "GraphCollection",
    "GraphDataset",
    "SkeletonDataset",
    "Split",
    "describe_dataset",
    "list_datasets",
    "is_path",
    "load",
    "load_like",
    "option_settings",
    "options",
    "write_folder",
]

#: Module of each export.
_MODULES = {
    "ClipCollection": "clips",
    "DatasetRow": "sources",
    "GraphCollection": "collection",
    "GraphDataset": "dataset",
    "SkeletonDataset": "skeleton_dataset",
    "Split": "dataset",
    "describe_dataset": "sources",
    "is_path": "sources",
    "list_datasets": "sources",
    "load": "loading",
    "load_like": "new_data",
    "option_settings": "loading",
    "options": "loading",
    "write_folder": "folder_form",
}


__getattr__, __dir__ = attach(__name__, {name: f"{__name__}.{module}" for name, module in _MODULES.items()})
