"""Paths of many graphs in one tensor, for :class:`~graphkit.data.GraphCollection`."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.data.edges import pointers
from graphkit.errors import InputError


class PathStore(NamedTuple):
    """Concatenated ``path_index`` of many graphs, with node ids local to each graph.

    Args:
        path_index (Tensor): ``[h + 1, P]``, paths of all graphs.
        num_paths (Tensor): ``[G]`` int64, number of paths of each graph.
    """

    path_index: Tensor
    num_paths: Tensor

    @classmethod
    def from_list(cls, paths: Iterable[Tensor]) -> "PathStore":
        """Concatenates the paths of single graphs."""
        paths = list(paths)
        return cls(torch.cat(paths, dim=1), torch.tensor([path_index.size(1) for path_index in paths]))

    def check(self, name: str, num_nodes: Tensor) -> None:
        """Raises an error for paths with node ids out of range.

        Args:
            name (str): Name of the paths, for the error message.
            num_nodes (Tensor): ``[G]`` int64, number of nodes of each graph.

        Raises:
            InputError: If an id is negative or too large for its graph.
        """
        if not self.path_index.numel():
            return
        if self.path_index.dtype not in (torch.int64, torch.int32):
            raise InputError(f"`{name}` must hold whole numbers (got {self.path_index.dtype})")
        size = torch.repeat_interleave(num_nodes, self.num_paths)
        wrong = ((self.path_index < 0) | (self.path_index >= size)).any(dim=0).nonzero().view(-1)
        if wrong.numel():
            graph = int(torch.searchsorted(pointers(self.num_paths), wrong[0], right=True)) - 1
            raise InputError(
                f"`{name}` must hold node ids from 0 to {int(num_nodes[graph]) - 1} in graph {graph} "
                f"(got the path {self.path_index[:, wrong[0]].tolist()})"
            )

    @classmethod
    def from_union(cls, path_index: Tensor, batch: Tensor, ptr: Tensor) -> "PathStore":
        """Splits the paths of a disjoint union by graph, keeping their order.

        Args:
            path_index (Tensor): ``[h + 1, P]``, node ids of the union.
            batch (Tensor): ``[N]``, graph of each node.
            ptr (Tensor): ``[G + 1]``, node offsets of the graphs.
        """
        owner = batch[path_index[-1]]
        order = owner.argsort(stable=True)
        local = path_index[:, order] - ptr[owner[order]]
        return cls(local, torch.bincount(owner, minlength=ptr.numel() - 1))

    def union(self, ids: Tensor, ptr: Tensor) -> Tensor:
        """Returns the paths of some graphs with the node ids of their disjoint union.

        Args:
            ids (Tensor): ``[B]``, ids of the graphs.
            ptr (Tensor): ``[B + 1]``, node offsets in the union.
        """
        first = pointers(self.num_paths)[:-1][ids]
        counts = self.num_paths[ids]
        total = int(counts.sum())
        begin = pointers(counts)[:-1]
        columns = torch.repeat_interleave(first - begin, counts, output_size=total)
        columns += torch.arange(total, device=columns.device)
        shift = torch.repeat_interleave(ptr[:-1], counts, output_size=total)
        return self.path_index.index_select(1, columns) + shift

    def to(self, device: torch.device | str) -> "PathStore":
        """Returns the paths on another device."""
        return PathStore(self.path_index.to(device), self.num_paths.to(device))
