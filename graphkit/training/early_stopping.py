"""Early stopping and selection of the best epoch."""

import math
from typing import Any

import torch
from torch import Tensor

from graphkit.tasks import Task

_STATE = ("epoch", "score", "loss", "weights", "waited", "seen")


class EarlyStopping:
    """Early stopping with the weights of the best epoch.

    Args:
        task: Task with the direction of the score.
        by: Selection by ``"score"`` (ties and undefined scores by the loss) or by ``"loss"``.
        patience: Epochs without improvement until :attr:`exhausted`; ``None`` for no early stopping.
        min_epochs: Minimum number of epochs before early stopping.
    """

    def __init__(self, task: Task, by: str = "score", patience: int | None = None, min_epochs: int = 0) -> None:
        self.task = task
        self.by = by
        self.patience = patience
        self.min_epochs = min_epochs
        self.epoch: int | None = None
        self.score: float | None = None
        self.loss: float | None = None
        self.weights: dict[str, Tensor] = {}
        self.waited = 0
        self.seen = 0

    @property
    def exhausted(self) -> bool:
        """``True`` if training is to stop."""
        return self.patience is not None and self.waited >= self.patience and self.seen >= self.min_epochs

    def update(self, epoch: int, loss: float, score: float | None, model: torch.nn.Module) -> bool:
        """Compares an epoch with the best one and returns whether it is better."""
        self.seen += 1
        better = self.epoch is None or self._rank(loss, score) > self._rank(self.loss, self.score)
        if not better:
            self.waited += 1
            return False
        self.epoch, self.score, self.loss, self.waited = epoch, score, loss, 0
        self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        return True

    def _rank(self, loss: float | None, score: float | None) -> tuple[float, ...]:
        """Returns a sort key of an epoch, larger for better; lowest for missing values."""
        by_loss = -math.inf if loss is None or math.isnan(loss) else -loss
        if self.by == "loss":
            return (by_loss,)
        if score is None or math.isnan(score):
            return (-math.inf, by_loss)
        return (score if self.task.maximize else -score, by_loss)

    def state_dict(self) -> dict[str, Any]:
        """Returns the state."""
        return {name: getattr(self, name) for name in _STATE}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores the state."""
        for name in _STATE:
            setattr(self, name, state[name])
