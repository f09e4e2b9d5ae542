"""Spatio-temporal inception graph convolutional network (STIGCN)."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.nn.conv.st_inception_conv import STInceptionConv
from graphkit.nn.models.skeleton_model import SkeletonModel
from graphkit.nn.options import check_counts, check_shares
from graphkit.nn.skeleton_supports import skeleton_supports
from graphkit.registry import register_model

if TYPE_CHECKING:
    from graphkit.skeleton import SkeletonLayout


@register_model("stigcn")
class STIGCN(SkeletonModel):
    """Spatio-temporal inception network (STIGCN, ACM Multimedia 2020).

    Input norm, one :class:`~graphkit.nn.STInceptionConv` block without a shortcut, stages of blocks, mean over frames,
    joints and persons, dropout, linear classifier. Max pooling before every stage halves the number of frames.

    Args:
        in_channels (int, optional): Number of channels C of a joint. (default: ``3``)
        num_classes (int, optional): Number of actions. (default: ``60``)
        layout (str or SkeletonLayout, optional): Joint layout, or its registered name, see
            :func:`graphkit.skeleton.layout_names`. (default: ``"ntu-25"``)
        num_persons (int, optional): Number of persons P. (default: ``2``)
        channels (Sequence[int], optional): Width of the blocks of each stage; the first block has the first width.
            (default: ``(64, 128, 256)``)
        blocks (Sequence[int], optional): Number of blocks of each stage. (default: ``(3, 3, 3)``)
        dropout (float, optional): Dropout before the linear classifier. (default: ``0.5``)
        polynomial (str, optional): ``"matrix"``, or ``"elementwise"`` for the released weights, see
            :func:`~graphkit.nn.skeleton_supports`. (default: ``"matrix"``)

    Shapes:
        - **input:** concatenated clips ``x`` ``[F, P, V, C]`` with ``lengths``, or ``x`` ``[N, C, T, V, P]``.
        - **output:** ``[N, num_classes]``; with ``return_attention`` also the list of the joint matrices
          ``[N P, 4, V, V]`` of each block.

    Reference:
        Huang, Shen, Tian, Li, Huang and Hua, `Spatio-Temporal Inception Graph Convolutional Networks for Skeleton-Based
        Action Recognition <https://arxiv.org/abs/2011.13322>`_, ACM Multimedia 2020.

    Differences:
        The released code uses powers of the entries instead of matrix powers. Clips may have any length; a sequence of
        one frame is not pooled. See :class:`~graphkit.nn.STInceptionConv` for the order of operations, and
        :func:`~graphkit.nn.stigcn_weights` to load the released weights.
    """

    returns_joint_attention = True
    #: Names of the parameters that may be excluded from weight decay: the additions to the fixed supports.
    no_decay = ("adapt", "rho")

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 60,
        layout: "str | SkeletonLayout" = "ntu-25",
        num_persons: int = 2,
        channels: Sequence[int] = (64, 128, 256),
        blocks: Sequence[int] = (3, 3, 3),
        dropout: float = 0.5,
        polynomial: str = "matrix",
    ) -> None:
        super().__init__(in_channels, layout, num_persons)
        self.check_stages(channels, blocks)
        check_counts(num_classes=num_classes)
        check_shares(dropout=dropout)
        self.dropout = dropout
        supports = skeleton_supports(self.layout.edges, self.layout.num_joints, polynomial)
        width = channels[0]
        self.first = STInceptionConv(in_channels, width, supports, shortcut=False)
        self.stages = torch.nn.ModuleList()
        for out, count in zip(channels, blocks, strict=True):
            widths = [width, *[out] * count]
            pairs = zip(widths, widths[1:], strict=False)
            self.stages.append(torch.nn.ModuleList(STInceptionConv(*pair, supports) for pair in pairs))
            width = out
        self.classifier = torch.nn.Linear(width, num_classes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Resets all parameters."""
        self.norm_data.reset_parameters()
        for module in self.modules():
            if isinstance(module, STInceptionConv):
                module.reset_parameters()
        torch.nn.init.normal_(self.classifier.weight, 0.0, math.sqrt(2.0 / self.classifier.out_features))
        torch.nn.init.zeros_(self.classifier.bias)

    def forward(
        self, x: Tensor, lengths: Sequence[int] | Tensor | None = None, *, return_attention: bool = False
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        """Returns the logits ``[N, num_classes]`` and, on request, the joint matrices."""
        x, frames = self.sequences(x, lengths)
        x, matrices = self.first(x, frames, return_attention=True)
        attention = [matrices]
        for stage in self.stages:
            x, frames = frames.max_pool(x), frames.halved()
            for block in stage:  # type: ignore[attr-defined]
                x, matrices = block(x, frames, return_attention=True)
                attention.append(matrices)
        out = self.classifier(F.dropout(self.pooled(x, frames), self.dropout, self.training))
        return (out, attention) if return_attention else out
