"""STIGCN: inception blocks of spatial and temporal paths over skeleton clips."""

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
    """The network of `Spatio-Temporal Inception Graph Convolutional Networks <https://arxiv.org/abs/2011.13322>`_
    (ACM Multimedia 2020), for actions of persons.

    A norm of the coordinates; one block without a shortcut; stages of blocks, before each of which the number of frames
    is halved by a maximum of two; the mean over frames, joints and persons; dropout; a linear layer.

    Args:
        in_channels: Coordinates of a joint C.
        num_classes: Number of actions.
        layout: The joints and bones: a name, see :func:`graphkit.skeleton.layout_names`, or a layout.
        num_persons: Number of persons P.
        channels: Width of the blocks of each stage; the first block has the first width.
        blocks: Number of blocks of each stage.
        dropout: Dropout before the linear layer.
        polynomial: ``"matrix"``, or ``"elementwise"`` as the released weights need it, see
            :func:`~graphkit.nn.skeleton_supports`.

    Shapes:
        - **input:** clips end to end, ``x`` ``[F, P, V, C]`` with ``lengths``; or ``x`` ``[N, C, T, V, P]``.
        - **output:** ``[N, num_classes]``, or that and the list of matrices that mixed the joints in each block,
          ``[N P, 4, V, V]``, if ``return_attention`` is set.

    Reference:
        Huang, Shen, Tian, Li, Huang and Hua, *Spatio-Temporal Inception Graph Convolutional Networks for Skeleton-Based
        Action Recognition*, ACM Multimedia 2020.

    Differences:
        The released code takes powers of entries for powers of matrices. Here clips may have any length; a sequence of
        one frame is not halved. See :class:`~graphkit.nn.STInceptionConv` for the way the numbers are computed, and
        :func:`~graphkit.nn.stigcn_weights` for loading the released ones.
    """

    returns_joint_attention = True
    #: What the additions to the fixed supports are called: weight decay may spare them.
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
        """Draws new weights."""
        self.norm_data.reset_parameters()
        for module in self.modules():
            if isinstance(module, STInceptionConv):
                module.reset_parameters()
        torch.nn.init.normal_(self.classifier.weight, 0.0, math.sqrt(2.0 / self.classifier.out_features))
        torch.nn.init.zeros_(self.classifier.bias)

    def forward(
        self, x: Tensor, lengths: Sequence[int] | Tensor | None = None, *, return_attention: bool = False
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        """Returns the scores of the actions of each clip."""
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
