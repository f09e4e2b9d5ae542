"""Gradient stepper: mixed precision, gradient accumulation and optimizer steps."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor

from graphkit.errors import InputError


class GradientStepper:
    """Gradient steps with mixed precision and gradient accumulation.

    Args:
        name: ``"bfloat16"`` or ``"float16"`` for mixed precision, or ``"float32"``.
        accumulate: Number of batches whose gradients are averaged in a step.
        device: Device of the model.

    Raises:
        InputError: If the device does not support the precision.
    """

    def __init__(self, name: str = "float32", accumulate: int = 1, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device).type
        if name == "float16" and self.device != "cuda":
            raise InputError(f"`train.precision` float16 needs a GPU (got the device {self.device}); take bfloat16")
        self.dtype = None if name == "float32" else getattr(torch, name)
        self.accumulate = accumulate
        self.waiting = 0
        # Without a scaled loss, gradients in float16 underflow.
        self.scaler = torch.amp.GradScaler(self.device, enabled=name == "float16")

    def mixed(self) -> AbstractContextManager[object]:
        """Returns the autocast context for calls of the model."""
        return torch.autocast(self.device, self.dtype, enabled=self.dtype is not None)

    def backward(self, loss: Tensor) -> bool:
        """Accumulates the gradients of a loss and returns whether a step is due."""
        self.scaler.scale(loss).backward()
        self.waiting += 1
        return self.waiting == self.accumulate

    def step(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, clip: float | None = None) -> None:
        """Takes a step along the accumulated gradients, if any, and clears them."""
        if not self.waiting:
            return
        if clip is not None or self.waiting > 1:
            self.scaler.unscale_(optimizer)
        if self.waiting > 1:
            for parameter in (p for group in optimizer.param_groups for p in group["params"]):
                if parameter.grad is not None:
                    parameter.grad /= self.waiting
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        self.scaler.step(optimizer)
        self.scaler.update()
        optimizer.zero_grad(set_to_none=True)
        self.waiting = 0
