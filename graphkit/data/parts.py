"""Sets of graphs that are published in three parts: training, validation and test."""

from collections.abc import Callable, Iterable

import torch
from torch_geometric.data import Data

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import Split
from graphkit.data.raw_files import read_raw
from graphkit.data.source import Request


def read_parts(request: Request, loader: Callable[[str, str], Iterable[Data]]) -> tuple[GraphCollection, Split]:
    """Reads the three parts into one collection and says which graph belongs to which.

    Args:
        request: The data set that is asked for.
        loader: Takes the root and ``"train"``, ``"val"`` or ``"test"`` and gives the graphs of that part.
    """

    def reader(root: str) -> list[list[Data]]:
        return [list(loader(root, part)) for part in ("train", "val", "test")]

    parts = read_raw(request, reader)
    sizes = [len(part) for part in parts]
    split = Split(*torch.arange(sum(sizes)).split(sizes))
    return GraphCollection.from_list([data for part in parts for data in part]), split
