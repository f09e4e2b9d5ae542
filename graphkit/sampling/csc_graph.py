"""The edges into some nodes of a large graph, and new numbers for some of its nodes: what a batch is cut out with."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.errors import InputError

#: Targets that are compared at a time.
_SCAN = 2**24


def spans(ptr: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Finds the entries of some groups, group after group.

    Args:
        ptr: ``[G + 1]`` int64, where the entries of each group begin.
        groups: ``[K]`` int64, the groups.

    Returns:
        ``[T]`` the positions of their entries, and ``[K]`` how many each group has.
    """
    first = ptr[groups]
    counts = ptr[groups + 1] - first
    total = int(counts.sum())
    shift = torch.repeat_interleave(first - (counts.cumsum(0) - counts), counts, output_size=total)
    return shift + torch.arange(total), counts


def _overlapping(values: Tensor) -> Iterator[Tensor]:
    """Cuts values into blocks, each of which begins with the last value of the one before; takes no memory."""
    for begin in range(0, values.numel(), _SCAN):
        yield values[max(0, begin - 1) : begin + _SCAN]


def check_ends(edge_index: Tensor, num_nodes: int) -> None:
    """Refuses edges that name a node that does not exist.

    Raises:
        ValueError: If there is one.
    """
    if edge_index.numel():
        low, high = int(edge_index.min()), int(edge_index.max())
        if low < 0 or high >= num_nodes:
            what = f"got ids from {low} to {high}"
            raise InputError(f"`edge_index` must hold node ids from 0 to {num_nodes - 1} ({what})")


class CSCGraph:
    """The edges of a graph, grouped by the node that they end at; what is sorted so already is not copied.

    Args:
        edge_index: ``[2, E]``, row 0 = source and row 1 = target.
        num_nodes: Number of nodes.

    Raises:
        ValueError: If an edge names a node that does not exist.
    """

    def __init__(self, edge_index: Tensor, num_nodes: int) -> None:
        edges = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
        row, col = edges.detach().cpu().long()
        check_ends(edges, num_nodes)
        self.num_nodes = num_nodes
        #: Position of each edge in the given order; nothing where it is the same.
        self.order: Tensor | None = None
        if any(bool((block[1:] < block[:-1]).any()) for block in _overlapping(col)):
            self.order = col.argsort(stable=True)
            row = row[self.order]
        self.row = row
        self.ptr = torch.zeros(num_nodes + 1, dtype=torch.long)
        torch.cumsum(torch.bincount(col, minlength=num_nodes), 0, out=self.ptr[1:])

    def into(self, nodes: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the places ``[T]`` of the edges into some nodes, node after node, and how many each has."""
        return spans(self.ptr, nodes)

    def some_into(self, nodes: Tensor, most: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Returns the places of at most ``most`` edges into each of some nodes, drawn without putting any back.

        The edges of a node stay in their order. What it costs depends on what is drawn, not on how many edges there are
        to draw from.

        Args:
            nodes: ``[K]`` int64, the nodes.
            most: How many edges a node keeps.
            generator: What they are drawn with.

        Returns:
            The places ``[T]``, node after node, and how many each node has ``[K]``.
        """
        first = self.ptr[nodes]
        counts = self.ptr[nodes + 1] - first
        rank = torch.arange(most).repeat(nodes.numel(), 1)
        many = (counts > most).nonzero().view(-1)
        rank[many] = _draw(counts[many], most, generator)
        kept = counts.clamp(max=most)
        return (first[:, None] + rank)[torch.arange(most) < kept[:, None]], kept

    def given(self, places: Tensor) -> Tensor:
        """Returns where the edges at some places stand in the graph as it was given."""
        return places if self.order is None else self.order[places]


def _draw(counts: Tensor, most: int, generator: torch.Generator | None) -> Tensor:
    """Draws ``most`` different whole numbers below each of some counts ``[K]``, all larger: ``[K, most]``, ascending.

    Every set of numbers has the same chance (Floyd's way: of the numbers up to ``counts - most + i`` one is drawn in
    step ``i``, and where that one has been drawn before, the largest of them is taken, which cannot have been).
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
    """Numbers some nodes of a graph from zero, in the order in which they come.

    It writes into a table with one entry per node that all numberings share, and wipes out what it wrote when it is
    left: what it costs depends on the nodes that come, not on the graph.

    Args:
        table: ``[N]`` int32, all -1.
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
        """The nodes that have a number, in the order of their numbers."""
        return torch.cat(self._parts) if self._parts else torch.empty(0, dtype=torch.long)

    def add(self, nodes: Tensor) -> Tensor:
        """Numbers those nodes that have no number yet, by their ids, and returns them."""
        new = nodes[self._table[nodes] < 0]
        # Of those that come more than once, the one whose place is left in the table: faster than to sort all.
        places = torch.arange(new.numel(), dtype=torch.int32)
        self._table[new] = places
        new = new[self._table[new] == places].sort().values
        self._put(new)
        return new

    def begin(self, nodes: Tensor) -> None:
        """Numbers the first nodes, none of which comes twice, in the order in which they are given."""
        self._put(nodes)

    def of(self, nodes: Tensor) -> Tensor:
        """Returns the numbers of nodes that have one."""
        return self._table[nodes].long()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Lends the table to another numbering for a while."""
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
