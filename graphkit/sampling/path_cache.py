"""In-memory cache of shortest paths, indexed by attending node."""

from collections.abc import Sequence

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.sampling.csc_graph import spans


class PathCache:
    """In-memory cache of the shortest paths of selected nodes.

    Args:
        num_nodes (int): Number of nodes of the graph.
        max_hops (int): Number of path lengths.
    """

    def __init__(self, num_nodes: int, max_hops: int) -> None:
        self._slot = torch.full((num_nodes,), -1, dtype=torch.int32)
        self._count = 0
        self._ptr = [torch.zeros(1, dtype=torch.long) for _ in range(max_hops)]
        self._paths = [torch.empty(hops + 1, 0, dtype=torch.int32) for hops in range(1, max_hops + 1)]

    @classmethod
    def carried(cls, paths: Sequence[Tensor], num_nodes: int) -> "PathCache":
        """Creates a cache from the ``path_index`` tensors of all nodes of a graph.

        Raises:
            InputError: If the tensors are not integer ``[h + 1, P]`` for h = 1, 2, ..., or a node id does not exist.
        """
        for hops, path_index in enumerate(paths, start=1):
            check_paths(path_index, hops, num_nodes)
        cache = cls(num_nodes, len(paths))
        cache.add(torch.arange(num_nodes), paths)
        return cache

    def add(self, nodes: Tensor, paths: Sequence[Tensor]) -> None:
        """Adds the paths of further nodes.

        Args:
            nodes (Tensor): ``[K]`` int64, nodes that are not in the cache.
            paths (list[Tensor]): For each length their paths ``[h + 1, P_h]``; the order within a node is kept.
        """
        self._slot[nodes] = torch.arange(self._count, self._count + nodes.numel(), dtype=torch.int32)
        for index, path_index in enumerate(paths):
            slot = self._slot[path_index[-1].long()].long() - self._count
            if bool((slot[1:] < slot[:-1]).any()):
                order = slot.argsort(stable=True)
                slot, path_index = slot[order], path_index[:, order]
            end = self._ptr[index][-1] + torch.bincount(slot, minlength=nodes.numel()).cumsum(0)
            self._ptr[index] = torch.cat([self._ptr[index], end])
            self._paths[index] = torch.cat([self._paths[index], path_index.int()], dim=1)
        self._count += nodes.numel()

    def missing(self, nodes: Tensor) -> Tensor:
        """Returns the nodes whose paths are not in the cache."""
        return nodes[self._slot[nodes] < 0]

    def of(self, nodes: Tensor) -> list[Tensor]:
        """Returns the paths of cached nodes: for each length ``[h + 1, P_h]``, by node."""
        slot = self._slot[nodes].long()
        return [paths[:, spans(ptr, slot)[0]].long() for ptr, paths in zip(self._ptr, self._paths, strict=True)]


def check_paths(path_index: Tensor, hops: int, num_nodes: int) -> None:
    """Raises an error for an invalid ``path_index`` tensor.

    Raises:
        InputError: If it is not an integer tensor ``[hops + 1, P]``, or a node id does not exist.
    """
    name = f"path_index_{hops}"
    is_tensor = isinstance(path_index, Tensor)
    is_integer = is_tensor and not path_index.is_floating_point() and not path_index.is_complex()
    if not is_integer or path_index.dim() != 2 or path_index.size(0) != hops + 1 or path_index.dtype == torch.bool:
        came = f"{path_index.dtype} of shape {list(path_index.shape)}" if is_tensor else repr(path_index)
        raise InputError(
            f"`{name}` must be an integer tensor [{hops + 1}, P], one row for each node of a path (got {came})"
        )
    if path_index.numel() and not 0 <= int(path_index.min()) <= int(path_index.max()) < num_nodes:
        what = f"got ids from {int(path_index.min())} to {int(path_index.max())}"
        raise InputError(f"`{name}` must hold node ids from 0 to {num_nodes - 1} ({what})")
