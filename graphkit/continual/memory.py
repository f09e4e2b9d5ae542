"""Items of old tasks that a strategy keeps: which they are, and the tasks cut down to them."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from graphkit.continual.experience import Experience
from graphkit.continual.gradients import evaluating
from graphkit.errors import InputError
from graphkit.ops._segments import widen

EarlyStopping = Literal["first", "mean", "coverage"]


class Memory:
    """Keeps some training items of every task.

    Args:
        size: Items of each task, as many of each class as there are; whole graphs where tasks are about their nodes.
        selection: ``"first"`` takes them in order, ``"mean"`` those nearest to the mean of their class, ``"coverage"``
            those with the fewest items of other classes around them. The last two look at the features of nodes, or at
            the outputs of the model where the items are graphs.
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
        """Refuses a task with fewer training items than are to be kept."""
        if self.size > len(task):
            raise InputError(
                f"`memory` must not be larger than a task (got {self.size} for a task of {len(task)} training items); "
                "keep fewer"
            )

    def keep(self, model: torch.nn.Module, task: Experience) -> None:
        """Selects items of a task."""
        self.check(task)
        y = torch.cat([task.target(batch) for batch in task])
        if y.size(0) != len(task):  # graphs are kept whole, and their nodes are what is asked about
            y = y.new_zeros(len(task), dtype=torch.long)
        strata = y if y.dim() == 1 else torch.unique(y.nan_to_num(nan=2.0).long(), dim=0, return_inverse=True)[1]
        rank = self._rank(model, task, strata)
        items = rank.new_tensor(_round_robin(rank.tolist(), strata.tolist())[: self.size]).sort().values
        self.items.append(items.cpu())
        self.tasks.append(task.subset(items))

    def _rank(self, model: torch.nn.Module, task: Experience, strata: Tensor) -> Tensor:
        """Returns all items, those that represent their class best first."""
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
        features = features - features.mean(dim=0)  # distances come from squares, which lose digits far from zero
        distance = torch.cdist(features, features)
        near = distance <= distance.mean()
        return (near & (strata[:, None] != strata[None, :])).sum(dim=1).argsort(stable=True)

    def at_stage_of(self, task: Experience) -> list[Experience]:
        """Returns the kept items as they look while another task is learned."""
        return [kept.at_stage_of(task) for kept in self.tasks]

    def state_dict(self) -> dict[str, Any]:
        """Returns the places of the kept items in their tasks."""
        return {"items": list(self.items)}

    def load_state_dict(self, state: dict[str, Any], tasks: Sequence[Experience]) -> None:
        """Takes the items again from the tasks.

        Raises:
            ValueError: If there are fewer tasks than the state knows.
        """
        self.items = list(state["items"])
        if len(tasks) < len(self.items):
            raise InputError(
                f"the memory holds items of {len(self.items)} tasks; pass these to `load_state_dict` (got {len(tasks)})"
            )
        self.tasks = [task.subset(items) for task, items in zip(tasks, self.items, strict=False)]


def _round_robin(ranked: list[int], strata: list[int]) -> list[int]:
    """Deals items out class by class in turn, each class in the order of the ranking."""
    queues: dict[int, list[int]] = {label: [] for label in sorted(set(strata))}
    for item in ranked:
        queues[strata[item]].append(item)
    turns = [(turn, label, item) for label, queue in queues.items() for turn, item in enumerate(queue)]
    return [item for _, _, item in sorted(turns)]
