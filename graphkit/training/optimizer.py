"""Optimizers and learning-rate schedules by name."""

from typing import Any

import torch
from torch.optim import lr_scheduler

from graphkit.training.train_config import LearningSettings


def make_optimizer(model: torch.nn.Module, settings: LearningSettings) -> torch.optim.Optimizer:
    """Returns the optimizer of all parameters of a model."""
    lr, weight_decay = settings.lr, settings.weight_decay
    groups = list(model.parameters()) if settings.decay_all else decay_groups(model)
    if settings.optimizer == "sgd":
        momentum, nesterov = settings.momentum, settings.nesterov
        return torch.optim.SGD(groups, lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr, weight_decay=weight_decay)
    return torch.optim.Adam(groups, lr, weight_decay=weight_decay)


def decay_groups(model: torch.nn.Module) -> list[dict[str, Any]]:
    """Returns two groups of parameters: matrices, and others without weight decay.

    The others are vectors and scalars (norms, biases), and the parameters in ``no_decay`` of the model.
    """
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    spared = getattr(model, "no_decay", ())
    rest = [p for name, p in named if p.dim() < 2 or name.rsplit(".", 1)[-1].startswith(("bias", *spared))]
    among = {id(parameter) for parameter in rest}
    weights = [parameter for _, parameter in named if id(parameter) not in among]
    return [{"params": weights}, {"params": rest, "weight_decay": 0.0}]


class Schedule:
    r"""Learning-rate schedule with a linear warm-up.

    In epoch :math:`k = 1, 2, \dots` of the :math:`w` epochs of ``warmup``, the learning rate is multiplied by
    :math:`k / (w + 1)`. The schedule begins after that.

    Args:
        optimizer: The optimizer.
        settings: Settings of the schedule.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, settings: LearningSettings) -> None:
        self.optimizer = optimizer
        self.base, self.warmup, self.done = settings.lr, settings.warmup, 0
        self.scheduler: lr_scheduler.LRScheduler | lr_scheduler.ReduceLROnPlateau | None = None
        if settings.schedule == "step":
            self.scheduler = lr_scheduler.StepLR(optimizer, settings.schedule_step, settings.schedule_factor)
        elif settings.schedule == "cosine":
            self.scheduler = lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs - settings.warmup)
        elif settings.schedule == "plateau":
            self.scheduler = lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=settings.schedule_factor, patience=settings.schedule_patience, min_lr=settings.min_lr
            )
        self._warm()

    @property
    def lr(self) -> float:
        """Learning rate of the next epoch."""
        return float(self.optimizer.param_groups[0]["lr"])

    def step(self, loss: float) -> None:
        """Updates the learning rate after an epoch.

        Args:
            loss: Validation loss, which only the schedule ``"plateau"`` uses.
        """
        self.done += 1
        if self.done <= self.warmup:
            self._warm()
        elif isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(loss)
        elif self.scheduler is not None:
            self.scheduler.step()

    def _warm(self) -> None:
        """Sets the learning rate of the next epoch of the warm-up, or the full one."""
        if self.warmup:
            for group in self.optimizer.param_groups:
                group["lr"] = self.base * min(1.0, (self.done + 1) / (self.warmup + 1))

    def state_dict(self) -> dict[str, Any]:
        """Returns the number of completed epochs and the state of the scheduler."""
        return {"done": self.done, "scheduler": None if self.scheduler is None else self.scheduler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores the state."""
        self.done = state["done"]
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
