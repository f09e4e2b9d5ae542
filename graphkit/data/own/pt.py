"""A PyG graph, a dictionary of tensors, or a list of graphs in a ``.pt`` file, read without running anything in it."""

import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch_geometric import EdgeIndex
from torch_geometric.data import Data, HeteroData
from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
from torch_geometric.data.storage import BaseStorage, EdgeStorage, GlobalStorage, NodeStorage
from torch_geometric.edge_index import CatMetadata, SortOrder

from graphkit.data.dataset import GraphDataset
from graphkit.data.own.arrays import fields_from_arrays
from graphkit.data.own.fields import Fields
from graphkit.data.own.graphs import dataset_of_graphs
from graphkit.errors import InputError
from graphkit.files import check_zip

STORAGES = [BaseStorage, EdgeStorage, GlobalStorage, NodeStorage]
SAFE = [Data, DataEdgeAttr, DataTensorAttr, HeteroData, *STORAGES, EdgeIndex, CatMetadata, SortOrder]


def read_pt(path: Path, use_split: bool = True) -> Fields | GraphDataset:
    """Reads a file that ``torch.save`` wrote; anything in it but tensors and PyG graphs is refused.

    Raises:
        ValueError: If the file is damaged, holds something else, or the content is wrong.
    """
    where = f"'{path}'"
    content = load_safely(path)
    if isinstance(content, list | tuple) and content and all(isinstance(item, Data) for item in content):
        if len(content) > 1:
            return dataset_of_graphs(path, list(content), use_split)
        content = content[0]
    if isinstance(content, Data):
        content = content.to_dict()
    if isinstance(content, HeteroData):
        raise InputError(
            f"{where} has several types of nodes or edges (HeteroData), which no model here takes; "
            "save `data.to_homogeneous()`"
        )
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise InputError(
            f"{where} must hold a torch_geometric Data, a list of them, or a dictionary of tensors "
            f"(got {type(content).__name__})"
        )
    return fields_from_arrays(content, where, frozenset(), strict=False)


def load_safely(path: Path) -> Any:
    """Loads a ``.pt`` file with ``weights_only=True`` and PyG's data classes allowed through.

    Raises:
        ValueError: If the file is damaged or holds any other class or function.
    """
    where = f"'{path}'"
    if zipfile.is_zipfile(path):
        check_zip(path)
    # Leaving the context also forgets classes that had been allowed before, and PyG's own loading needs some of them.
    allowed = torch.serialization.get_safe_globals()
    more = [cls for cls in SAFE if cls not in allowed]
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(more):
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, AttributeError, TypeError, KeyError, ValueError) as error:
        found = re.search(r"(?:GLOBAL|Unsupported global:|class|function)\s+([\w.]+\.[\w.]+)", str(error))
        if "eights" in str(error) and found:
            raise InputError(
                f"{where} holds '{found.group(1)}', which could run code; it is refused; save only tensors and "
                "torch_geometric Data"
            ) from None
        detail = " ".join(str(error).split())[:120]
        raise InputError(f"{where} cannot be read ({type(error).__name__}: {detail}); write it again") from None
