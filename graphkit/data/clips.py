"""Many clips in one concatenated store, batched end to end without padding."""

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

#: Takes the frames of clips ``[F, P, V, C]``, their lengths and a generator; returns others.
Augmentation = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


class ClipCollection(Sequence[Data]):
    """A sequence of clips whose frames lie end to end.

    ``collection[i]`` is the i-th clip: ``x`` ``[T, P, V, C]``, ``lengths`` ``[1]`` and ``y`` ``[1]``. :meth:`batch` is
    several of them with the attributes of a batch. What a network sees is made when a batch is: clips are augmented,
    brought to the number of frames asked for, stretched if that is wanted, and then become the stream.

    Args:
        x: ``[F, P, V, C]``, the frames of all clips; they may lie in a file that is mapped into memory.
        lengths: ``[G]`` int64, the number of frames of each clip.
        y: ``[G]`` int64, the actions.
        layout: The joints and bones.
        names: The names of the clips.
        stream: What the network sees, see :func:`graphkit.skeleton.make_stream`.
        coordinates: How many of the C channels are coordinates; all by default.
        frames: Number of frames that each clip is brought to; 0 leaves each as long as it is.
        fit: Whether clips are interpolated (``"resample"``) or played again and cut (``"repeat"``) for that.
        box: Whether each clip is stretched, see :func:`graphkit.skeleton.fit_box`.

    Raises:
        ValueError: If sizes do not fit, or an option has none of its values.
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
        self.batch([0])  # a stream that does not exist is refused here

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
        """Returns some clips, in the order given; a clip may come more than once.

        Args:
            ids: ``[B]`` int64 numbers of clips.
            augment: What changes the joints before the stream is made.
            generator: Where the augmentation draws from.

        Returns:
            ``x`` ``[F, P, V, C]``, ``lengths`` ``[B]``, ``y`` ``[B]`` and the integer ``num_graphs``.
        """
        ids = torch.as_tensor(ids, dtype=torch.long).view(-1)
        lengths, starts = self.lengths[ids], self.ptr[ids].tolist()
        # Slices, not rows by number: of a mapped file, only whole stretches are read.
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
