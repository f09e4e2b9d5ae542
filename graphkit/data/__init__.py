"""Data sets by name, splits, and a user's own files."""

from graphkit.data.clips import ClipCollection
from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.folder_form import write_folder
from graphkit.data.list_datasets import DatasetRow, list_datasets
from graphkit.data.loading import is_path, load, option_settings, options
from graphkit.data.skeleton_dataset import SkeletonDataset

__all__ = [
    "DatasetRow",
    "ClipCollection",
    "GraphCollection",
    "GraphDataset",
    "SkeletonDataset",
    "Split",
    "list_datasets",
    "is_path",
    "load",
    "option_settings",
    "options",
    "write_folder",
]
