"""Cached reading of graph collections with or without published subsets."""

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
    """Reads a collection from the raw files or from the cache.

    Args:
        request (Request): Request for the data set.
        reader (callable): Takes the folder of the raw files and returns the collection.
        key (str, optional): Distinguishes results of different options. (default: ``"data"``)
    """
    return from_content(read_cached(request, lambda raw: as_content(reader(raw)), key))


def read_parts(
    request: Request, reader: Callable[[Path, str], Iterable[Data]], key: str = "data"
) -> tuple[GraphCollection, Split]:
    """Reads training, validation and test graphs into one collection with a split.

    Args:
        request (Request): Request for the data set.
        reader (callable): Takes the folder of the raw files and ``"train"``, ``"val"`` or ``"test"``, and yields
            graphs.
        key (str, optional): Distinguishes results of different options. (default: ``"data"``)
    """

    def read_all(raw: Path) -> dict[str, Any]:
        parts: Sequence[list[Data]] = [list(reader(raw, subset)) for subset in PARTS]
        sizes = torch.tensor([len(subset) for subset in parts])
        return {"sizes": sizes, **as_content(GraphCollection.from_list([data for subset in parts for data in subset]))}

    content = read_cached(request, read_all, key)
    sizes = content.pop("sizes").tolist()
    return from_content(content), Split(*torch.arange(sum(sizes)).split(sizes))


def as_content(graphs: GraphCollection) -> dict[str, Any]:
    """Returns the serializable content of a collection: tensors, text and containers."""
    names = ("edge_index", "num_nodes", "num_edges", "node", "edge", "graph")
    return {name: getattr(graphs, name) for name in names}


def from_content(content: dict[str, Any]) -> GraphCollection:
    """Creates a collection from the output of :func:`as_content`."""
    return GraphCollection(**content)
