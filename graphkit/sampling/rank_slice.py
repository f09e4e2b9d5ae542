"""The part of a batch that one of several processes computes."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data


class RankSlice(NamedTuple):
    """Which of several processes this is.

    Args:
        rank: Its number.
        world: How many there are.
    """

    rank: int = 0
    world: int = 1

    def of(self, ids: Tensor, sizes: Tensor | None = None) -> Tensor:
        """Returns this process's part of a batch; the parts of all processes together are the batch.

        Parts differ by one item at most. Where sizes are given they are also about as large: the items are dealt out
        from the largest to the smallest, every other round in the opposite direction.

        Args:
            ids: ``[B]``, the items of the batch, the same in all processes.
            sizes: ``[B]``, how much work each is.
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
        """Returns what :meth:`of` does, and whether these items count.

        Where there are fewer items than processes, those without any take the first item, which does not count: they
        compute along, since the others wait for their messages.
        """
        local_ids = self.of(ids, sizes)
        return (local_ids, True) if local_ids.numel() or not ids.numel() else (ids[:1], False)


def mark_padding(batch: Data, counts: bool) -> Data:
    """Marks a batch whose items do not count, see :meth:`RankSlice.item`; returns it.

    The mark is the attribute ``padding`` of the batch, so that it goes where the batch goes.
    """
    if not counts:
        batch.padding = True
    return batch


def is_padding(batch: Data) -> bool:
    """Returns whether the items of a batch do not count, see :func:`mark_padding`."""
    return bool(batch.get("padding", False))
