"""The block of STIGCN for evaluation: norms folded into the products, products with one input joined."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphkit.nn.packed_clips import PackedClips
from graphkit.ops import joint_affinity, joint_mix, temporal_conv3

if TYPE_CHECKING:
    from graphkit.nn.conv.st_inception_conv import STInceptionConv


class FoldedSTInceptionConv(torch.nn.Module):
    """Gives the numbers of an :class:`~graphkit.nn.STInceptionConv` in evaluation mode with less work.

    A norm in evaluation is a factor and a shift of each channel. Mixing joints and shifting frames leave channels
    alone, so that factors move into the weights before and shifts into one addition after. What remains is one product
    with the input for embeddings, branches, windows and shortcut, the two operators that mix and shift, and the product
    of both paths. It cannot be trained.

    Args:
        conv: The block, whose norms have seen data.
        dtype: The type that products are computed in, such as ``torch.bfloat16``; that of the block by default. The
            matrices that mix joints stay in float32.

    Shapes:
        - **input:** as that of the block.
        - **output:** as that of the block, in ``dtype``.
    """

    weight_in: Tensor
    weight_space: Tensor
    weight_time: Tensor
    bias_out: Tensor
    bias_embed: Tensor
    bias_branch: Tensor
    bias_window: Tensor
    matrices: Tensor
    rho: Tensor

    def __init__(self, conv: "STInceptionConv", dtype: torch.dtype | None = None) -> None:
        super().__init__()
        dtype = dtype or conv.weight_space.dtype
        self.in_channels, self.out_channels = conv.in_channels, conv.out_channels
        self.shortcut, self.projects = conv.shortcut, conv.projects
        self.branches, self.width = conv.supports.size(0), conv.bias_embed.size(1)
        with torch.no_grad():
            by_branch, to_branch = affine(conv.norm_branch)
            by_window, to_window = affine(conv.norm_window)
            by_space, to_space = affine(conv.norm_space)
            by_time, to_time = affine(conv.norm_time)
            window = conv.weight_window * by_window.view(1, 2, 1, -1)
            weights = [conv.weight_embed.flatten(1), conv.weight_branch.flatten(1) * by_branch, window.flatten(1)]
            shift = to_space + to_time
            if conv.projects:
                by_shortcut, to_shortcut = affine(conv.norm_shortcut)
                weights.append(conv.weight_shortcut * by_shortcut)
                shift = shift + to_shortcut
            self.parts = tuple(weight.size(1) for weight in weights)
            self.register_buffer("weight_in", torch.cat(weights, dim=1).to(dtype))
            self.register_buffer("weight_space", (conv.weight_space * by_space).to(dtype))
            self.register_buffer("weight_time", (conv.weight_time * by_time).to(dtype))
            self.register_buffer("bias_out", shift.to(dtype))
            self.register_buffer("bias_embed", conv.bias_embed.clone())
            self.register_buffer("bias_branch", to_branch.view(self.branches, -1).clone())
            self.register_buffer("bias_window", to_window.view(2, -1).clone())
            self.register_buffer("matrices", conv.supports + conv.adapt)
            self.register_buffer("rho", conv.rho.clone())

    def forward(
        self, x: Tensor, frames: PackedClips | None = None, *, return_attention: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Runs the block; with ``return_attention`` the matrices that mixed the joints, ``[N, K, V, V]``, come too."""
        if frames is None:
            frames = PackedClips.regular(1, x.size(0), x.device)
        with torch.autocast(x.device.type, enabled=False):  # the block has types of its own
            out, matrices = self._run(x, frames)
        return (out, matrices) if return_attention else out

    def _run(self, x: Tensor, frames: PackedClips) -> tuple[Tensor, Tensor]:
        """Returns the output and the matrices that mixed the joints."""
        rows = x.flatten(0, 1).to(self.weight_in.dtype)
        products = torch.mm(rows, self.weight_in).unflatten(0, x.shape[:2])
        embedded, branched, windowed, *shortcut = products.split(self.parts, dim=-1)
        matrices = self.matrices + self.rho * self._attention(embedded, frames)
        out = self._past(rows, shortcut)
        branched = branched.unflatten(2, (self.branches, -1))
        space = joint_mix(branched, matrices, frames.ptr, frames.every, self.bias_branch, rectify=True)
        out = out.addmm_(space.flatten(2).flatten(0, 1), self.weight_space)
        windowed = windowed.unflatten(2, (2, 3, -1))
        time = temporal_conv3(windowed, frames.ptr, frames.every, self.bias_window, rectify=True)
        out = out.addmm_(time.flatten(2).flatten(0, 1), self.weight_time).relu_().unflatten(0, x.shape[:2])
        return out, matrices

    def _past(self, rows: Tensor, shortcut: list[Tensor]) -> Tensor:
        """Returns what goes past both paths, with all shifts."""
        if self.projects:
            return shortcut[0].flatten(0, 1) + self.bias_out
        return rows + self.bias_out if self.shortcut else self.bias_out.repeat(rows.size(0), 1)

    def _attention(self, embedded: Tensor, frames: PackedClips) -> Tensor:
        """Returns the matrix that depends on the data, ``[N, 1, V, V]``."""
        pair = embedded.unflatten(2, (2, -1)) + self.bias_embed.to(embedded.dtype)
        scores = joint_affinity(pair[:, :, :1], pair[:, :, 1:], frames.ptr, frames.every)
        return torch.softmax(scores / frames.sizes(scores, self.width), dim=-2)

    def __repr__(self) -> str:
        shape = f"{self.in_channels}, {self.out_channels}, joints={self.matrices.size(1)}, supports={self.branches}"
        return f"{self.__class__.__name__}({shape}, {self.weight_in.dtype})"


def affine(norm: torch.nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Returns the factor and the shift of each channel that a norm is in evaluation."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None
    factor = norm.weight * torch.rsqrt(variance + norm.eps)
    return factor, norm.bias - mean * factor
