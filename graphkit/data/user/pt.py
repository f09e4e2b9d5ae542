"""Safe reader of PyG graphs, lists of graphs or tensors in ``.pt`` files."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data, HeteroData
from torch_geometric.data.data import DataEdgeAttr, DataTensorAttr
from torch_geometric.data.storage import BaseStorage, EdgeStorage, GlobalStorage, NodeStorage
from torch_geometric.edge_index import CatMetadata, SortOrder

from graphkit.data.dataset import GraphDataset
from graphkit.data.user.arrays import ENTRY_SIZE, KEYS, fields_from_arrays
from graphkit.data.user.encoder import FeatureOptions
from graphkit.data.user.fields import Fields
from graphkit.data.user.graphs import ATTRIBUTES, dataset_of_graphs
from graphkit.data.user.targets import TargetOptions
from graphkit.errors import InputError
from graphkit.files import check_content_size, check_zip, is_zip, parsing

SUFFIXES = (".pt", ".pth")
STORAGES = [BaseStorage, EdgeStorage, GlobalStorage, NodeStorage]
SAFE = [Data, DataEdgeAttr, DataTensorAttr, HeteroData, *STORAGES, EdgeIndex, CatMetadata, SortOrder]


def read_pt(
    path: Path,
    ignored: frozenset[str],
    options: TargetOptions,
    use_split: bool,
    features: FeatureOptions,
    directed: bool | None,
) -> Fields | GraphDataset:
    """Reads a ``torch.save`` file with tensors or PyG graphs; all else is rejected.

    Args:
        path (Path): The file.
        ignored (set[str]): Attributes to ignore.
        options (TargetOptions): Selection of the targets.
        use_split (bool): Reads the split of the file, for a list of graphs.
        features (FeatureOptions): Options of the features, for a list of graphs.
        directed (bool, optional): ``False`` adds reverse edges to a list of graphs.

    Raises:
        InputError: If the file is damaged, contains something else, or its content is invalid.
    """
    items, several = read_items(path)
    of_graphs = len(items) > 1 or options.level == "graph" or ATTRIBUTES in items[0]
    if of_graphs or (several and _has_one_target(items[0], options)):
        return dataset_of_graphs(path, items, ignored, options, use_split, features, directed)
    return fields_from_arrays(items[0], f"'{path}'", ignored, options, strict=False)


def _has_one_target(graph: Mapping[str, Any], options: TargetOptions) -> bool:
    """Returns whether a graph with several nodes has a target of its own."""
    x, y = graph.get("x"), next((graph[name] for name in options.names or ("y", "label") if name in graph), None)
    return (
        isinstance(x, Tensor) and x.dim() > 0 and x.size(0) > 1 and isinstance(y, Tensor) and y.shape[:1] in ((), (1,))
    )


def read_items(path: Path) -> tuple[list[dict[str, Any]], bool]:
    """Reads the attributes of the graphs in a ``.pt`` file.

    Returns:
        The attributes of each graph, and whether the file contains a list.

    Raises:
        InputError: If the file is damaged, or contains something else.
    """
    where = f"'{path}'"
    content = load_safely(path)
    several = isinstance(content, list | tuple) and len(content) > 0
    items = list(content) if several else [content]
    if any(isinstance(item, HeteroData) for item in items):
        raise InputError(
            f"{where} has several types of nodes or edges (HeteroData), which is not supported; "
            "save `data.to_homogeneous()`"
        )
    graphs = several and all(isinstance(item, Data) for item in items)
    with parsing(path):
        items = [dict(item.to_dict()) if isinstance(item, Data) else item for item in items]
    if (several and not graphs) or not all(isinstance(item, dict) and all(map(_is_name, item)) for item in items):
        raise InputError(
            f"{where} must hold a torch_geometric Data, a list of them, or a dictionary of tensors "
            f"(got {type(content).__name__})"
        )
    with parsing(path):
        size = sum(_bytes(name, value) for item in items for name, value in item.items() if name in KEYS)
    check_content_size(path, size, "its tensors", "save clones of views, and dense features")
    return items, several


def _is_name(name: object) -> bool:
    return isinstance(name, str)


def _bytes(name: str, value: object) -> int:
    """Returns the size in bytes of a tensor after conversion to dense and contiguous."""
    if not isinstance(value, Tensor):
        return 0
    return value.numel() * max(value.element_size(), ENTRY_SIZE.get(name, 1))


def load_safely(path: Path) -> Any:
    """Loads a ``.pt`` file with ``weights_only=True`` and PyG's data classes.

    Raises:
        InputError: If the file is damaged or contains another class or function.
    """
    if is_zip(path):
        check_zip(path)
    # Restores the allowed classes: the context also removes earlier ones that PyG's loading needs.
    allowed = torch.serialization.get_safe_globals()
    more = [cls for cls in SAFE if cls not in allowed]
    # By default, indices of sparse tensors are not validated.
    with (
        parsing(path),
        torch.serialization.safe_globals(more),
        torch.sparse.check_sparse_tensor_invariants(),
    ):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            match = re.search(r"(?:GLOBAL|Unsupported global:|class|function)\s+([\w.]+\.[\w.]+)", str(error))
            if "eights" in str(error) and match:
                raise InputError(
                    f"'{path}' holds '{match.group(1)}', which could run code; it is refused; save only tensors and "
                    "torch_geometric Data"
                ) from None
            raise
