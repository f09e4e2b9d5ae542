"""Collections of graphs that are read from raw files and kept as tensors, in one piece or in three parts."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import Data

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import Split
from graphkit.data.dataset_info import Request
from graphkit.data.raw_files import read_cached

PARTS = ("train", "val", "test")


def read_graphs(request: Request, reader: Callable[[Path], GraphCollection], key: str = "data") -> GraphCollection:
    """Reads a collection from the raw files, or from the cache where it has been read before.

    Args:
        request: The data set that is asked for.
        reader: Takes the folder of the raw files.
        key: Tells the results of different options apart.
    """
    return from_content(read_cached(request, lambda raw: as_content(reader(raw)), key))


def read_parts(
    request: Request, reader: Callable[[Path, str], Iterable[Data]], key: str = "data"
) -> tuple[GraphCollection, Split]:
    """Reads three parts into one collection, and returns which graph belongs to which.

    Args:
        request: The data set that is asked for.
        reader: Takes the folder of the raw files and ``"train"``, ``"val"`` or ``"test"``, and gives the graphs of that
            part.
        key: Tells the results of different options apart.
    """

    def read_all(raw: Path) -> dict[str, Any]:
        parts: Sequence[list[Data]] = [list(reader(raw, subset)) for subset in PARTS]
        sizes = torch.tensor([len(subset) for subset in parts])
        return {"sizes": sizes, **as_content(GraphCollection.from_list([data for subset in parts for data in subset]))}

    content = read_cached(request, read_all, key)
    sizes = content.pop("sizes").tolist()
    return from_content(content), Split(*torch.arange(sum(sizes)).split(sizes))


def as_content(graphs: GraphCollection) -> dict[str, Any]:
    """Returns what a collection is made of: tensors, text and containers."""
    names = ("edge_index", "num_nodes", "num_edges", "node", "edge", "graph")
    return {name: getattr(graphs, name) for name in names}


def from_content(content: dict[str, Any]) -> GraphCollection:
    """Returns the collection that is made of some tensors."""
    return GraphCollection(**content)
