"""Optimizers and learning-rate schedules by name."""

from typing import Any

import torch
from torch.optim import lr_scheduler

from graphkit.training.train_config import LearningSettings


def make_optimizer(model: torch.nn.Module, settings: LearningSettings) -> torch.optim.Optimizer:
    """Returns the optimizer over all parameters of the model. Make it after any reset of the parameters."""
    lr, weight_decay = settings.lr, settings.weight_decay
    groups = list(model.parameters()) if settings.decay_all else decay_groups(model)
    if settings.optimizer == "sgd":
        momentum, nesterov = settings.momentum, settings.nesterov
        return torch.optim.SGD(groups, lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr, weight_decay=weight_decay)
    return torch.optim.Adam(groups, lr, weight_decay=weight_decay)


def decay_groups(model: torch.nn.Module) -> list[dict[str, Any]]:
    """Returns the parameters in two groups: weights of products, and the rest, on which weight decay does not act.

    The rest are vectors and scalars (norms, biases), and what a model names in ``no_decay``.
    """
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    spared = getattr(model, "no_decay", ())
    rest = [p for name, p in named if p.dim() < 2 or name.rsplit(".", 1)[-1].startswith(("bias", *spared))]
    among = {id(parameter) for parameter in rest}
    weights = [parameter for _, parameter in named if id(parameter) not in among]
    return [{"params": weights}, {"params": rest, "weight_decay": 0.0}]


class Schedule:
    """Learning-rate schedule of :class:`~graphkit.training.train_config.LearningSettings`, stepped after every epoch.

    In the first ``warmup`` epochs it rises evenly, from its value divided by one more than their number.
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
        """The learning rate of the coming epoch."""
        return float(self.optimizer.param_groups[0]["lr"])

    def step(self, loss: float) -> None:
        """Ends an epoch, whose validation loss only the plateau looks at."""
        self.done += 1
        if self.done <= self.warmup:
            self._warm()
        elif isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(loss)
        elif self.scheduler is not None:
            self.scheduler.step()

    def _warm(self) -> None:
        """Sets the learning rate of the coming epoch of the warm-up, or the one after it."""
        if self.warmup:
            for group in self.optimizer.param_groups:
                group["lr"] = self.base * min(1.0, (self.done + 1) / (self.warmup + 1))

    def state_dict(self) -> dict[str, Any]:
        """Returns the number of epochs that are done, and the state of the scheduler or nothing."""
        return {"done": self.done, "scheduler": None if self.scheduler is None else self.scheduler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where the state was taken."""
        self.done = state["done"]
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
