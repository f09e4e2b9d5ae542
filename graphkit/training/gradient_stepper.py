"""With which numbers a model computes while it trains, and the step that follows from its gradients."""

from contextlib import AbstractContextManager

import torch
from torch import Tensor

from graphkit.errors import InputError


class GradientStepper:
    """Mixed precision, products in a short format and weights in float32; and gradients added up over batches.

    Args:
        name: ``"float32"`` for no mixture, ``"bfloat16"`` or ``"float16"``.
        accumulate: Batches whose gradients are averaged before a step.
        device: Where the model is.

    Raises:
        ValueError: If the device cannot compute in that format.
    """

    def __init__(self, name: str = "float32", accumulate: int = 1, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device).type
        if name == "float16" and self.device != "cuda":
            raise InputError(f"`train.precision` float16 needs a GPU (got the device {self.device}); take bfloat16")
        self.dtype = None if name == "float32" else getattr(torch, name)
        self.accumulate = accumulate
        self.waiting = 0
        # Gradients in float16 fall below its smallest number unless the loss is scaled up.
        self.scaler = torch.amp.GradScaler(self.device, enabled=name == "float16")

    def mixed(self) -> AbstractContextManager[object]:
        """Returns the context in which the model is called."""
        return torch.autocast(self.device, self.dtype, enabled=self.dtype is not None)

    def backward(self, loss: Tensor) -> bool:
        """Adds the gradients of a loss to those that wait; returns whether it is time for a step."""
        self.scaler.scale(loss).backward()
        self.waiting += 1
        return self.waiting == self.accumulate

    def step(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, clip: float | None = None) -> None:
        """Takes a step along the gradients that wait, if any, and forgets them."""
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
