"""Optimisers and learning-rate schedules by name."""

import torch
from torch.optim import lr_scheduler

from graphkit.train.config import TrainSettings


def make_optimizer(model: torch.nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """Returns the optimiser over all parameters of the model. Make it after any reset of the parameters."""
    lr, weight_decay = settings.lr, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), lr, momentum=0.9, weight_decay=weight_decay)
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), lr, weight_decay=weight_decay)
    return torch.optim.Adam(model.parameters(), lr, weight_decay=weight_decay)


class Schedule:
    """Changes the learning rate after every epoch; see :class:`~graphkit.train.TrainSettings` for the kinds."""

    def __init__(self, optimizer: torch.optim.Optimizer, settings: TrainSettings) -> None:
        self.optimizer = optimizer
        self.scheduler: lr_scheduler.LRScheduler | lr_scheduler.ReduceLROnPlateau | None = None
        if settings.schedule == "step":
            self.scheduler = lr_scheduler.StepLR(optimizer, settings.schedule_step, settings.schedule_factor)
        elif settings.schedule == "cosine":
            self.scheduler = lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs)
        elif settings.schedule == "plateau":
            self.scheduler = lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=settings.schedule_factor, patience=settings.schedule_patience, min_lr=settings.min_lr
            )

    @property
    def lr(self) -> float:
        """The learning rate of the coming epoch."""
        return float(self.optimizer.param_groups[0]["lr"])

    def step(self, loss: float) -> None:
        """Ends an epoch, whose validation loss only the plateau looks at."""
        if isinstance(self.scheduler, lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(loss)
        elif self.scheduler is not None:
            self.scheduler.step()

    def state_dict(self) -> dict:
        """Returns the state of the scheduler, or nothing."""
        return {} if self.scheduler is None else self.scheduler.state_dict()

    def load_state_dict(self, state: dict) -> None:
        """Goes on where the state was taken."""
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state)
