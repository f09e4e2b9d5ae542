"""Conversion of graphs in memory to files for the readers of this package."""

import sys
from collections.abc import Iterator, Sequence, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torch_geometric.data import Data, HeteroData, TemporalData

from graphkit.data.user.arrays import KEYS
from graphkit.data.user.build_dataset import attributes_of
from graphkit.data.user.graphml import fields_of_networkx
from graphkit.data.user.targets import TargetOptions
from graphkit.errors import InputError, InputTypeError
from graphkit.files import write_csv

if TYPE_CHECKING:
    import networkx

ACCEPTED = (
    "a torch_geometric Data, a list or Dataset of them, a networkx graph or a list of them, a tuple of arrays "
    "(x, edge_index, y) or (x, edge_index), a tuple of pandas frames (nodes, edges), or a pandas frame or "
    "list of molecules (SMILES)"
)

#: Ways to convert objects of other packages.
_REMEDIES = {
    "igraph": "; give graph.to_networkx()",
    "pandas": "; give series.tolist()",
    "dgl": "; give dgl.to_networkx(graph, node_attrs=[...])",
    "scipy": "; give (x, torch_geometric.utils.from_scipy_sparse_matrix(adjacency)[0], y)",
}


def save_object(data: Any, folder: Path, name: str = "data") -> Path:
    """Writes graphs in memory to a folder, in a form that :func:`graphkit.load` reads.

    Args:
        data (Data or Dataset or list or tuple or networkx.Graph): The graph or graphs. In a networkx graph, node
            attributes are features (a list is several), ``label`` or ``y`` is the target, and ``weight`` and
            ``edge_attr`` of an edge are its weight and attributes; in a list of them, ``label`` or ``y`` of
            ``graph.graph``, or of the nodes, is the target. In arrays, ``y`` may be ``None`` for new data. Frames
            have the columns of ``nodes.csv`` and ``edges.csv``; without a column ``id``, the index contains the node
            ids. A single frame is a table of molecules, whose index contains the ids unless it numbers the rows. A list
            of strings contains SMILES strings.
        folder (Path): Existing folder.
        name (str, optional): Name of the argument, for error messages. (default: ``"data"``)

    Returns:
        The path of the file, or of a folder of tables for frames.

    Raises:
        InputError: If the graph has several types of nodes or edges, or cannot be written.
        InputTypeError: If ``data`` has another type.
    """
    if isinstance(data, HeteroData):
        raise InputError(
            f"`{name}` must have one type of nodes and edges (got HeteroData); give `{name}.to_homogeneous()`"
        )
    if isinstance(data, TemporalData):
        raise InputError(
            f"`{name}` must be graphs (got TemporalData, a list of events); give a list of Data, one for each "
            "interval, with its number in `time`"
        )
    if isinstance(data, Data):
        return _save(dict(data.to_dict()), folder, name)
    if _is_networkx(data):
        return _save_networkx(data, folder, name)
    if _is_frame(data):
        return _save_molecules(data, folder)
    if isinstance(data, tuple) and len(data) == 2 and all(map(_is_frame, data)):
        return _save_frames(*data, folder)
    if isinstance(data, tuple) and _are_arrays(data):
        return _save(dict(zip(("x", "edge_index", "y"), data, strict=False)), folder, name)
    if isinstance(data, Dataset | Sequence) and not isinstance(data, str) and isinstance(data, Sized) and len(data):
        graphs = [data[index] for index in range(len(data))]
        if any(isinstance(graph, HeteroData) for graph in graphs):
            return save_object(next(graph for graph in graphs if isinstance(graph, HeteroData)), folder, name)
        if all(isinstance(graph, str | None) for graph in graphs):
            write_csv(folder / "data.csv", ["id", "smiles"], enumerate(graphs))
            return folder / "data.csv"
        if all(map(_is_networkx, graphs)):
            places = [f"`{name}`, graph {number}" for number in range(len(graphs))]
            items = [_of_networkx(graph, place) for graph, place in zip(graphs, places, strict=True)]
            return _save(items, folder, name)
        if all(isinstance(graph, Data) for graph in graphs):
            return _save([dict(graph.to_dict()) for graph in graphs], folder, name)
    remedy = _REMEDIES.get(type(data).__module__.partition(".")[0], "")
    got = type(data).__name__
    if isinstance(data, list | tuple):
        got += " of " + ", ".join(sorted({type(item).__name__ for item in data})) if data else " without items"
    raise InputTypeError(f"`{name}` must be the name or path of a data set, or {ACCEPTED} (got {got}){remedy}")


@contextmanager
def naming(path: Path, folder: str, name: str) -> Iterator[None]:
    """Context in which error messages name an argument instead of its temporary file.

    Args:
        path (Path): Path that :func:`save_object` returned.
        folder (str): Folder that it wrote to.
        name (str): Name of the argument.
    """
    try:
        yield
    except InputError as error:
        raise type(error)(without_path(str(error), path, folder, name)) from None


def without_path(text: str, path: Path, folder: str, name: str) -> str:
    """Returns a text with the name of an argument instead of its temporary file."""
    return text.replace(f"'{path}'", f"`{name}`").replace(f"{path}", name).replace(folder, name)


def _save(content: Any, folder: Path, name: str) -> Path:
    """Writes attributes of one graph, or of several, as a ``.pt`` file."""
    path = folder / "data.pt"
    if isinstance(content, list):
        torch.save([Data(**_attributes(graph, name)) for graph in content], path)
    else:
        torch.save(_attributes(content, name), path)
    return path


