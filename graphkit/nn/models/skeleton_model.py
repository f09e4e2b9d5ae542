"""Base class of models for skeleton clips."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.errors import InputError, InputTypeError
from graphkit.nn.clip_shape import check_clips
from graphkit.nn.models.graph_model import GraphModel
from graphkit.nn.options import DEEPEST, WIDEST, check_counts
from graphkit.nn.packed_clips import PackedClips
from graphkit.registry import get_layout

if TYPE_CHECKING:
    from graphkit.skeleton import SkeletonLayout


class SkeletonModel(GraphModel):
    """Base class of models for skeleton clips.

    Clips of any length are concatenated as ``x`` ``[F, P, V, C]`` with their ``lengths``; clips of equal length may
    also be ``[batch, C, T, V, P]``. Absent persons are zeros.

    Args:
        in_channels (int): Number of channels C of a joint.
        layout (str or SkeletonLayout): Joint layout, or its registered name, see
            :func:`graphkit.skeleton.layout_names`.
        num_persons (int): Number of persons P.
    """

    reads: ClassVar[Literal["graphs", "skeleton clips"]] = "skeleton clips"

    def __init__(self, in_channels: int, layout: "str | SkeletonLayout", num_persons: int) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, num_persons=num_persons)
        self.in_channels = in_channels
        self.layout: SkeletonLayout = get_layout(layout) if isinstance(layout, str) else layout
        if not hasattr(self.layout, "num_joints"):
            raise InputTypeError(f"`layout` must be a layout or the name of one, such as ntu-25 (got {layout!r:.80})")
        self.num_persons = num_persons
        #: Input norm, with separate statistics per joint and person.
        self.norm_data = torch.nn.BatchNorm1d(num_persons * self.layout.num_joints * in_channels)

    @staticmethod
    def check_stages(channels: Sequence[int], blocks: Sequence[int]) -> None:
        """Validates the widths and the numbers of blocks of the stages."""
        for name, values, most in (("channels", channels, WIDEST), ("blocks", blocks, DEEPEST)):
            if isinstance(values, str) or not isinstance(values, Sequence):
                raise InputTypeError(f"`{name}` must be a list of whole numbers (got {values!r:.80})")
            for value in values:
                check_counts(least=-most, most=most, **{name: value})
        if len(channels) != len(blocks) or not channels or min(*channels, *blocks) < 1:
            raise InputError(
                "`channels` and `blocks` must name as many widths as numbers of blocks, all at least 1 "
                f"(got {list(channels)} and {list(blocks)})"
            )

    @classmethod
    def from_data(cls, dataset: Any, **options: Any) -> "SkeletonModel":
        """Creates a model with the layout and the widths of a skeleton data set."""
        given = {"layout": dataset.layout, "num_persons": dataset.num_persons, "in_channels": dataset.num_features}
        return cls(**{**options, **given, "num_classes": dataset.num_outputs})  # type: ignore[arg-type]

    def inputs(self, data: Data) -> dict[str, Any]:
        """Returns the arguments of ``forward`` for a batch of clips."""
        return {"x": data.x, "lengths": data.lengths}

    def sequences(self, x: Tensor, lengths: Sequence[int] | Tensor | None) -> tuple[Tensor, PackedClips]:
        """Normalizes a batch of clips and packs it as one sequence per clip and person.

        Args:
            x (Tensor): Clips ``[F, P, V, C]`` or ``[batch, C, T, V, P]``.
            lengths (Sequence[int] or Tensor): Number of frames of each clip in the first form; ``None`` in the second.

        Returns:
            Frames ``[F P, V, C]`` and their index, in the order clip, person.

        Raises:
            InputError: If the number of channels, joints, persons or frames does not match.
        """
        check_clips(x, self.in_channels, self.layout.num_joints, self.num_persons, lengths is not None)
        if lengths is None:
            clips = PackedClips.regular(x.size(0), x.size(2), x.device)
            x = x.permute(0, 2, 4, 3, 1).flatten(0, 1)
        else:
            counts = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
            if sum(counts) != x.size(0):
                raise InputError(f"`lengths` must add up to the frames in `x`, {x.size(0)} (got {sum(counts)})")
            clips = PackedClips.from_lengths(counts, x.device)
        x = self.norm_data(x.flatten(1)).view(x.shape)
        if self.num_persons == 1:
            return x.squeeze(1), clips
        packed, rows = clips.for_each(self.num_persons)
        if clips.every is not None:
            return x.unflatten(0, (-1, clips.every)).transpose(1, 2).flatten(0, 2), packed
        return x.flatten(0, 1).index_select(0, rows), packed

    def pooled(self, x: Tensor, packed: PackedClips) -> Tensor:
        """Averages over joints, frames and persons: ``[F P, V, C]`` to ``[N, C]``."""
        means = packed.mean(x.mean(dim=1, dtype=self.norm_data.weight.dtype))
        return means.unflatten(0, (-1, self.num_persons)).mean(dim=1)
