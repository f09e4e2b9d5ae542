"""Spatial temporal graph convolutional network (ST-GCN)."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphkit.nn.conv.st_gcn_conv import STGCNConv
from graphkit.nn.models.skeleton_model import SkeletonModel
from graphkit.nn.options import check_counts, check_shares
from graphkit.nn.spatial_partition import spatial_partition
from graphkit.registry import register_model

if TYPE_CHECKING:
    from graphkit.skeleton import SkeletonLayout


@register_model("st-gcn")
class STGCN(SkeletonModel):
    """Spatial temporal graph convolutional network (ST-GCN, AAAI 2018).

    Input norm, stages of :class:`~graphkit.nn.STGCNConv` blocks, mean over frames, joints and persons, linear
    classifier. The first block of every stage but the first halves the number of frames.

    Args:
        in_channels (int, optional): Number of channels C of a joint. (default: ``3``)
        num_classes (int, optional): Number of actions. (default: ``60``)
        layout (str or SkeletonLayout, optional): Joint layout, or its registered name, see
            :func:`graphkit.skeleton.layout_names`. (default: ``"ntu-25"``)
        num_persons (int, optional): Number of persons P. (default: ``2``)
        channels (Sequence[int], optional): Width of the blocks of each stage. (default: ``(64, 128, 256)``)
        blocks (Sequence[int], optional): Number of blocks of each stage. (default: ``(4, 3, 3)``)
        dropout (float, optional): Dropout before the residual sum of each block but the first. (default: ``0.5``)
        window (int, optional): Kernel size of the temporal convolutions in frames. (default: ``9``)

    Shapes:
        - **input:** concatenated clips ``x`` ``[F, P, V, C]`` with ``lengths``, or ``x`` ``[N, C, T, V, P]``.
        - **output:** ``[N, num_classes]``.

    Reference:
        Yan, Xiong and Lin, `Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition
        <https://arxiv.org/abs/1801.07455>`_, AAAI 2018.
    """

    #: Names of the parameters that may be excluded from weight decay: the edge importances.
    no_decay = ("importance",)

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 60,
        layout: "str | SkeletonLayout" = "ntu-25",
        num_persons: int = 2,
        channels: Sequence[int] = (64, 128, 256),
        blocks: Sequence[int] = (4, 3, 3),
        dropout: float = 0.5,
        window: int = 9,
    ) -> None:
        super().__init__(in_channels, layout, num_persons)
        self.check_stages(channels, blocks)
        check_counts(num_classes=num_classes)
        check_shares(dropout=dropout)
        parts = spatial_partition(self.layout.edges, self.layout.num_joints, self.layout.center)
        self.blocks = torch.nn.ModuleList()
        width = in_channels
        for stage, (out, count) in enumerate(zip(channels, blocks, strict=True)):
            for position in range(count):
                is_first = not self.blocks
                stride = 2 if stage and not position else 1
                share = 0.0 if is_first else dropout
                self.blocks.append(STGCNConv(width, out, parts, stride, not is_first, share, window))
                width = out
        self.classifier = torch.nn.Linear(width, num_classes)
        torch.nn.init.normal_(self.classifier.weight, 0.0, math.sqrt(1.0 / width))

    def forward(self, x: Tensor, lengths: Sequence[int] | Tensor | None = None) -> Tensor:
        """Returns the logits ``[N, num_classes]`` of the clips."""
        x, frames = self.sequences(x, lengths)
        for block in self.blocks:
            x = block(x, frames)
            frames = frames.strided(block.stride)  # type: ignore[arg-type]
        return self.classifier(self.pooled(x, frames))
