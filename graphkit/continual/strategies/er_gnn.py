"""Experience replay for graph neural networks (ER-GNN)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphkit.continual.experience import Experience
from graphkit.continual.memory import Memory
from graphkit.continual.strategy import Strategy
from graphkit.registry import register_strategy


@register_strategy("er-gnn")
class ERGNN(Strategy):
    r"""Experience replay for graph neural networks (ER-GNN, AAAI 2021).

    Some training items of every task are kept and replayed. With :math:`D` items of the new task and :math:`B` kept
    items, the loss of the paper, :math:`\beta L_{new} + (1 - \beta) L_{kept}` with :math:`\beta = B / (D + B)`, is up
    to a factor :math:`L_{new} + \frac{D}{B} L_{kept}`; the second term is the penalty.

    Args:
        memory (int, optional): Items kept per task, balanced over the classes. (default: ``20``)
        strength (float, optional): Factor of the penalty. (default: ``1.0``)
        selection (str, optional): Selection of the items: ``"mean"``, ``"coverage"`` or ``"first"``, see
            :class:`~graphkit.continual.Memory`. (default: ``"mean"``)

    Reference:
        Zhou and Cao, `Overcoming Catastrophic Forgetting in Graph Neural Networks with Experience Replay
        <https://arxiv.org/abs/2003.09908>`_, AAAI 2021.

    Differences:
        The selection of the paper by influence functions is not implemented.
    """

    grid = tuple({"strength": strength} for strength in (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0))

    def __init__(self, memory: int = 20, strength: float = 1.0, selection: str = "mean") -> None:
        self.memory, self.strength, self.selection = memory, strength, selection
        self._memory = Memory(memory, selection)
        self._old: list[Experience] = []
        self._weight = 0.0

    def before_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Updates the kept items to the visible graph of the new task."""
        self._memory.check(task)
        self._old = self._memory.at_stage_of(task)
        kept = sum(len(old) for old in self._old)
        self._weight = self.strength * len(task) / kept if kept else 0.0

    def penalty(self, model: torch.nn.Module, batch: Any = None) -> Tensor:
        """Returns the weighted loss on the kept items of all old tasks."""
        total, count = super().penalty(model, batch), 0
        if not self._weight:
            return total
        for old in self._old:
            for kept in old:
                y = old.target(kept)
                total = total + old.loss(old.output(model, kept), y) * y.size(0)
                count += y.size(0)
        return total * (self._weight / max(count, 1))

    def after_task(self, model: torch.nn.Module, task: Experience) -> None:
        """Keeps items of the task."""
        self._memory.keep(model, task)

    def state_dict(self) -> dict[str, Any]:
        """Returns the indices of the kept items."""
        return self._memory.state_dict()

    def load_state_dict(self, state: dict[str, Any], model: torch.nn.Module, tasks: Sequence[Experience] = ()) -> None:
        """Restores the kept items."""
        self._memory.load_state_dict(state, tasks)
