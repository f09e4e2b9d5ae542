"""Collection of many graphs in concatenated tensors, batched by index arithmetic."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.edges import by_target, plain_edge_index, pointers, sorted_edge_index
from graphkit.data.path_store import PathStore
from graphkit.errors import InputError
from graphkit.nn.attribute_level import EDGE_ATTRIBUTES

#: Attributes that a batch computes.
BOOKKEEPING = ("edge_index", "batch", "ptr", "num_nodes", "num_graphs")
#: Attributes that have one row per edge.
PER_EDGE = ("edge_attr", "edge_weight", "factor_mask")


class GraphCollection(Sequence[Data]):
    """Collection of graphs in concatenated tensors.

    ``collection[i]`` is the i-th graph; :meth:`batch` returns the disjoint union of some graphs with the attributes
    ``batch``, ``ptr`` and ``num_graphs`` of a PyG batch. Edges are sorted by target within each graph, so that every
    batch has a sorted :class:`~torch_geometric.EdgeIndex`.

    Args:
        edge_index (Tensor): ``[2, E]``, node ids start at zero in each graph.
        num_nodes (Tensor): ``[G]`` int64, number of nodes of each graph.
        num_edges (Tensor): ``[G]`` int64, number of edges of each graph, in the order of the graphs.
        node (dict, optional): Attributes with one row per node, such as ``x``.
        edge (dict, optional): Attributes with one row per edge, such as ``edge_attr``.
        graph (dict, optional): Attributes with one row (or list item) per graph, such as ``y``.
        path (dict, optional): Paths such as ``path_index_2``.

    Raises:
        InputError: If a count is negative, a node id does not exist, or an attribute has a wrong number of rows.

    Example:
        >>> import torch
        >>> from torch_geometric.data import Data
        >>> graph = Data(x=torch.ones(2, 3), edge_index=torch.tensor([[0, 1], [1, 0]]))
        >>> batch = GraphCollection.from_list([graph, graph]).batch([0, 1])
        >>> batch.edge_index.tolist(), batch.ptr.tolist()
        ([[1, 0, 3, 2], [0, 1, 2, 3]], [0, 2, 4])
    """

    def __init__(
        self,
        edge_index: Tensor,
        num_nodes: Tensor,
        num_edges: Tensor,
        node: Mapping[str, Tensor] | None = None,
        edge: Mapping[str, Tensor] | None = None,
        graph: Mapping[str, Any] | None = None,
        path: Mapping[str, PathStore] | None = None,
    ) -> None:
        num_nodes, num_edges = _counts(num_nodes, "num_nodes"), _counts(num_edges, "num_edges")
        if num_nodes.numel() != num_edges.numel():
            got = f"got {num_nodes.numel()} and {num_edges.numel()}"
            raise InputError(f"`num_nodes` and `num_edges` must have one entry per graph each ({got})")
        edge_index = _edges(edge_index)
        self.num_nodes, self.num_edges = num_nodes, num_edges
        self.node_ptr, self.edge_ptr = pointers(num_nodes), pointers(num_edges)
        self.node, self.edge, self.graph = dict(node or {}), dict(edge or {}), dict(graph or {})
        self.path = dict(path or {})
        total_nodes, total_edges = int(self.node_ptr[-1]), int(self.edge_ptr[-1])
        for level, attributes, rows in (
            ("node", self.node, total_nodes),
            ("edge", {**self.edge, "edge_index": edge_index.t()}, total_edges),
            ("graph", self.graph, num_nodes.numel()),
            ("graph", {name: store.num_paths for name, store in self.path.items()}, num_nodes.numel()),
        ):
            for name, value in attributes.items():
                if len(value) != rows:
                    raise InputError(f"`{name}` must have one row per {level}, {rows} in all (got {len(value)})")
        self._check_edges(edge_index)
        for name, store in self.path.items():
            store.check(name, num_nodes)
        union = edge_index + torch.repeat_interleave(self.node_ptr[:-1], num_edges)
        if union.size(1) and bool((union[1].diff() < 0).any()):
            order = by_target(union, total_nodes)
            edge_index = edge_index[:, order]
            self.edge = {name: value[order] for name, value in self.edge.items()}
        self.edge_index = edge_index.contiguous()

    @classmethod
    def from_list(cls, graphs: Iterable[Data]) -> "GraphCollection":
        """Creates a collection from PyG graphs with the same attributes.

        An attribute belongs to edges if its name contains ``edge`` or is ``factor_mask``, and to graphs if it is called
        ``y`` and has one row in every graph. Otherwise its number of rows decides.

        Raises:
            InputError: If there is no graph, an attribute is missing in some graphs, or shapes do not match.
        """
        graphs = list(graphs)
        if not graphs:
            raise InputError("a collection needs at least one graph (got none)")
        edges = [_edges(plain_edge_index(data.edge_index), f"graph {i}: ") for i, data in enumerate(graphs)]
        num_nodes = torch.tensor([int(data.num_nodes or 0) for data in graphs])
        num_edges = torch.tensor([edge_index.size(1) for edge_index in edges])
        levels: dict[str, dict[str, Any]] = {"node": {}, "edge": {}, "graph": {}, "path": {}}
        for name in dict.fromkeys(name for data in graphs for name in data.to_dict()):
            if name in BOOKKEEPING:
                continue
            values: list[Any] = [data.get(name) for data in graphs]
            if any(value is None for value in values):
                raise InputError(f"all graphs must have the same attributes (`{name}` is absent from some)")
            level = _level_of(name, values, num_nodes.tolist(), num_edges.tolist())
            if name in PER_EDGE and level != "edge":
                _refuse_rows(name, values, num_edges)
            if level == "path":
                levels[level][name] = PathStore.from_list(values)
            else:
                stack = _stack_graph_level if level == "graph" else _concatenated
                levels[level][name] = stack(name, values)
        return cls(torch.cat(edges, dim=1), num_nodes, num_edges, **levels)

    @classmethod
    def from_union(cls, data: Data, num_graphs: int, like: "GraphCollection | None" = None) -> "GraphCollection":
        """Creates a collection from a disjoint union, as :meth:`union` returns it.

        Args:
            data (Data): Disjoint union with a sorted ``batch`` vector.
            num_graphs (int): Number of graphs, including empty ones.
            like (GraphCollection, optional): Collection that determines the level of ambiguous attributes. (default:
                ``None``)
        """
        batch, edge_index = data.batch, plain_edge_index(data.edge_index)
        num_nodes = torch.bincount(batch, minlength=num_graphs)
        order = by_target(edge_index, batch.numel())
        edge_index, owner = edge_index[:, order], batch[edge_index[1, order]]
        ptr = pointers(num_nodes)
        levels: dict[str, dict[str, Any]] = {"node": {}, "edge": {}, "graph": {}, "path": {}}
        for name, value in data.to_dict().items():
            if name in BOOKKEEPING:
                continue
            level = next((key for key in levels if like is not None and name in getattr(like, key)), None)
            level = level or _level_of(name, [value], [batch.numel()], [edge_index.size(1)])
            if level == "path":
                value = PathStore.from_union(value, batch, ptr)
            levels[level][name] = value[order] if level == "edge" else value
        local = edge_index - ptr[owner]
        return cls(local, num_nodes, torch.bincount(owner, minlength=num_graphs), **levels)

    def _check_edges(self, edge_index: Tensor) -> None:
        """Raises an error for edges with node ids out of range."""
        size = torch.repeat_interleave(self.num_nodes, self.num_edges)
        wrong = ((edge_index < 0) | (edge_index >= size)).any(dim=0)
        if bool(wrong.any()):
            edge = wrong.nonzero()[0]
            graph = int(torch.searchsorted(self.edge_ptr, edge, right=True)) - 1
            source, target = edge_index[:, edge].view(-1).tolist()
            raise InputError(
                f"`edge_index`: edge {int(edge - self.edge_ptr[graph])} of graph {graph} joins {source} and {target}, "
                f"but its {int(self.num_nodes[graph])} nodes are numbered from 0; both rows count the nodes of a graph"
            )

    def __len__(self) -> int:
        return self.num_nodes.numel()

    @overload
    def __getitem__(self, index: int) -> Data: ...

    @overload
    def __getitem__(self, index: slice) -> "GraphCollection": ...

    def __getitem__(self, index: int | slice) -> "Data | GraphCollection":
        if isinstance(index, slice):
            return self.select(torch.arange(len(self))[index])
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} graphs (asked for number {index})")
        data = self.batch(torch.tensor([index % len(self)]))
        for name in ("batch", "ptr", "num_graphs"):
            del data[name]
        return data

    def __iter__(self) -> Iterator[Data]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        names = ", ".join((*self.node, *self.edge, *self.graph, *self.path))
        return f"GraphCollection({len(self)} graphs, {int(self.node_ptr[-1])} nodes, {names})"

    def batch(self, ids: Tensor | Sequence[int]) -> Data:
        """Returns the disjoint union of some graphs in the given order; ids may repeat.

        Args:
            ids (Tensor): ``[B]`` int64, ids of the graphs.

        Returns:
            All attributes, ``edge_index`` sorted by target, ``batch`` ``[N]``, ``ptr`` ``[B + 1]`` and the integer
            ``num_graphs``.
        """
        ids = torch.as_tensor(ids, dtype=torch.long, device=self.num_nodes.device).view(-1)
        num_nodes, num_edges = self.num_nodes[ids], self.num_edges[ids]
        ptr, edge_ptr = pointers(num_nodes), pointers(num_edges)
        total_nodes, total_edges = int(ptr[-1]), int(edge_ptr[-1])
        rows = _rows(self.node_ptr[ids] - ptr[:-1], num_nodes, total_nodes)
        columns = _rows(self.edge_ptr[ids] - edge_ptr[:-1], num_edges, total_edges)
        offset = torch.repeat_interleave(ptr[:-1], num_edges, output_size=total_edges)
        edge_index = self.edge_index.index_select(1, columns).add_(offset)
        data = Data(edge_index=sorted_edge_index(edge_index, total_nodes))
        data.num_nodes = total_nodes
        for name, value in self.node.items():
            data[name] = value.index_select(0, rows)
        for name, value in self.edge.items():
            data[name] = value.index_select(0, columns)
        for name, store in self.path.items():
            data[name] = store.union(ids, ptr)
        for name, value in self.graph.items():
            data[name] = value.index_select(0, ids) if isinstance(value, Tensor) else [value[i] for i in ids.tolist()]
        counter = torch.arange(ids.numel(), device=ids.device)
        data.batch = torch.repeat_interleave(counter, num_nodes, output_size=total_nodes)
        data.ptr = ptr
        data.num_graphs = ids.numel()
        return data

    def union(self) -> Data:
        """Returns the disjoint union of all graphs."""
        return self.batch(torch.arange(len(self), device=self.num_nodes.device))

    def map_union(self, transform: Callable[[Data], Data]) -> "GraphCollection":
        """Applies a transform to the disjoint union of all graphs.

        The transform may change attributes, edges and, if it updates ``batch``, the set of nodes. It must not connect
        graphs.
        """
        data = self.union()
        data.edge_index = plain_edge_index(data.edge_index)
        return GraphCollection.from_union(transform(data), len(self), like=self)

    def select(self, ids: Tensor | Sequence[int]) -> "GraphCollection":
        """Returns a collection of selected graphs in the given order."""
        data = self.batch(ids)
        return GraphCollection.from_union(data, data.num_graphs, like=self)

    def to(self, device: torch.device | str) -> "GraphCollection":
        """Returns a copy on another device, where batches are then computed."""

        def moved(values: Mapping[str, Any]) -> dict[str, Any]:
            return {name: value.to(device) if isinstance(value, Tensor) else value for name, value in values.items()}

        sizes = self.num_nodes.to(device), self.num_edges.to(device)
        paths = {name: store.to(device) for name, store in self.path.items()}
        return GraphCollection(
            self.edge_index.to(device), *sizes, moved(self.node), moved(self.edge), moved(self.graph), paths
        )


def _rows(shift: Tensor, sizes: Tensor, total: int) -> Tensor:
    """Returns the row indices of a batch in the store, given the offset of each block."""
    rows = torch.repeat_interleave(shift, sizes, output_size=total)
    return rows.add_(torch.arange(total, device=sizes.device))


def _counts(counts: Tensor, name: str) -> Tensor:
    """Returns counts of nodes or edges as int64."""
    if counts.dim() != 1 or counts.is_floating_point() or bool((counts < 0).any()):
        what = f"got {counts.dtype} of shape {list(counts.shape)}"
        raise InputError(f"`{name}` must be whole numbers [G] of at least 0, one per graph ({what})")
    return counts.long()


def _edges(edge_index: Tensor, where: str = "") -> Tensor:
    """Returns edges as int64."""
    if edge_index.dim() != 2 or edge_index.size(0) != 2 or (edge_index.is_floating_point() and edge_index.numel()):
        what = f"got {edge_index.dtype} of shape {list(edge_index.shape)}"
        raise InputError(f"{where}`edge_index` must be whole numbers [2, E] ({what})")
    return plain_edge_index(edge_index).long()


def _level_of(name: str, values: list[Any], num_nodes: list[int], num_edges: list[int]) -> str:
    """Returns the level of an attribute: node, edge, graph or path."""
    if name.startswith("path_index") and all(isinstance(value, Tensor) and value.dim() == 2 for value in values):
        return "path"
    if not all(isinstance(value, Tensor) and value.dim() > 0 for value in values):
        return "graph"
    rows = [value.size(0) for value in values]
    if ("edge" in name or name in EDGE_ATTRIBUTES) and rows == num_edges:
        return "edge"
    if name == "y" and all(count == 1 for count in rows):
        return "graph"
    if rows == num_nodes:
        return "node"
    # One row in every graph is more likely a graph target than an attribute of a single edge.
    is_edge = rows == num_edges and name != "y" and any(count > 1 for count in rows)
    return "edge" if is_edge else "graph"


def _stack_graph_level(name: str, values: list[Any]) -> Any:
    """Stacks one value per graph: tensors to ``[G, ...]``, others to a list.

    Raises:
        InputError: If the shapes of tensors differ.
    """
    if not all(isinstance(value, Tensor) for value in values):
        return [value.tolist() if isinstance(value, Tensor) else value for value in values]
    values = [value if value.dim() and value.size(0) == 1 else value.unsqueeze(0) for value in values]
    if len({value.shape for value in values}) > 1:
        raise InputError(f"`{name}` must have the same shape in every graph, or one row per node or per edge")
    return torch.cat(values)


def _concatenated(name: str, values: Sequence[Tensor]) -> Tensor:
    """Concatenates the rows of all graphs."""
    for graph, value in enumerate(values):
        if value.shape[1:] != values[0].shape[1:]:
            shapes = f"graph {graph} has {list(value.shape)}, graph 0 has {list(values[0].shape)}"
            raise InputError(f"`{name}` must have as many columns in every graph ({shapes})")
    return torch.cat(list(values))


def _refuse_rows(name: str, values: Sequence[Any], num_edges: Tensor) -> None:
    """Raises an error that names the first graph with a wrong number of rows."""
    for graph, (value, count) in enumerate(zip(values, num_edges.tolist(), strict=True)):
        rows = value.size(0) if isinstance(value, Tensor) and value.dim() else 1
        if rows != count:
            raise InputError(f"graph {graph}: `{name}` must have one row for each of its {count} edges (got {rows})")
