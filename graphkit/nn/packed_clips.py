"""The frames of several sequences, end to end in one tensor: sequences of any length, and no padding."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from graphkit.errors import InputError


class PackedClips:
    """Says which frames of a tensor ``[F, ...]`` belong to which of N sequences.

    Args:
        ptr: ``[N + 1]`` int64: sequence n has the frames from ``ptr[n]`` to ``ptr[n + 1] - 1``, at least one.
        every: The number of frames of each sequence if all have as many, which allows for simpler operators.
    """

    def __init__(self, ptr: Tensor, every: int | None = None) -> None:
        self.ptr = ptr
        self.every = every

    @classmethod
    def from_lengths(cls, lengths: Sequence[int], device: torch.device | str | None = None) -> "PackedClips":
        """Lays sequences of the given lengths end to end.

        Raises:
            ValueError: If there is no sequence, or one without a frame.
        """
        counts = [int(length) for length in lengths]
        if not counts or min(counts) < 1:
            what = f"got {min(counts)} for sequence {counts.index(min(counts))}" if counts else "got no sequence"
            raise InputError(f"`lengths` must give each sequence at least one frame ({what})")
        if min(counts) == max(counts):
            return cls.regular(len(counts), counts[0], device)
        ptr = torch.tensor([0, *counts]).cumsum(0)
        return cls(ptr if device is None else ptr.to(device))

    @classmethod
    def regular(cls, count: int, every: int, device: torch.device | str | None = None) -> "PackedClips":
        """Lays ``count`` sequences of ``every`` frames end to end."""
        return cls(torch.arange(count + 1, device=device) * every, every)

    @cached_property
    def counts(self) -> Tensor:
        """``[N]`` int64, the number of frames of each sequence."""
        return self.ptr.diff()

    @cached_property
    def owner(self) -> Tensor:
        """``[F]`` int64, the sequence of each frame."""
        numbers = torch.arange(self.ptr.numel() - 1, device=self.ptr.device)
        if self.every is not None:
            return numbers.repeat_interleave(self.every)
        return numbers.repeat_interleave(self.counts)

    def halved(self) -> "PackedClips":
        """Returns where the frames lie after :meth:`max_pool`: half as many, rounded down, but at least one."""
        if self.every is not None:
            return PackedClips.regular(self.ptr.numel() - 1, max(1, self.every // 2), self.ptr.device)
        counts = (self.counts // 2).clamp(min=1)
        return PackedClips(torch.cat([counts.new_zeros(1), counts.cumsum(0)]))

    def max_pool(self, x: Tensor) -> Tensor:
        """Takes the larger of every two frames in turn; an odd last frame is left out, a single one kept.

        Args:
            x: ``[F, ...]``.

        Returns:
            ``[F', ...]`` with the frames of :meth:`halved`.
        """
        if self.every == 1:
            return x
        if self.every is not None:
            if self.every % 2:
                x = x.unflatten(0, (-1, self.every))[:, :-1].flatten(0, 1)
            return x.unflatten(0, (-1, 2)).amax(dim=1)  # its gradient takes half the time of that of torch.maximum
        first, second = self._pairs
        return torch.maximum(x.index_select(0, first), x.index_select(0, second))

    def strided(self, stride: int) -> "PackedClips":
        """Returns where the frames lie if only every ``stride``-th one of each sequence is left."""
        if self.every is not None:
            return PackedClips.regular(self.ptr.numel() - 1, -(-self.every // stride), self.ptr.device)
        counts = -(-self.counts // stride)
        return PackedClips(torch.cat([counts.new_zeros(1), counts.cumsum(0)]))

    def every_nth(self, x: Tensor, stride: int) -> Tensor:
        """Returns every ``stride``-th frame of each sequence, ``[F, ...]`` to ``[F', ...]``."""
        if stride == 1:
            return x
        if self.every is not None:
            return x.unflatten(0, (-1, self.every))[:, ::stride].flatten(0, 1)
        return x.index_select(0, self.neighbors(1, stride)[0])

    def neighbors(self, window: int, stride: int = 1) -> list[Tensor]:
        """Returns for each place in a window around every ``stride``-th frame which frame lies there.

        Args:
            window: Number of frames in the window, odd.
            stride: Every how many frames there is a window.

        Returns:
            For each place ``[F']`` int64; F, one beyond the last frame, where the window reaches out of the sequence.
        """
        left = self.strided(stride)
        number = torch.arange(left.owner.numel(), device=self.ptr.device) - left.ptr[left.owner]
        first, last = self.ptr[left.owner], self.ptr[left.owner + 1]
        rows = [first + number * stride + offset - window // 2 for offset in range(window)]
        return [torch.where((row >= first) & (row < last), row, self.ptr[-1]) for row in rows]

    def mean(self, x: Tensor) -> Tensor:
        """Averages the frames of each sequence: ``[F, C]`` to ``[N, C]``."""
        if self.every is not None:
            return x.unflatten(0, (-1, self.every)).mean(dim=1)
        total = x.new_zeros(self.ptr.numel() - 1, x.size(1)).index_add(0, self.owner, x)
        return total / self.counts.unsqueeze(1).to(x.dtype)

    def sizes(self, like: Tensor, width: int) -> Tensor | float:
        """Returns the number of frames times ``width``: of all sequences, or of each for division of ``[N, ...]``."""
        if self.every is not None:
            return float(self.every * width)
        return (self.counts * width).to(like.dtype).view(-1, *[1] * (like.dim() - 1))

    def for_each(self, persons: int) -> tuple["PackedClips", Tensor]:
        """Gives every person of a clip a sequence of their own.

        Args:
            persons: Number of persons P.

        Returns:
            Where the frames of the N P sequences lie, in the order clip, person; and ``[F P]`` int64, the row of each
            of their frames in a tensor ``[F P, ...]`` with the order frame, person.
        """
        ptr = torch.cat([self.ptr.new_zeros(1), self.counts.repeat_interleave(persons).cumsum(0)])
        packed = PackedClips(ptr, self.every)
        number = torch.arange(packed.owner.numel(), device=ptr.device) - ptr[packed.owner]
        clip, person = packed.owner // persons, packed.owner % persons
        return packed, (self.ptr[clip] + number) * persons + person

    @cached_property
    def _pairs(self) -> tuple[Tensor, Tensor]:
        """The two frames that each frame after :meth:`max_pool` is the larger one of."""
        pooled = self.halved()
        number = torch.arange(pooled.owner.numel(), device=self.ptr.device) - pooled.ptr[pooled.owner]
        first = self.ptr[pooled.owner] + 2 * number
        return first, torch.minimum(first + 1, self.ptr[pooled.owner + 1] - 1)

    def __repr__(self) -> str:
        return f"PackedClips({self.ptr.numel() - 1} sequences)"
