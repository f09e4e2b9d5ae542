"""Episodic memory of training items of old tasks."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphkit.continual.experience import Experience
from graphkit.continual.gradients import evaluating
from graphkit.errors import InputError
from graphkit.ops._segments import widen


class Memory:
    """Episodic memory: some training items of every task.

    Args:
        size (int): Items per task, balanced over the classes; whole graphs if tasks are node-level on many graphs.
        selection (str, optional): ``"first"`` keeps the first items, ``"mean"`` those nearest to the mean of their
            class, ``"coverage"`` those with the fewest items of other classes nearby. The last two compare node
            features, or the outputs of the model if the items are graphs. (default: ``"first"``)

    Raises:
        InputError: If the size is below 1, or the selection is unknown.
    """

    def __init__(self, size: int, selection: str = "first") -> None:
        if size < 1:
            raise InputError(f"`memory` must be at least 1 (got {size})")
        if selection not in ("first", "mean", "coverage"):
            raise InputError(f"`selection` must be 'first', 'mean' or 'coverage' (got {selection!r})")
        self.size, self.selection = size, selection
        self.tasks: list[Experience] = []
        self.items: list[Tensor] = []

    def check(self, task: Experience) -> None:
        """Raises an error if a task has fewer training items than are to be kept.

        Args:
            task (Experience): The task.
        """
        if self.size > len(task):
            raise InputError(
                f"`memory` must not be larger than a task (got {self.size} for a task of {len(task)} training items); "
                "keep fewer"
            )

    def keep(self, model: torch.nn.Module, task: Experience) -> None:
        """Selects and keeps items of a task.

        Args:
            model (torch.nn.Module): The model after the task.
            task (Experience): The task.
        """
        self.check(task)
        y = torch.cat([task.target(batch) for batch in task])
        if y.size(0) != len(task):  # targets belong to nodes, but whole graphs are kept
            y = y.new_zeros(len(task), dtype=torch.long)
        strata = y if y.dim() == 1 else torch.unique(y.nan_to_num(nan=2.0).long(), dim=0, return_inverse=True)[1]
        rank = self._rank(model, task, strata)
        items = rank.new_tensor(_round_robin(rank.tolist(), strata.tolist())[: self.size]).sort().values
        self.items.append(items.cpu())
        self.tasks.append(task.subset(items))

    def _rank(self, model: torch.nn.Module, task: Experience, strata: Tensor) -> Tensor:
        """Returns all items, the most representative of their class first."""
        if self.selection == "first" or strata.unique().numel() < 2:
            return torch.arange(strata.numel(), device=strata.device)
        embedding = task.features()
        if embedding is None:
            with torch.no_grad(), evaluating(model):
                embedding = torch.cat([task.output(model, batch) for batch in task])
        features = embedding.detach().flatten(1)
        features = widen(features if features.is_floating_point() else features.float())
        if self.selection == "mean":
            _, number = torch.unique(strata, return_inverse=True)
            count = torch.bincount(number).clamp(min=1)
            mean = torch.zeros(count.numel(), features.size(1)).to(features).index_add_(0, number, features)
            distances: Tensor = (features - (mean / count[:, None])[number]).norm(dim=1)
            return distances.argsort(stable=True)
        features = features - features.mean(dim=0)  # cdist is inaccurate far from zero
        distance = torch.cdist(features, features)
        near = distance <= distance.mean()
        return (near & (strata[:, None] != strata[None, :])).sum(dim=1).argsort(stable=True)

    def at_stage_of(self, task: Experience) -> list[Experience]:
        """Returns the kept items on the graph that is visible in another task.

        Args:
            task (Experience): The current task.
        """
        return [kept.at_stage_of(task) for kept in self.tasks]

    def state_dict(self) -> dict[str, Any]:
        """Returns the indices of the kept items in their tasks."""
        return {"items": list(self.items)}

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[Experience]) -> None:
        """Restores the items from the tasks.

        Args:
            state (dict): Result of :meth:`state_dict`.
            tasks (list of Experience): All tasks in order.

        Raises:
            InputError: If there are fewer tasks than in the state.
        """
        self.items = list(state["items"])
        if len(tasks) < len(self.items):
            raise InputError(
                f"the memory holds items of {len(self.items)} tasks; pass these to `load_state_dict` (got {len(tasks)})"
            )
        self.tasks = [task.subset(items) for task, items in zip(tasks, self.items, strict=False)]


def _round_robin(ranked: list[int], strata: list[int]) -> list[int]:
    """Returns the items in turn by class, each class in the order of the ranking."""
    queues: dict[int, list[int]] = {label: [] for label in sorted(set(strata))}
    for item in ranked:
        queues[strata[item]].append(item)
    turns = [(turn, label, item) for label, queue in queues.items() for turn, item in enumerate(queue)]
    return [item for _, _, item in sorted(turns)]
