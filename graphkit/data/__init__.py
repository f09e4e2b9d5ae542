"""Named data sets, splits, and data from a user's files."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphkit.data.clips import ClipCollection
    from graphkit.data.collection import GraphCollection
    from graphkit.data.dataset import GraphDataset, Split
    from graphkit.data.folder_form import write_folder
    from graphkit.data.loading import load, option_settings, options
    from graphkit.data.skeleton_dataset import SkeletonDataset
    from graphkit.data.sources import DatasetRow, is_path, list_datasets

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

#: Module of each export.
_MODULES = {
    "ClipCollection": "clips",
    "DatasetRow": "sources",
    "GraphCollection": "collection",
    "GraphDataset": "dataset",
    "SkeletonDataset": "skeleton_dataset",
    "Split": "dataset",
    "is_path": "sources",
    "list_datasets": "sources",
    "load": "loading",
    "option_settings": "loading",
    "options": "loading",
    "write_folder": "folder_form",
}


def __getattr__(name: str) -> Any:
    """Imports an export on first access, so that listings do not import PyTorch."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    export = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    return globals().setdefault(name, export)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
