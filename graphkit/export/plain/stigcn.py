"""Plain form of STIGCN."""

import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.export.plain.clip_model import PlainClipModel, affine, over_frames, pointwise
from graphkit.export.plain.dispatch import plain_form
from graphkit.nn.conv.st_inception_conv import STInceptionConv
from graphkit.nn.models.stigcn import STIGCN


class PlainSTInceptionConv(torch.nn.Module):
    """Plain form of :class:`~graphkit.nn.STInceptionConv` with folded norms.

    It consists of convolutions over channels and over three frames, and two batched matrix products that mix the
    joints.

    Args:
        conv (STInceptionConv): Trained layer.

    Shapes:
        - **input:** ``[N, in_channels, T, V]``.
        - **output:** ``[N, out_channels, T, V]``.
    """

    kernel_embed: Tensor
    bias_embed: Tensor
    kernel_branch: Tensor
    bias_branch: Tensor
    kernel_place: Tensor
    bias_place: Tensor
    kernel_motion: Tensor
    bias_motion: Tensor
    kernel_space: Tensor
    kernel_time: Tensor
    kernel_shortcut: Tensor
    bias_out: Tensor
    matrices: Tensor
    rho: Tensor

    def __init__(self, conv: STInceptionConv) -> None:
        super().__init__()
        self.shortcut, self.projects = conv.shortcut, conv.projects
        self.branches, self.width = conv.supports.size(0), conv.bias_embed.size(1)
        with torch.no_grad():
            by_branch, to_branch = affine(conv.norm_branch)
            by_window, to_window = affine(conv.norm_window)
            by_space, to_space = affine(conv.norm_space)
            by_time, to_time = affine(conv.norm_time)
            window = (conv.weight_window * by_window.view(1, 2, 1, -1)).permute(1, 2, 0, 3)  # [2, 3, in, half]
            parts = {
                "kernel_embed": pointwise(conv.weight_embed.flatten(1)),
                "bias_embed": conv.bias_embed.flatten().clone(),
                "kernel_branch": pointwise(conv.weight_branch.flatten(1) * by_branch),
                "bias_branch": to_branch.view(1, -1, 1, 1).clone(),
                "kernel_place": over_frames(window[0]),
                "bias_place": to_window[: window.size(3)].clone(),
                "kernel_motion": over_frames(window[1]),
                "bias_motion": to_window[window.size(3) :].clone(),
                "kernel_space": pointwise(conv.weight_space * by_space),
                "kernel_time": pointwise(conv.weight_time * by_time),
                "matrices": conv.supports + conv.adapt,
                "rho": conv.rho.clone(),
            }
            shift = to_space + to_time
            if conv.projects:
                by_shortcut, to_shortcut = affine(conv.norm_shortcut)
                parts["kernel_shortcut"] = pointwise(conv.weight_shortcut * by_shortcut)
                shift = shift + to_shortcut
            for name, value in {**parts, "bias_out": shift}.items():
                self.register_buffer(name, value)

    def forward(self, x: Tensor) -> Tensor:
        """Computes the output features."""
        count, _, frames, joints = x.shape
        theta, phi = (
            F.conv2d(x, self.kernel_embed, self.bias_embed)
            .flatten(2)
            .view(count, 2, self.width * frames, joints)
            .unbind(1)
        )
        attention = torch.softmax(theta.transpose(1, 2) @ phi / (self.width * frames), dim=1)
        matrices = self.matrices + self.rho * attention.unsqueeze(1)
        branched = F.conv2d(x, self.kernel_branch).view(count, self.branches, self.width * frames, joints)
        space = (branched @ matrices).view(count, self.branches * self.width, frames, joints) + self.bias_branch
        motion = F.pad(x, (0, 0, 0, 1), mode="replicate")[:, :, 1:] - x  # zero motion in the last frame
        places = F.conv2d(x, self.kernel_place, self.bias_place, padding=(1, 0))
        moves = F.conv2d(motion, self.kernel_motion, self.bias_motion, padding=(1, 0))
        out = F.conv2d(space.relu(), self.kernel_space, self.bias_out)
        out = out + F.conv2d(torch.cat([places, moves], dim=1).relu(), self.kernel_time)
        if self.projects:
            out = out + F.conv2d(x, self.kernel_shortcut)
        elif self.shortcut:
            out = out + x
        return out.relu()


class PlainSTIGCN(PlainClipModel):
    """Plain form of :class:`~graphkit.nn.STIGCN`, see :func:`plain_form`.

    Args:
        model (STIGCN): Trained model.

    Shapes:
        - **input:** ``[batch, C, T, V, P]``; with a dynamic number of frames, at least two frames per halving.
        - **output:** ``[batch, num_classes]``.
    """

    def __init__(self, model: STIGCN) -> None:
        super().__init__(model, model.classifier, 2 ** len(model.stages))
        self.first = PlainSTInceptionConv(model.first)
        self.stages = torch.nn.ModuleList(
            torch.nn.Sequential(*(PlainSTInceptionConv(block) for block in stage))  # type: ignore[attr-defined]
            for stage in model.stages
        )

    def body(self, x: Tensor) -> Tensor:
        """Applies all layers, halving the number of frames before each stage."""
        x = self.first(x)
        for stage in self.stages:
            x = stage(F.max_pool2d(x, (2, 1)) if x.size(2) > 1 else x)  # a single frame is kept
        return x


@plain_form.register
def _(model: STIGCN) -> PlainSTIGCN:
    return PlainSTIGCN(model).cpu().eval()
