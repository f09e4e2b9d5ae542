"""Incoming edges in CSC form, and relabeling of nodes for subgraph sampling."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.errors import InputError

#: Number of targets that are compared at a time.
_SCAN = 2**24


def spans(ptr: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the positions of the entries of some groups in a CSC or CSR layout.

    Args:
        ptr (Tensor): ``[G + 1]`` int64, offset of the first entry of each group.
        groups (Tensor): ``[K]`` int64, ids of the groups.

    Returns:
        The positions ``[T]`` of their entries, group after group, and the number of entries of each group ``[K]``.
    """
    first = ptr[groups]
    counts = ptr[groups + 1] - first
    total = int(counts.sum())
    shift = torch.repeat_interleave(first - (counts.cumsum(0) - counts), counts, output_size=total)
    return shift + torch.arange(total), counts


def _overlapping(values: Tensor) -> Iterator[Tensor]:
    """Yields views of consecutive blocks that overlap by one value."""
    for begin in range(0, values.numel(), _SCAN):
        yield values[max(0, begin - 1) : begin + _SCAN]


def check_ends(edge_index: Tensor, num_nodes: int) -> None:
    """Raises an error for edges with node ids out of range.

    Args:
        edge_index (Tensor): ``[2, E]``.
        num_nodes (int): Number of nodes.

    Raises:
        InputError: If an id is negative or at least ``num_nodes``.
    """
    if edge_index.numel():
        low, high = int(edge_index.min()), int(edge_index.max())
        if low < 0 or high >= num_nodes:
            what = f"got ids from {low} to {high}"
            raise InputError(f"`edge_index` must hold node ids from 0 to {num_nodes - 1} ({what})")


class CSCGraph:
    """Graph in CSC form: edges grouped by target node.

    Edges that are already sorted by target are not copied.

    Args:
        edge_index (Tensor): ``[2, E]``, row 0 = source and row 1 = target.
        num_nodes (int): Number of nodes.

    Raises:
        InputError: If an edge has a node id out of range.
    """

    def __init__(self, edge_index: Tensor, num_nodes: int) -> None:
        edges = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
        row, col = edges.detach().cpu().long()
        check_ends(edges, num_nodes)
        self.num_nodes = num_nodes
        #: Position of each edge in the input order; ``None`` if the input was sorted by target.
        self.order: Tensor | None = None
        if any(bool((block[1:] < block[:-1]).any()) for block in _overlapping(col)):
            self.order = col.argsort(stable=True)
            row = row[self.order]
        self.row = row
        self.ptr = torch.zeros(num_nodes + 1, dtype=torch.long)
        torch.cumsum(torch.bincount(col, minlength=num_nodes), 0, out=self.ptr[1:])

    def into(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the positions ``[T]`` and counts ``[K]`` of the edges into ``nodes``."""
        return spans(self.ptr, nodes)

    def some_into(self, nodes: Tensor, most: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Samples at most ``most`` edges into each node, without replacement.

        The edges of a node keep their order. The cost depends on the number of sampled edges, not on the degrees.

        Args:
            nodes (Tensor): ``[K]`` int64, ids of the target nodes.
            most (int): Largest number of edges per node.
            generator (torch.Generator, optional): Source of randomness. (default: PyTorch's global generator)

        Returns:
            The positions ``[T]`` of the edges, node after node, and the number of edges of each node ``[K]``.
        """
        first = self.ptr[nodes]
        counts = self.ptr[nodes + 1] - first
        rank = torch.arange(most).repeat(nodes.numel(), 1)
        many = (counts > most).nonzero().view(-1)
        rank[many] = _draw(counts[many], most, generator)
        kept = counts.clamp(max=most)
        return (first[:, None] + rank)[torch.arange(most) < kept[:, None]], kept

    def given(self, places: Tensor) -> Tensor:
        """Returns the positions of edges in the input order of ``edge_index``."""
        return places if self.order is None else self.order[places]


def _draw(counts: Tensor, most: int, generator: torch.Generator | None) -> Tensor:
    """Draws ``most`` distinct integers below each count, as sorted ``[K, most]``.

    All subsets have the same probability (Floyd's algorithm: step ``i`` draws from ``0 .. counts - most + i`` and takes
    the largest of these if the draw repeats an earlier one). Every count must be larger than ``most``.
    """
    drawn = torch.empty(counts.numel(), most, dtype=torch.long)
    chance = torch.rand(counts.numel(), most, generator=generator, dtype=torch.float64)
    for step in range(most):
        last = counts - most + step
        number = (chance[:, step] * (last + 1)).long()
        again = (drawn[:, :step] == number[:, None]).any(dim=1)
        drawn[:, step] = torch.where(again, last, number)
    return drawn.sort(dim=1).values


class NodeRelabeler:
    """Relabeling of selected nodes with consecutive ids, in order of insertion.

    The ids are written into a shared table with one entry per node. Leaving the context resets the written entries, so
    that the cost depends on the selected nodes, not on the size of the graph.

    Args:
        table (Tensor): ``[N]`` int32, all -1.
    """

    def __init__(self, table: Tensor) -> None:
        self._table = table
        self._parts: list[Tensor] = []
        self._size = 0

    def __enter__(self) -> "NodeRelabeler":
        return self

    def __exit__(self, *error: object) -> None:
        for ids in self._parts:
            self._table[ids] = -1

    def __len__(self) -> int:
        return self._size

    @property
    def nodes(self) -> Tensor:
        """Original ids of the relabeled nodes, ordered by their new ids."""
        return torch.cat(self._parts) if self._parts else torch.empty(0, dtype=torch.long)

    def add(self, nodes: Tensor) -> Tensor:
        """Relabels the nodes without a new id, sorted by original id, and returns them."""
        new = nodes[self._table[nodes] < 0]
        # Deduplicates: the table keeps one position per node. This is faster than sorting all nodes.
        places = torch.arange(new.numel(), dtype=torch.int32)
        self._table[new] = places
        new = new[self._table[new] == places].sort().values
        self._put(new)
        return new

    def begin(self, nodes: Tensor) -> None:
        """Relabels the first nodes, which must be unique, in the given order."""
        self._put(nodes)

    def of(self, nodes: Tensor) -> Tensor:
        """Returns the new ids of relabeled nodes."""
        return self._table[nodes].long()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Resets the table temporarily, so that another relabeling can use it."""
        nodes = self.nodes
        self._table[nodes] = -1
        try:
            yield
        finally:
            self._table[nodes] = torch.arange(self._size, dtype=torch.int32)

    def _put(self, nodes: Tensor) -> None:
        self._table[nodes] = torch.arange(self._size, self._size + nodes.numel(), dtype=torch.int32)
        self._parts.append(nodes)
        self._size += nodes.numel()
