"""Early stopping and selection of the best epoch."""

import math
from typing import Any

import torch
from torch import Tensor

from graphkit.tasks import Task

_STATE = ("epoch", "score", "loss", "weights", "waited", "seen")


class EarlyStopping:
    """Keeps the best epoch's weights by a validation quantity, and counts the epochs since.

    Args:
        task: Knows whether a larger score is the better one.
        by: ``"score"`` (ties, and scores that are undefined, by the loss) or ``"loss"``.
        patience: Epochs without a better result after which :attr:`exhausted` is true; ``None`` never.
        min_epochs: Epochs before which it is not, however long they were without a better result.
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
        """Whether the patience has run out."""
        return self.patience is not None and self.waited >= self.patience and self.seen >= self.min_epochs

    def update(self, epoch: int, loss: float, score: float | None, model: torch.nn.Module) -> bool:
        """Takes the results of an epoch; returns whether it is the best so far."""
        self.seen += 1
        better = self.epoch is None or self._rank(loss, score) > self._rank(self.loss, self.score)
        if not better:
            self.waited += 1
            return False
        self.epoch, self.score, self.loss, self.waited = epoch, score, loss, 0
        self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        return True

    def _rank(self, loss: float | None, score: float | None) -> tuple[float, ...]:
        """Returns what is larger for the better of two epochs; a number that is missing or NaN loses to any other."""
        by_loss = -math.inf if loss is None or math.isnan(loss) else -loss
        if self.by == "loss":
            return (by_loss,)
        if score is None or math.isnan(score):
            return (-math.inf, by_loss)
        return (score if self.task.maximize else -score, by_loss)

    def state_dict(self) -> dict[str, Any]:
        """Returns all that :meth:`load_state_dict` needs to go on."""
        return {name: getattr(self, name) for name in _STATE}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where the state was taken."""
        for name in _STATE:
            setattr(self, name, state[name])
