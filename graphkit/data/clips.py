"""Collection of clips in concatenated tensors, batched without padding."""

from collections.abc import Callable, Iterator, Sequence
from typing import overload

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.edges import pointers
from graphkit.errors import InputError
from graphkit.skeleton import SkeletonLayout, fit_box, make_stream, repeat_to, resample
from graphkit.skeleton.clip import MOST_FRAMES
from graphkit.skeleton.seen import clear_origin

#: Augmentation: maps frames ``[F, P, V, C]``, lengths and a generator to new frames.
Augmentation = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


class ClipCollection(Sequence[Data]):
    """Collection of skeleton clips in concatenated tensors.

    ``collection[i]`` is the i-th clip with ``x`` ``[T, P, V, C]``, ``lengths`` ``[1]`` and ``y`` ``[1]``; :meth:`batch`
    returns several clips. A batch is augmented, resampled to ``frames``, scaled if ``box`` is set, and converted to the
    input stream when it is requested.

    Args:
        x (Tensor): ``[F, P, V, C]``, frames of all clips; may be memory-mapped.
        lengths (Tensor): ``[G]`` int64, number of frames of each clip.
        y (Tensor): ``[G]`` int64, actions.
        layout (SkeletonLayout): Joints and bones.
        names (list[str], optional): Names of the clips.
        stream (str, optional): Input stream, see :func:`graphkit.skeleton.make_stream`. (default: ``"joint"``)
        coordinates (int, optional): Number of channels that are coordinates. (default: all)
        frames (int, optional): Number of frames per clip; 0 for variable length. (default: ``0``)
        fit (str, optional): ``"resample"`` interpolates clips to ``frames``, ``"repeat"`` repeats and cuts them.
            (default: ``"resample"``)
        box (bool, optional): Scales clips to a box, see :func:`graphkit.skeleton.fit_box`. (default: ``False``)

    Raises:
        InputError: If the shapes do not match, or an option is invalid.

    Shapes:
        - **F**: total frames, **P**: persons, **V**: joints, **C**: channels, **G**: clips.
    """

    def __init__(
        self,
        x: Tensor,
        lengths: Tensor,
        y: Tensor,
        layout: SkeletonLayout,
        names: tuple[str, ...] = (),
        stream: str = "joint",
        coordinates: int | None = None,
        frames: int = 0,
        fit: str = "resample",
        box: bool = False,
    ) -> None:
        if x.dim() != 4 or x.size(2) != layout.num_joints:
            raise InputError(f"`x` must be [F, P, {layout.num_joints} joints, C] (got {list(x.shape)})")
        if int(lengths.sum()) != x.size(0) or y.shape != lengths.shape:
            raise InputError(
                f"`lengths` must add up to the {x.size(0)} frames, and `y` name an action for each clip "
                f"(got {int(lengths.sum())} frames, {y.numel()} actions and {lengths.numel()} clips)"
            )
        if frames < 0:
            raise InputError(f"`frames` must not be negative; 0 leaves each clip as long as it is (got {frames})")
        if frames > MOST_FRAMES:
            raise InputError(f"`frames` must be at most {MOST_FRAMES:,} (got {frames:,}); cut the clips, or set 0")
        if fit not in ("resample", "repeat"):
            raise InputError(f"`fit` must be resample or repeat (got {fit!r})")
        self.frames, self.fit, self.box = frames, fit, box
        self.x, self.lengths, self.y, self.layout = x, lengths, y, layout
        self.names = names
        self.stream = stream
        self.coordinates = x.size(-1) if coordinates is None else coordinates
        self.ptr = pointers(lengths)
        self.batch([0])  # raises an error for an unknown stream

    def __len__(self) -> int:
        return self.lengths.numel()

    @overload
    def __getitem__(self, index: int) -> Data: ...

    @overload
    def __getitem__(self, index: slice) -> "list[Data]": ...

    def __getitem__(self, index: int | slice) -> "Data | list[Data]":
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} clips (asked for number {index})")
        return self.batch([index % len(self)])

    def __iter__(self) -> Iterator[Data]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"ClipCollection({len(self)} clips, {self.x.size(0)} frames, {self.layout.name}, {self.stream})"

    def batch(
        self,
        ids: Tensor | Sequence[int],
        augment: Augmentation | None = None,
        generator: torch.Generator | None = None,
    ) -> Data:
        """Returns selected clips in the given order; ids may repeat.

        Args:
            ids (Tensor): ``[B]`` int64, ids of the clips.
            augment (callable, optional): Augmentation, applied before the stream is computed. (default: ``None``)
            generator (torch.Generator, optional): Source of randomness for the augmentation. (default: ``None``)

        Returns:
            ``x`` ``[F, P, V, C]``, ``lengths`` ``[B]``, ``y`` ``[B]`` and the integer ``num_graphs``.
        """
        ids = torch.as_tensor(ids, dtype=torch.long).view(-1)
        lengths, starts = self.lengths[ids], self.ptr[ids].tolist()
        # Slices instead of row indices: contiguous reads from a memory-mapped file.
        x = torch.cat([self.x[a : a + n] for a, n in zip(starts, lengths.tolist(), strict=True)])
        if augment is not None:
            x, lengths = augment(x, lengths, generator or torch.default_generator)
        if self.frames:
            wanted = torch.full_like(lengths, self.frames)
            if self.fit == "repeat":
                x = repeat_to(x, lengths, self.frames)
            else:
                x = resample(x, lengths, wanted, coordinates=self.coordinates)
            lengths = wanted
        if self.box:
            x = fit_box(x, lengths, self.coordinates)
        x = make_stream(self.stream, x, pointers(lengths), self.layout, self.coordinates)
        data = Data(x=clear_origin(x), lengths=lengths, y=self.y[ids])
        data.num_graphs = ids.numel()
        return data
