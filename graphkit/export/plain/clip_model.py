"""Base class of the plain forms of clip models."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphkit.nn.clip_shape import check_clips

if TYPE_CHECKING:
    from graphkit.nn.models.skeleton_model import SkeletonModel


class PlainClipModel(torch.nn.Module, ABC):
    """Base class of clip models in plain form, for clips of equal length.

    Args:
        model (SkeletonModel): The model; its input batch norm is folded into a scale and a shift.
        classifier (Module): Final linear layer.
        least_frames (int): Smallest number of frames for an export with a dynamic number of frames.

    Shapes:
        - **input:** ``[batch, C, T, V, P]``.
        - **output:** ``[batch, num_classes]``.
    """

    factor: Tensor
    shift: Tensor
    weight_out: Tensor
    bias_out: Tensor

    def __init__(self, model: "SkeletonModel", classifier: torch.nn.Linear, least_frames: int) -> None:
        super().__init__()
        self.in_channels, self.num_persons = model.in_channels, model.num_persons
        self.num_joints, self.least_frames = model.layout.num_joints, least_frames
        shape = (self.num_persons, self.num_joints, self.in_channels)
        with torch.no_grad():
            for name, value in zip(("factor", "shift"), affine(model.norm_data), strict=True):
                by_axis = value.view(shape).permute(2, 1, 0)  # [C, V, P]
                self.register_buffer(name, by_axis[:, None].clone(memory_format=torch.contiguous_format))
            self.register_buffer("weight_out", classifier.weight.clone())
            self.register_buffer("bias_out", classifier.bias.clone())

    @abstractmethod
    def body(self, x: Tensor) -> Tensor:
        """Maps the persons of all clips from ``[N P, C, T, V]`` to ``[N P, C', T', V]``."""

    def forward(self, x: Tensor) -> Tensor:
        """Computes class scores ``[batch, num_classes]`` of clips ``[batch, C, T, V, P]``."""
        if not torch.compiler.is_compiling():
            check_clips(x, self.in_channels, self.num_joints, self.num_persons, False)
        x = x * self.factor + self.shift
        if self.num_persons == 1:
            means = self.body(x.squeeze(4)).mean(dim=(2, 3))
        else:
            means = self.body(x.permute(0, 4, 1, 2, 3).flatten(0, 1)).mean(dim=(2, 3))
            means = means.unflatten(0, (-1, self.num_persons)).mean(dim=1)
        return torch.nn.functional.linear(means, self.weight_out, self.bias_out)


def affine(norm: torch.nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Returns scale and shift of a batch norm in evaluation mode, per channel."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None
    factor = norm.weight * torch.rsqrt(variance + norm.eps)
    return factor, norm.bias - mean * factor


def pointwise(weight: Tensor) -> Tensor:
    """Converts a matrix ``[in, out]`` to a 1x1 convolution kernel ``[out, in, 1, 1]``."""
    return weight.t()[:, :, None, None].contiguous()


def over_frames(weight: Tensor) -> Tensor:
    """Converts matrices ``[W, in, out]`` to a temporal kernel ``[out, in, W, 1]``."""
    return weight.permute(2, 1, 0).unsqueeze(3).contiguous()
