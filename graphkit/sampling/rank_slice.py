"""Division of batches between the ranks of distributed training."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data


class RankSlice(NamedTuple):
    """Slice of every batch that one rank computes.

    Args:
        rank (int, optional): Rank of this process. (default: ``0``)
        world (int, optional): World size. (default: ``1``)
    """

    rank: int = 0
    world: int = 1

    def of(self, ids: Tensor, sizes: Tensor | None = None) -> Tensor:
        """Returns the items of a batch for this rank.

        Slices differ by at most one item. With ``sizes``, items are assigned in descending order of size, in
        alternating direction, so that the total sizes are balanced.

        Args:
            ids (Tensor): ``[B]``, items of the batch, equal on all ranks.
            sizes (Tensor, optional): ``[B]``, size of each item. (default: ``None``, equal sizes)
        """
        if self.world == 1:
            return ids
        if sizes is None:
            return ids.tensor_split(self.world)[self.rank]
        order = torch.argsort(sizes, descending=True, stable=True)
        position = torch.arange(ids.numel())
        turn = position // self.world % 2 == 1
        seat = torch.where(turn, self.world - 1 - position % self.world, position % self.world)
        return ids[order[seat == self.rank].sort().values]

    def item(self, ids: Tensor, sizes: Tensor | None = None) -> tuple[Tensor, bool]:
        """Returns the slice of :meth:`of`, and ``False`` if the slice is only padding.

        If a batch has fewer items than ranks, each remaining rank gets the first item as padding: it must take part in
        collective operations, but its loss does not count.
        """
        local_ids = self.of(ids, sizes)
        return (local_ids, True) if local_ids.numel() or not ids.numel() else (ids[:1], False)


def mark_padding(batch: Data, counts: bool) -> Data:
    """Sets ``batch.padding`` if the items do not count, and returns the batch."""
    if not counts:
        batch.padding = True
    return batch


def is_padding(batch: Data) -> bool:
    """Returns whether a batch is padding, see :func:`mark_padding`."""
    return bool(batch.get("padding", False))
