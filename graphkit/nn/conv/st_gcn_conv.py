"""Spatial temporal graph convolution block (ST-GCN)."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.errors import InputError, InputTypeError
from graphkit.nn.options import WIDEST, check_counts, check_flags, check_shares
from graphkit.nn.packed_clips import PackedClips
from graphkit.ops import joint_mix


class STGCNConv(torch.nn.Module):
    r"""Spatial temporal graph convolution block (ST-GCN).

    A spatial convolution over the partitions of the joint adjacency, then a temporal convolution:

    .. math::
        \mathbf{Y} &= \mathrm{ReLU} \, \mathrm{BN} \left( \sum_k (\mathbf{A}_k \odot \mathbf{M}_k)^{\top} (\mathbf{X}
        \mathbf{W}_k + \mathbf{b}_k) \right)

        \mathbf{X}' &= \mathrm{ReLU} \left( \mathrm{dropout} \, \mathrm{BN} (\mathrm{conv}_9(\mathbf{Y}) + \mathbf{c}) +
        \mathrm{shortcut}(\mathbf{X}) \right)

    with learned edge importances :math:`\mathbf{M}_k`, initialized to ones. The shortcut is the identity, or a
    normalized projection where widths or numbers of frames differ.

    Args:
        in_channels (int): Width of the input.
        out_channels (int): Width of the output.
        parts (Tensor): Partitioned adjacency :math:`\mathbf{A}_k` ``[K, V, V]``, see
            :func:`~graphkit.nn.spatial_partition`.
        stride (int, optional): Stride of the temporal convolution, in frames. (default: ``1``)
        shortcut (bool, optional): If ``False``, the block has no residual connection. (default: ``True``)
        dropout (float, optional): Dropout before the residual sum. (default: ``0.0``)
        window (int, optional): Kernel size of the temporal convolution in frames, odd. (default: ``9``)

    Shapes:
        - **input:** ``x`` ``[F, V, in_channels]``, the concatenated frames of all sequences, and ``frames``, a
          :class:`~graphkit.nn.PackedClips` (a single sequence if ``None``).
        - **output:** ``[F', V, out_channels]`` with the frames of ``frames.strided(stride)``.

    Reference:
        Yan, Xiong and Lin, `Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition
        <https://arxiv.org/abs/1801.07455>`_, AAAI 2018.

    Differences:
        Sequences of different lengths are packed instead of padded.
    """

    parts: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        parts: Tensor,
        stride: int = 1,
        shortcut: bool = True,
        dropout: float = 0.0,
        window: int = 9,
    ) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels)
        check_flags(shortcut=shortcut)
        check_shares(dropout=dropout)
        if not isinstance(parts, Tensor) or not parts.is_floating_point():
            raise InputTypeError(f"`parts` must be a float tensor [K, V, V] (got {type(parts).__name__})")
        if parts.dim() != 3 or parts.size(1) != parts.size(2):
            raise InputError(f"`parts` must be [K, V, V] (got {list(parts.shape)})")
        check_counts(least=-WIDEST, window=window, stride=stride)
        if window < 1 or window % 2 == 0 or stride < 1:
            raise InputError(f"`window` must be odd and `stride` at least 1 (got {window} and {stride})")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.stride, self.shortcut, self.dropout, self.window = stride, shortcut, dropout, window
        self.projects = shortcut and (in_channels != out_channels or stride != 1)
        self.register_buffer("parts", parts.clone())
        count = parts.size(0)
        self.weight = torch.nn.Parameter(torch.empty(count, in_channels, out_channels))
        self.bias = torch.nn.Parameter(torch.empty(count, out_channels))
        self.importance = torch.nn.Parameter(torch.empty_like(parts))
        self.norm_space = torch.nn.BatchNorm1d(out_channels)
        self.weight_time = torch.nn.Parameter(torch.empty(window, out_channels, out_channels))
        self.bias_time = torch.nn.Parameter(torch.empty(out_channels))
        self.norm_time = torch.nn.BatchNorm1d(out_channels)
        if self.projects:
            self.weight_shortcut = torch.nn.Parameter(torch.empty(in_channels, out_channels))
            self.norm_shortcut = torch.nn.BatchNorm1d(out_channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Resets the weights (Kaiming-normal, fan-in)."""
        for weight, fan_in in (
            (self.weight, self.in_channels),
            (self.weight_time, self.window * self.out_channels),
            *([(self.weight_shortcut, self.in_channels)] if self.projects else []),
        ):
            torch.nn.init.normal_(weight, 0.0, math.sqrt(2.0 / fan_in))
        torch.nn.init.zeros_(self.bias)
        torch.nn.init.zeros_(self.bias_time)
        torch.nn.init.ones_(self.importance)
        for norm in self.children():
            norm.reset_parameters()  # type: ignore[operator]

    def forward(self, x: Tensor, frames: PackedClips | None = None) -> Tensor:
        """Returns the output features ``[F', V, out_channels]``."""
        if x.dim() != 3 or x.shape[1:] != (self.parts.size(1), self.in_channels):
            wanted = f"[F, {self.parts.size(1)} joints, {self.in_channels} channels]"
            raise InputError(f"`x` must be {wanted} (got {list(x.shape)})")
        if frames is None:
            frames = PackedClips.regular(1, x.size(0), x.device)
        matrices = (self.parts * self.importance).unsqueeze(0)
        parts, joints = self.parts.shape[:2]
        if self.in_channels < self.out_channels:  # mix joints where there are fewer channels
            mixed = joint_mix(x.unsqueeze(2).expand(-1, -1, parts, -1), matrices, frames.ptr, frames.every)
            space = (mixed.flatten(2).flatten(0, 1) @ self.weight.flatten(0, 1)).view(-1, joints, self.out_channels)
        else:
            projected = (x.flatten(0, 1) @ self.weight.transpose(0, 1).flatten(1)).view(
                -1, joints, parts, self.out_channels
            )
            space = joint_mix(projected, matrices, frames.ptr, frames.every).sum(dim=2)
        space = space + (matrices[0].sum(dim=1).t() @ self.bias)  # biases after mixing
        space = F.relu(self.norm_space(space.flatten(0, 1))).unflatten(0, (-1, joints))
        time = self.norm_time(self._over_time(space, frames).flatten(0, 1))
        out = F.dropout(time, self.dropout, self.training)
        if self.shortcut:
            rows = frames.every_nth(x, self.stride).flatten(0, 1)
            out = out + (self.norm_shortcut(rows @ self.weight_shortcut) if self.projects else rows)
        return F.relu(out).unflatten(0, (-1, joints))

    def _over_time(self, x: Tensor, frames: PackedClips) -> Tensor:
        """Applies the temporal convolution: ``[F, V, C]`` to ``[F', V, C]``."""
        if frames.every is not None:
            image = x.unflatten(0, (-1, frames.every)).permute(0, 3, 1, 2)  # channels last in memory
            kernel = self.weight_time.permute(2, 1, 0).unsqueeze(3).contiguous(memory_format=torch.channels_last)
            out = F.conv2d(image, kernel, self.bias_time, (self.stride, 1), (self.window // 2, 0))
            return out.permute(0, 2, 3, 1).flatten(0, 1)
        padded = torch.cat([x, x.new_zeros(1, *x.shape[1:])])
        out = self.bias_time.to(x.dtype)
        for rows, weight in zip(frames.neighbors(self.window, self.stride), self.weight_time, strict=True):
            out = out + padded.index_select(0, rows) @ weight
        return out

    def __repr__(self) -> str:
        shape = f"{self.in_channels}, {self.out_channels}, joints={self.parts.size(1)}, stride={self.stride}"
        return f"{self.__class__.__name__}({shape})"
