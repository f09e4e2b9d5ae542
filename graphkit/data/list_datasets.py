"""What data sets there are, without loading any."""

import os
from dataclasses import dataclass

from graphkit.data.dataset_info import DatasetEntry, Request
from graphkit.data.loading import resolve_root
from graphkit.data.raw_files import find_raw
from graphkit.registry import dataset_names, get_dataset


@dataclass(frozen=True)
class DatasetRow:
    """One data set.

    Args:
        name: The name to load it by.
        task: What is to be predicted.
        origin: The public address of the raw files, or one line on how the data come about.
        available: Whether it can be loaded from the root, or from earlier downloads, without a network.
    """

    name: str
    task: str
    origin: str
    available: bool


def list_datasets(root: str | os.PathLike[str] | None = None) -> list[DatasetRow]:
    """Lists all named data sets in alphabetical order and says which can be loaded without a network.

    Args:
        root: Folder with raw files; by default ``GRAPHKIT_DATA``.

    Raises:
        FileNotFoundError: If the root is not a folder.
    """
    folder = resolve_root(root)
    rows = []
    for name in dataset_names():
        entry: DatasetEntry = get_dataset(name)
        available = entry.source.optional or find_raw(Request(name, entry.source, folder)) is not None
        rows.append(DatasetRow(name, entry.task, entry.source.address, available))
    return rows
