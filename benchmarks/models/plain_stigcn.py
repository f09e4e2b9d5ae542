"""STIGCN in the straightforward form: each branch its own product and norm, on ``[N, C, T, V]`` tensors.

It is what the benchmark measures against and what the tests compare with. Its parameters have the names of the
released checkpoint, so that :func:`graphkit.nn.stigcn_weights` reads them.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphkit.nn import skeleton_supports
from graphkit.registry import get_layout


class Convolved(nn.Module):
    """A convolution and its norm."""

    def __init__(self, in_channels: int, out_channels: int, frames: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, (frames, 1), padding=(frames // 2, 0), bias=False)
        self.bn = nn.BatchNorm2d(out_channels)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out")

    def forward(self, x: Tensor) -> Tensor:
        """Returns the normed result."""
        return self.bn(self.conv(x))


class Attention(nn.Module):
    """The matrix that depends on the data."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.proj1, self.proj2 = (nn.Conv2d(in_channels, width, 1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``[N, V, V]``."""
        a, b = self.proj1(x), self.proj2(x)
        size = a.size(1) * a.size(2)
        return torch.softmax(torch.einsum("nctu,nctv->nuv", a, b) / size, dim=1)


class SpatialPath(nn.Module):
    """One product with each of four matrices, then a convolution and a norm each, then their fusion."""

    def __init__(self, in_channels: int, out_channels: int, supports: Tensor) -> None:
        super().__init__()
        self.register_buffer("supports", supports, persistent=False)
        for number in range(1, 5):
            setattr(self, f"PA{number}", nn.Parameter(torch.full_like(supports[0], 1e-6)))
        self.PCA = nn.Parameter(torch.full((1,), 1e-6))
        self.CA = Attention(in_channels, out_channels // 4)
        self.branches = nn.ModuleList(Convolved(in_channels, out_channels // 4) for _ in range(4))
        self.fusion = Convolved(out_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the path's part of the sum."""
        shared = self.PCA * self.CA(x)
        outs = []
        for number, branch in enumerate(self.branches):
            matrix = self.supports[number] + shared + getattr(self, f"PA{number + 1}")
            mixed = torch.matmul(x.flatten(1, 2), matrix).view_as(x)
            outs.append(F.relu(branch(mixed)))
        return self.fusion(torch.cat(outs, dim=1))


class TemporalPath(nn.Module):
    """Convolutions over three frames of positions and of motion, and their fusion."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Convolved(in_channels, out_channels // 2, 3) for _ in range(2))
        self.fusion = Convolved(out_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the path's part of the sum."""
        motion = F.pad(x[:, :, 1:] - x[:, :, :-1], (0, 0, 0, 1))
        pair = [F.relu(branch(branch_input)) for branch, branch_input in zip(self.branches, (x, motion), strict=True)]
        return self.fusion(torch.cat(pair, dim=1))


class Block(nn.Module):
    """The sum of both paths and of what goes past them."""

    def __init__(self, in_channels: int, out_channels: int, supports: Tensor, residual: bool) -> None:
        super().__init__()
        self.spatial = SpatialPath(in_channels, out_channels, supports)
        self.temporal = TemporalPath(in_channels, out_channels)
        self.residual = residual
        self.shortcut = Convolved(in_channels, out_channels) if residual and in_channels != out_channels else None

    def forward(self, x: Tensor) -> Tensor:
        """Returns the block's output."""
        out = self.spatial(x) + self.temporal(x)
        if self.residual:
            out = out + (x if self.shortcut is None else self.shortcut(x))
        return F.relu(out)


class PlainSTIGCN(nn.Module):
    """The network on ``[N, C, T, V, P]``."""

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 60,
        layout: str = "ntu-25",
        num_persons: int = 2,
        widths: tuple[int, ...] = (64, 128, 256),
        polynomial: str = "elementwise",
    ) -> None:
        super().__init__()
        skeleton = get_layout(layout)
        supports = skeleton_supports(skeleton.edges, skeleton.num_joints, polynomial)
        self.data_bn = nn.Module()
        self.data_bn.bn = nn.BatchNorm1d(num_persons * skeleton.num_joints * in_channels)
        self.layer0 = Block(in_channels, widths[0], supports, residual=False)
        inputs = (widths[0], *widths)
        for number, width in enumerate(widths):
            sizes = (inputs[number], width, width)
            stage = nn.Sequential(*(Block(size, width, supports, residual=True) for size in sizes))
            setattr(self, f"layer{number + 1}", stage)
        self.num_stages = len(widths)
        self.fc = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the scores of the actions (without dropout)."""
        count, _, frames, _, persons = x.shape
        x = x.permute(0, 4, 3, 1, 2)  # [N, P, V, C, T]
        x = self.data_bn.bn(x.flatten(1, 3)).view_as(x).permute(0, 1, 3, 4, 2).flatten(0, 1)
        x = self.layer0(x)
        for number in range(1, self.num_stages + 1):
            x = getattr(self, f"layer{number}")(F.max_pool2d(x, (2, 1)))
        return self.fc(x.mean(dim=(2, 3)).view(count, persons, -1).mean(dim=1))
