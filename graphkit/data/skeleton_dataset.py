"""Data set class for skeleton clips."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from graphkit.data.clips import ClipCollection
from graphkit.data.dataset import GraphDataset
from graphkit.skeleton import SkeletonLayout
from graphkit.skeleton.augment import build_augmentation


@dataclass(frozen=True)
class SkeletonDataset(GraphDataset):
    """Data set of skeleton clips, in a :class:`~graphkit.data.ClipCollection`.

    Args:
        layout (SkeletonLayout): Joints and bones.
        num_persons (int): Number of persons P per clip; missing persons are zeros.
    """

    holds: ClassVar[Literal["graphs", "skeleton clips"]] = "skeleton clips"

    graphs: ClipCollection
    layout: SkeletonLayout = field(kw_only=True)
    num_persons: int = field(kw_only=True)

    def __repr__(self) -> str:
        size = f"{len(self.graphs)} clips of {self.layout.name} ({self.graphs.stream}), {self.num_persons} person(s)"
        splits = repr(self.splits[0]) if len(self.splits) == 1 else f"{len(self.splits)} splits"
        widths = f"{self.num_features} channels, {self.num_outputs} actions"
        return f"SkeletonDataset({self.name}, {size}, {widths}, {splits})"

    @property
    def sizes(self) -> Tensor:
        """Number of frames of each clip ``[G]``."""
        return self.graphs.lengths

    @property
    def joint_edges(self) -> Tensor:
        """Bones of the skeleton as edges ``[2, E]`` in both directions."""
        pairs = torch.tensor(self.layout.edges, dtype=torch.long).view(-1, 2).t()
        return torch.cat([pairs, pairs.flip(0)], dim=1)

    def augmentation(self, items: Sequence[Any]) -> Any:
        """Returns the augmentation of training clips; ``None`` without ``items``."""
        return build_augmentation(items, self.graphs.layout, self.graphs.coordinates)

    def tensors(self) -> dict[str, Tensor]:
        """Returns the frames, the lengths and the actions of all clips."""
        return {"x": self.graphs.x, "lengths": self.graphs.lengths, "y": self.graphs.y}
