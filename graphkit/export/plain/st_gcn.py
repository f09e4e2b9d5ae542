"""Plain form of ST-GCN."""

import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.export.plain.clip_model import PlainClipModel, affine, over_frames, pointwise
from graphkit.export.plain.dispatch import plain_form
from graphkit.nn.conv.st_gcn_conv import STGCNConv
from graphkit.nn.models.st_gcn import STGCN


class PlainSTGCNConv(torch.nn.Module):
    """Plain form of :class:`~graphkit.nn.STGCNConv` with folded norms.

    Args:
        conv (STGCNConv): Trained layer.

    Shapes:
        - **input:** ``[N, in_channels, T, V]``.
        - **output:** ``[N, out_channels, T', V]``, with stride ``stride`` over frames.
    """

    kernel: Tensor
    matrices: Tensor
    bias_space: Tensor
    kernel_time: Tensor
    bias_time: Tensor
    kernel_shortcut: Tensor

    def __init__(self, conv: STGCNConv) -> None:
        super().__init__()
        self.stride, self.shortcut, self.projects = conv.stride, conv.shortcut, conv.projects
        self.window, self.parts, self.out_channels = conv.window, conv.parts.size(0), conv.out_channels
        with torch.no_grad():
            by_space, to_space = affine(conv.norm_space)
            by_time, to_time = affine(conv.norm_time)
            matrices = conv.parts * conv.importance
            received = (matrices.sum(dim=1).t() @ conv.bias) * by_space + to_space  # [V, out]
            shift = conv.bias_time * by_time + to_time
            if conv.projects:
                by_shortcut, to_shortcut = affine(conv.norm_shortcut)
                self.register_buffer("kernel_shortcut", pointwise(conv.weight_shortcut * by_shortcut))
                shift = shift + to_shortcut
            # One kernel computes all spatial partitions of all channels.
            self.register_buffer("kernel", pointwise((conv.weight * by_space).transpose(0, 1).flatten(1)))
            self.register_buffer("matrices", matrices.clone())
            self.register_buffer("bias_space", received.t()[:, None].contiguous())  # [out, 1, V]
            self.register_buffer("kernel_time", over_frames(conv.weight_time * by_time))
            self.register_buffer("bias_time", shift)

    def forward(self, x: Tensor) -> Tensor:
        """Computes the output features."""
        count, _, frames, joints = x.shape
        projected = F.conv2d(x, self.kernel).view(count, self.parts, self.out_channels * frames, joints)
        space = (projected @ self.matrices).sum(dim=1).view(count, self.out_channels, frames, joints)
        space = (space + self.bias_space).relu()
        out = F.conv2d(space, self.kernel_time, self.bias_time, (self.stride, 1), (self.window // 2, 0))
        if self.projects:
            out = out + F.conv2d(x, self.kernel_shortcut, stride=(self.stride, 1))
        elif self.shortcut:
            out = out + x
        return out.relu()


class PlainSTGCN(PlainClipModel):
    """Plain form of :class:`~graphkit.nn.STGCN`, see :func:`plain_form`.

    Args:
        model (STGCN): Trained model.

    Shapes:
        - **input:** ``[batch, C, T, V, P]``.
        - **output:** ``[batch, num_classes]``.
    """

    def __init__(self, model: STGCN) -> None:
        super().__init__(model, model.classifier, 2)
        self.blocks = torch.nn.Sequential(*(PlainSTGCNConv(block) for block in model.blocks))  # type: ignore[arg-type]

    def body(self, x: Tensor) -> Tensor:
        """Applies all layers."""
        return self.blocks(x)


@plain_form.register
def _(model: STGCN) -> PlainSTGCN:
    return PlainSTGCN(model).cpu().eval()
