"""Spatio-temporal inception graph convolution block (STIGCN)."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.errors import InputError, InputTypeError
from graphkit.nn.options import check_counts, check_flags
from graphkit.nn.packed_clips import PackedClips
from graphkit.nn.sync_batch_norm import normalize
from graphkit.ops import joint_affinity, joint_mix, temporal_conv3

#: Initial value of the learned additions to the supports and, with a shortcut, of the weights of the last norms.
SMALL = 1e-6


class STInceptionConv(torch.nn.Module):
    r"""Spatio-temporal inception graph convolution block (STIGCN).

    The spatial path is a graph convolution over fixed supports :math:`\mathbf{S}_k`, each with a learned addition
    :math:`\mathbf{B}_k` and a data-dependent matrix :math:`\mathbf{C}` weighted by :math:`\rho`. The temporal path is a
    convolution over three frames of the positions :math:`\mathbf{X}_t` and of the motion
    :math:`\mathbf{X}_{t+1} - \mathbf{X}_t` (zero in the last frame):

    .. math::
        \mathbf{C} &= \mathrm{softmax}_{columns} \left( \tfrac{1}{T D} \sum_t \theta(\mathbf{X}_t)
        \phi(\mathbf{X}_t)^{\top} \right), \qquad \mathbf{A}_k = \mathbf{S}_k + \rho \, \mathbf{C} + \mathbf{B}_k

        \mathbf{Y}_k &= \mathrm{ReLU} \, \mathrm{BN} \left( \mathbf{A}_k^{\top} \mathbf{X} \mathbf{W}_k \right),
        \qquad \mathbf{Z}_j = \mathrm{ReLU} \, \mathrm{BN} \left( \mathrm{conv}_3 (\mathbf{X}^{(j)}) \right)

        \mathbf{X}' &= \mathrm{ReLU} \left( \mathrm{BN}([\mathbf{Y}_1 \ldots \mathbf{Y}_K] \mathbf{U}) +
        \mathrm{BN}([\mathbf{Z}_0, \mathbf{Z}_1] \mathbf{U}') + \mathrm{shortcut}(\mathbf{X}) \right)

    with the width :math:`D = C_{out} / K` of a branch. The shortcut is the identity, or a normalized projection where
    widths differ.

    Args:
        in_channels (int): Width of the input.
        out_channels (int): Width of the output; must be even and divisible by the number of supports.
        supports (Tensor): Fixed supports ``[K, V, V]``, column = receiving joint, see
            :func:`~graphkit.nn.skeleton_supports`.
        shortcut (bool, optional): If ``False``, the block has no residual connection. (default: ``True``)

    Shapes:
        - **input:** ``x`` ``[F, V, in_channels]``, the concatenated frames of all sequences, and ``frames``, a
          :class:`~graphkit.nn.PackedClips` (a single sequence if ``None``).
        - **output:** ``[F, V, out_channels]``; with ``return_attention`` also the matrices :math:`\mathbf{A}_k`
          ``[N, K, V, V]``.

    Reference:
        Huang, Shen, Tian, Li, Huang and Hua, `Spatio-Temporal Inception Graph Convolutional Networks for Skeleton-Based
        Action Recognition <https://arxiv.org/abs/2011.13322>`_, ACM Multimedia 2020.

    Differences:
        Results equal those of the released code, in another order of operations: the products with the weights come
        before the mixing of joints and the shifts of frames, which then have fewer channels. Sequences of different
        lengths are packed instead of padded. The supports are buffers.
    """

    supports: Tensor

    def __init__(self, in_channels: int, out_channels: int, supports: Tensor, shortcut: bool = True) -> None:
        super().__init__()
        check_counts(in_channels=in_channels, out_channels=out_channels)
        check_flags(shortcut=shortcut)
        if not isinstance(supports, Tensor) or not supports.is_floating_point():
            raise InputTypeError(f"`supports` must be a float tensor [K, V, V] (got {type(supports).__name__})")
        if supports.dim() != 3 or supports.size(1) != supports.size(2):
            raise InputError(f"`supports` must be [K, V, V] (got {list(supports.shape)})")
        branches, joints = supports.size(0), supports.size(1)
        if out_channels % branches or out_channels % 2:
            raise InputError(
                f"`out_channels` must be even and divisible by the number of supports, {branches} "
                f"(got {out_channels}); choose another width"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.shortcut = shortcut
        self.register_buffer("supports", supports.clone())
        width, half = out_channels // branches, out_channels // 2

        self.weight_embed = torch.nn.Parameter(torch.empty(in_channels, 2, width))
        self.bias_embed = torch.nn.Parameter(torch.empty(2, width))
        self.weight_branch = torch.nn.Parameter(torch.empty(in_channels, branches, width))
        self.weight_window = torch.nn.Parameter(torch.empty(in_channels, 2, 3, half))
        self.adapt = torch.nn.Parameter(torch.empty(branches, joints, joints))
        self.rho = torch.nn.Parameter(torch.empty(1))
        self.weight_space = torch.nn.Parameter(torch.empty(out_channels, out_channels))
        self.weight_time = torch.nn.Parameter(torch.empty(out_channels, out_channels))
        self.norm_branch, self.norm_window, self.norm_space, self.norm_time = (
            torch.nn.BatchNorm1d(out_channels) for _ in range(4)
        )
        if self.projects:
            self.weight_shortcut = torch.nn.Parameter(torch.empty(in_channels, out_channels))
            self.norm_shortcut = torch.nn.BatchNorm1d(out_channels)
        self.reset_parameters()

    @property
    def projects(self) -> bool:
        """True if the shortcut is a projection."""
        return self.shortcut and self.in_channels != self.out_channels

    def reset_parameters(self) -> None:
        """Resets the weights (Kaiming-normal, fan-out).

        A block with a shortcut starts close to the identity.
        """
        for weight, fan_out in (
            (self.weight_embed, self.weight_embed.size(2)),
            (self.weight_branch, self.weight_branch.size(2)),
            (self.weight_window, 3 * self.weight_window.size(3)),
            (self.weight_space, self.out_channels),
            (self.weight_time, self.out_channels),
            *([(self.weight_shortcut, self.out_channels)] if self.projects else []),
        ):
            torch.nn.init.normal_(weight, 0.0, math.sqrt(2.0 / fan_out))
        torch.nn.init.zeros_(self.bias_embed)
        for norm in self.children():
            norm.reset_parameters()  # type: ignore[operator]
        for small in (self.adapt, self.rho):
            torch.nn.init.constant_(small, SMALL)
        if self.shortcut:
            torch.nn.init.constant_(self.norm_space.weight, SMALL)
            torch.nn.init.constant_(self.norm_time.weight, SMALL)

    def forward(
        self, x: Tensor, frames: PackedClips | None = None, *, return_attention: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Returns the output features and, with ``return_attention``, the joint matrices."""
        if x.dim() != 3 or x.shape[1:] != (self.supports.size(1), self.in_channels):
            wanted = f"[F, {self.supports.size(1)} joints, {self.in_channels} channels]"
            raise InputError(f"`x` must be {wanted} (got {list(x.shape)})")
        if frames is None:
            frames = PackedClips.regular(1, x.size(0), x.device)
        # Products come before the mixing of joints and the shifts of frames: all are linear, and there are fewer
        # channels after them. A single product for all weights would concatenate their gradients, which is a copy.
        embedded, branched, windowed = (
            torch.mm(x.flatten(0, 1), weight.flatten(1)).view(*x.shape[:2], *weight.shape[1:])
            for weight in (self.weight_embed, self.weight_branch, self.weight_window)
        )
        matrices = self.supports + self.rho * self.attention(embedded + self.bias_embed, frames) + self.adapt
        space = joint_mix(branched, matrices, frames.ptr, frames.every)
        time = temporal_conv3(windowed, frames.ptr, frames.every)
        rows = [space.flatten(0, 1).flatten(1), time.flatten(0, 1).flatten(1)]
        space, time = normalize([self.norm_branch, self.norm_window], rows)
        rows = [F.relu(space) @ self.weight_space, F.relu(time) @ self.weight_time]
        if self.projects:
            rows.append(x.flatten(0, 1) @ self.weight_shortcut)
        out, *others = normalize(self._outer_norms(), rows)
        for other in others:
            out = out + other
        if self.shortcut and not self.projects:
            out = out + x.flatten(0, 1)
        out = F.relu(out).unflatten(0, x.shape[:2])
        return (out, matrices) if return_attention else out

    def _outer_norms(self) -> list[torch.nn.Module]:
        """Returns the norms of the summed branches."""
        return [self.norm_space, self.norm_time, *([self.norm_shortcut] if self.projects else [])]

    def attention(self, embedded: Tensor, frames: PackedClips) -> Tensor:
        """Returns the data-dependent joint matrix ``[N, 1, V, V]`` from the embeddings."""
        scores = joint_affinity(embedded[:, :, :1], embedded[:, :, 1:], frames.ptr, frames.every)
        return torch.softmax(scores / frames.sizes(scores, embedded.size(-1)), dim=-2)

    def __repr__(self) -> str:
        joints, branches = self.supports.size(1), self.supports.size(0)
        shape = f"{self.in_channels}, {self.out_channels}, joints={joints}, supports={branches}"
        return f"{self.__class__.__name__}({shape}{'' if self.shortcut else ', shortcut=False'})"
