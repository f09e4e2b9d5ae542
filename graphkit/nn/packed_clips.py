"""Packed sequences: variable-length clips concatenated along the frame axis."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from graphkit.errors import InputError


class PackedClips:
    """Index of sequences that are concatenated along the frame axis.

    Args:
        ptr (Tensor): Offsets ``[N + 1]`` int64: sequence ``n`` has the frames from ``ptr[n]`` to ``ptr[n + 1] - 1``, at
            least one.
        every (int, optional): Number of frames of every sequence if all have equal length, which allows simpler
            operators. (default: ``None``)

    Example:
        >>> frames = PackedClips.from_lengths([3, 2])
        >>> frames.owner.tolist()
        [0, 0, 0, 1, 1]
        >>> frames.mean(torch.tensor([[1.0], [2.0], [3.0], [5.0], [7.0]])).tolist()
        [[2.0], [6.0]]
    """

    def __init__(self, ptr: Tensor, every: int | None = None) -> None:
        self.ptr = ptr
        self.every = every

    @classmethod
    def from_lengths(cls, lengths: Sequence[int], device: torch.device | str | None = None) -> "PackedClips":
        """Creates the index of sequences with the given lengths.

        Raises:
            InputError: If there is no sequence, or one without a frame.
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
        """Creates the index of ``count`` sequences of ``every`` frames."""
        return cls(torch.arange(count + 1, device=device) * every, every)

    @cached_property
    def counts(self) -> Tensor:
        """Number of frames of each sequence, ``[N]`` int64."""
        return self.ptr.diff()

    @cached_property
    def owner(self) -> Tensor:
        """Sequence of each frame, ``[F]`` int64."""
        numbers = torch.arange(self.ptr.numel() - 1, device=self.ptr.device)
        if self.every is not None:
            return numbers.repeat_interleave(self.every)
        return numbers.repeat_interleave(self.counts)

    def halved(self) -> "PackedClips":
        """Returns the index after :meth:`max_pool`.

        Every sequence has half the frames, rounded down, but at least one.
        """
        if self.every is not None:
            return PackedClips.regular(self.ptr.numel() - 1, max(1, self.every // 2), self.ptr.device)
        counts = (self.counts // 2).clamp(min=1)
        return PackedClips(torch.cat([counts.new_zeros(1), counts.cumsum(0)]))

    def max_pool(self, x: Tensor) -> Tensor:
        """Reduces pairs of consecutive frames to their maximum.

        An odd last frame is dropped, a single frame kept.

        Args:
            x (Tensor): Features ``[F, ...]``.

        Returns:
            Features ``[F', ...]`` of the frames of :meth:`halved`.
        """
        if self.every == 1:
            return x
        if self.every is not None:
            if self.every % 2:
                x = x.unflatten(0, (-1, self.every))[:, :-1].flatten(0, 1)
            return x.unflatten(0, (-1, 2)).amax(dim=1)  # twice as fast backward as torch.maximum
        first, second = self._pairs
        return torch.maximum(x.index_select(0, first), x.index_select(0, second))

    def strided(self, stride: int) -> "PackedClips":
        """Returns the index of every ``stride``-th frame of each sequence."""
        if self.every is not None:
            return PackedClips.regular(self.ptr.numel() - 1, -(-self.every // stride), self.ptr.device)
        counts = -(-self.counts // stride)
        return PackedClips(torch.cat([counts.new_zeros(1), counts.cumsum(0)]))

    def every_nth(self, x: Tensor, stride: int) -> Tensor:
        """Returns every ``stride``-th frame of each sequence."""
        if stride == 1:
            return x
        if self.every is not None:
            return x.unflatten(0, (-1, self.every))[:, ::stride].flatten(0, 1)
        return x.index_select(0, self.neighbors(1, stride)[0])

    def neighbors(self, window: int, stride: int = 1) -> list[Tensor]:
        """Returns the frame indices of a sliding window, one tensor per window position.

        Args:
            window (int): Number of frames in the window, odd.
            stride (int, optional): Stride of the window in frames. (default: ``1``)

        Returns:
            ``window`` tensors ``[F']`` int64; the index is F, one past the last frame, outside of the sequence.
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
        """Returns the number of frames of each sequence times ``width``.

        A number for equal lengths, otherwise a tensor that broadcasts to ``[N, ...]``.
        """
        if self.every is not None:
            return float(self.every * width)
        return (self.counts * width).to(like.dtype).view(-1, *[1] * (like.dim() - 1))

    def for_each(self, persons: int) -> tuple["PackedClips", Tensor]:
        """Splits each clip into one sequence per person.

        Args:
            persons (int): Number of persons P.

        Returns:
            Index of the N P sequences, in the order clip, person; and for each of their frames the row ``[F P]`` int64
            in a tensor ``[F P, ...]`` in the order frame, person.
        """
        ptr = torch.cat([self.ptr.new_zeros(1), self.counts.repeat_interleave(persons).cumsum(0)])
        packed = PackedClips(ptr, self.every)
        number = torch.arange(packed.owner.numel(), device=ptr.device) - ptr[packed.owner]
        clip, person = packed.owner // persons, packed.owner % persons
        return packed, (self.ptr[clip] + number) * persons + person

    @cached_property
    def _pairs(self) -> tuple[Tensor, Tensor]:
        """Pairs of frames that :meth:`max_pool` reduces."""
        pooled = self.halved()
        number = torch.arange(pooled.owner.numel(), device=self.ptr.device) - pooled.ptr[pooled.owner]
        first = self.ptr[pooled.owner] + 2 * number
        return first, torch.minimum(first + 1, self.ptr[pooled.owner + 1] - 1)

    def __repr__(self) -> str:
        return f"PackedClips({self.ptr.numel() - 1} sequences)"