def _attributes(graph: dict[str, Any], name: str) -> dict[str, Any]:
    """Returns the attributes of a graph, with type names for Python objects.

    Raises:
        InputError: If an array of the graph is an object of another type.
    """
    attributes = {key: _tensor(value) for key, value in graph.items()}
    for key, value in attributes.items():
        if not _is_plain(value):
            kind = f"array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
            if key in KEYS:
                raise InputError(f"`{name}`: `{key}` must be a tensor, an array or a list (got {kind}); convert it")
            attributes[key] = kind
    return attributes


def _is_plain(value: Any) -> bool:
    """Returns whether a value consists of tensors, numbers and text."""
    if type(value) in (list, tuple, torch.Size):
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(_is_plain(item) for pair in value.items() for item in pair)
    return value is None or isinstance(value, Tensor) or type(value) in (bool, int, float, str)


def _tensor(value: Any) -> Any:
    """Copies numbers to a tensor, and other arrays to lists of Python values.

    A gap in a list of words is an empty word. Other values are returned unchanged.
    """
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.dtype.kind in "OUS"):
        value = value.tolist()
    if isinstance(value, list):
        value = [item.item() if isinstance(item, np.generic) else item for item in value]
        has_words = any(isinstance(item, str) for item in value)
        return ["" if item is None else item for item in value] if has_words else value
    if isinstance(value, np.ndarray) and value.dtype.kind in "iufbc":
        return torch.from_numpy(np.array(value))
    return value.detach().clone() if isinstance(value, Tensor) else value


def _are_arrays(data: tuple[Any, ...]) -> bool:
    """Returns whether a tuple is ``(x, edge_index, y)``, with or without ``y``."""
    if len(data) not in (2, 3) or not all(isinstance(array, Tensor | np.ndarray) for array in data[:2]):
        return False
    return len(data) == 2 or isinstance(data[2], Tensor | np.ndarray | list | None)


def _is_frame(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "to_csv") and hasattr(data, "columns")


def _save_frames(nodes: Any, edges: Any, folder: Path) -> Path:
    """Writes frames of nodes and edges as tables."""
    folder = folder / "data"
    folder.mkdir()
    has_id = "id" in nodes.columns
    nodes.to_csv(folder / "nodes.csv", index=not has_id, index_label=None if has_id else "id")
    edges.to_csv(folder / "edges.csv", index=False)
    return folder


def _save_molecules(table: Any, folder: Path) -> Path:
    """Writes a frame of molecules as a table."""
    path = folder / "data.csv"
    numbered = "id" in table.columns or list(table.index) == list(range(len(table)))
    table.to_csv(path, index=not numbered, index_label=None if numbered else table.index.name or "id")
    return path


def _is_networkx(data: Any) -> bool:
    """Returns whether data are a networkx graph, without importing networkx."""
    return "networkx" in sys.modules and isinstance(data, sys.modules["networkx"].Graph)


def _save_networkx(graph: "networkx.Graph", folder: Path, name: str) -> Path:
    """Writes a networkx graph as GraphML; lists of numbers become several attributes."""
    import networkx

    path, plain = folder / "data.graphml", _plain(graph, f"`{name}`")
    try:
        networkx.write_graphml(plain, path)
    except (networkx.NetworkXError, TypeError, ValueError) as error:
        raise InputError(f"the attributes of `{name}` must be numbers or text ({error}); convert them") from None
    return path


def _plain(graph: "networkx.Graph", where: str) -> "networkx.Graph":
    """Returns a networkx graph with text as ids and flat attributes.

    Raises:
        InputError: If two nodes have the same id as text.
    """
    import networkx

    kinds = {
        (False, False): networkx.Graph,
        (True, False): networkx.DiGraph,
        (False, True): networkx.MultiGraph,
        (True, True): networkx.MultiDiGraph,
    }
    plain = kinds[graph.is_directed(), graph.is_multigraph()]()
    for node, attributes in graph.nodes(data=True):
        if str(node) in plain:
            raise InputError(f"{where}: two nodes have the id '{node}', as a number and as text; rename one")
        plain.add_node(str(node), **_flat(attributes))
    for source, target, attributes in graph.edges(data=True):
        plain.add_edge(str(source), str(target), **_flat(attributes))
    return plain


def _flat(attributes: dict[Any, Any]) -> dict[str, Any]:
    """Returns attributes with lists and arrays split into Python numbers."""
    flat: dict[str, Any] = {}
    for name, value in attributes.items():
        value = value.tolist() if isinstance(value, Tensor | np.ndarray | np.generic) else value
        if isinstance(value, list | tuple):
            width = len(str(len(value) - 1))
            flat |= {f"{name}_{index:0{width}d}": item for index, item in enumerate(value)}
        elif value is not None:
            flat[str(name)] = value
    return flat


def _of_networkx(graph: "networkx.Graph", where: str) -> dict[str, Any]:
    """Returns the attributes of one of several networkx graphs.

    A list of numbers of the graph becomes a row.

    Raises:
        InputError: If it has no node, or an edge weight is invalid.
    """
    fields = fields_of_networkx(_plain(graph, where), where, frozenset(), TargetOptions(unlabeled=True))
    own: dict[str, Any] = {}
    for name, value in graph.graph.items():
        value = torch.tensor(value) if isinstance(value, list | tuple) and _are_numbers(value) else value
        value = _tensor(value.item() if isinstance(value, np.generic) else value)
        own[str(name)] = value.view(1, -1) if isinstance(value, Tensor) and value.dim() == 1 else value
    return {**attributes_of(fields, None), **own}


def _are_numbers(values: Sequence[Any]) -> bool:
    """Returns whether a list contains numbers only."""
    return len(values) > 0 and all(isinstance(value, bool | int | float) for value in values)
