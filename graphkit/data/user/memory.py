"""Conversion of graphs in memory to files for the readers of this package."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data, Dataset, HeteroData

from graphkit.errors import InputError, InputTypeError
from graphkit.files import write_csv

#: Names of the attribute that holds the classes or targets.
TARGETS = ("label", "y")
ACCEPTED = (
    "a torch_geometric Data, a list or Dataset of them, a networkx graph or a list of them, a tuple of arrays "
    "(x, edge_index, y), a tuple of pandas frames (nodes, edges), or a pandas frame or list of molecules (SMILES)"
)


def save_object(data: Any, folder: Path, name: str = "data") -> Path:
    """Writes graphs in memory to a folder, in a form that :func:`graphkit.load` reads.

    Args:
        data (Data or Dataset or list or tuple or networkx.Graph): The graph or graphs. In a networkx graph, numeric
            node attributes are features (lists are concatenated), ``label`` or ``y`` is the class, and ``weight`` of an
            edge its weight; in a list of them, ``label`` or ``y`` of ``graph.graph`` is the target of the graph. Frames
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
    if isinstance(data, Data):
        return _save(dict(data.to_dict()), folder)
    if isinstance(data, networkx.Graph):
        return _save_networkx(data, folder, name)
    if _is_frame(data):
        return _save_molecules(data, folder)
    if isinstance(data, tuple) and len(data) == 2 and all(map(_is_frame, data)):
        return _save_frames(*data, folder)
    if isinstance(data, tuple) and len(data) == 3 and all(isinstance(part, Tensor | np.ndarray) for part in data):
        return _save(dict(zip(("x", "edge_index", "y"), data, strict=True)), folder)
    if isinstance(data, Dataset | Sequence) and not isinstance(data, str) and len(data):
        graphs = [data[index] for index in range(len(data))]
        if any(isinstance(graph, HeteroData) for graph in graphs):
            return save_object(next(graph for graph in graphs if isinstance(graph, HeteroData)), folder, name)
        if all(isinstance(graph, str) for graph in graphs):
            write_csv(folder / "data.csv", ["id", "smiles"], enumerate(graphs))
            return folder / "data.csv"
        if all(isinstance(graph, networkx.Graph) for graph in graphs):
            return _save([_of_networkx(graph, f"graph {number}") for number, graph in enumerate(graphs)], folder)
        if all(isinstance(graph, Data) for graph in graphs):
            contents = [dict(graph.to_dict()) for graph in graphs]
            return _save(contents if len(contents) > 1 else contents[0], folder)
    raise InputTypeError(f"`{name}` must be the name or path of a data set, or {ACCEPTED} (got {type(data).__name__})")


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


def _save(content: Any, folder: Path) -> Path:
    """Writes attributes of one graph, or of several, as a ``.pt`` file."""
    path = folder / "data.pt"
    if isinstance(content, list):
        torch.save([Data(**{key: _tensor(value) for key, value in graph.items()}) for graph in content], path)
    else:
        torch.save({key: _tensor(value) for key, value in content.items()}, path)
    return path


def _tensor(value: Any) -> Any:
    """Copies an array to a tensor; other values are returned unchanged."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "iufb":
        return torch.from_numpy(np.array(value))
    return value.detach().clone() if isinstance(value, Tensor) else value


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


def _save_networkx(graph: networkx.Graph, folder: Path, name: str) -> Path:
    """Writes a networkx graph as GraphML; lists of numbers become several attributes."""
    kinds = {
        (False, False): networkx.Graph,
        (True, False): networkx.DiGraph,
        (False, True): networkx.MultiGraph,
        (True, True): networkx.MultiDiGraph,
    }
    plain = kinds[graph.is_directed(), graph.is_multigraph()]()
    for node, attributes in graph.nodes(data=True):
        plain.add_node(node, **_flat(attributes))
    for source, target, attributes in graph.edges(data=True):
        plain.add_edge(source, target, **_flat(attributes))
    if not any("label" in attributes for _, attributes in plain.nodes(data=True)):
        for _, attributes in plain.nodes(data=True):
            if "y" in attributes:
                attributes["label"] = attributes.pop("y")
    path = folder / "data.graphml"
    try:
        networkx.write_graphml(plain, path)
    except (networkx.NetworkXError, TypeError, ValueError) as error:
        raise InputError(f"the attributes of `{name}` must be numbers or text ({error}); convert them") from None
    return path


def _flat(attributes: dict[Any, Any]) -> dict[str, Any]:
    """Returns attributes with lists and arrays split into Python numbers."""
    flat: dict[str, Any] = {}
    for name, value in attributes.items():
        value = value.tolist() if isinstance(value, Tensor | np.ndarray | np.generic) else value
        if isinstance(value, list | tuple):
            flat |= {f"{name}_{index}": item for index, item in enumerate(value)}
        elif value is not None:
            flat[str(name)] = value
    return flat


def _of_networkx(graph: networkx.Graph, where: str) -> dict[str, Any]:
    """Returns the attributes of one of several networkx graphs.

    Raises:
        InputError: If the graph has no target, or its nodes do not have the same numeric attributes.
    """
    target = next((graph.graph[name] for name in TARGETS if name in graph.graph), None)
    if target is None:
        raise InputError(f"{where} must have a target (got none); set `graph.graph['y']`")
    rows = [_flat(attributes) for _, attributes in graph.nodes(data=True)]
    names = sorted(rows[0]) if rows else []
    if any(sorted(row) != names for row in rows) or not names:
        raise InputError(f"the nodes of {where} must have the same numeric attributes (got others); complete them")
    try:
        x = torch.tensor([[float(row[name]) for name in names] for row in rows])
    except (TypeError, ValueError):
        raise InputError(f"the attributes of the nodes of {where} must be numbers (got text); encode them") from None
    number = {node: index for index, node in enumerate(graph.nodes)}
    pairs = [(number[source], number[target]) for source, target in graph.edges()]
    if not graph.is_directed():
        pairs += [(target, source) for source, target in pairs if source != target]
    attributes = {"x": x, "edge_index": torch.tensor(pairs, dtype=torch.long).view(-1, 2).t().contiguous()}
    return {**attributes, "y": target if isinstance(target, str) else torch.as_tensor(target)}
