"""The description of a set of skeleton clips."""

from dataclasses import dataclass, field

from graphkit.data.clips import ClipCollection
from graphkit.data.dataset import GraphDataset
from graphkit.skeleton import SkeletonLayout


@dataclass(frozen=True)
class SkeletonDataset(GraphDataset):
    """A data set of clips: a :class:`GraphDataset` whose ``graphs`` are a :class:`~graphkit.data.ClipCollection`.

    Args:
        layout: The joints and bones.
        num_persons: Number of persons in a clip P; those who are absent are zeros.
    """

    graphs: ClipCollection
    layout: SkeletonLayout = field(kw_only=True)
    num_persons: int = field(kw_only=True)

    def __repr__(self) -> str:
        size = f"{len(self.graphs)} clips of {self.layout.name} ({self.graphs.stream}), {self.num_persons} person(s)"
        splits = repr(self.splits[0]) if len(self.splits) == 1 else f"{len(self.splits)} splits"
        widths = f"{self.num_features} channels, {self.num_outputs} actions"
        return f"SkeletonDataset({self.name}, {size}, {widths}, {splits})"
