"""What a strategy may ask of a task. A stream makes episodes; a user with a loop of their own makes them by hand."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from graphkit.errors import InputError

Output = Callable[[torch.nn.Module, Any], Tensor]


class Experience:
    """A task as a strategy sees it: its training items, batch by batch, and what the model says about them.

    Args:
        batches: What training goes through, as often as it likes: ``[data]`` for one graph, or a loader.
        output: ``output(model, batch)`` returns the outputs ``[n, C]`` of the training items of a batch.
        target: ``target(batch)`` returns their targets, ``[n]`` or ``[n, C]``.
        loss: ``loss(output, target)`` returns a mean over the items.
        visible_outputs: ``visible_outputs(model, batch)`` returns the outputs of all items of a batch, those that do
            not train included; by default the same as ``output``.
        nodes: ``nodes(batch)`` returns a mask or the ids of the nodes that are trained on; by default all.
    """

    def __init__(
        self,
        batches: Iterable[Any],
        output: Output,
        target: Callable[[Any], Tensor],
        loss: Callable[[Tensor, Tensor], Tensor] = torch.nn.functional.cross_entropy,
        visible_outputs: Output | None = None,
        nodes: Callable[[Any], Tensor | None] | None = None,
    ) -> None:
        self._batches = batches
        self._output = output
        self._target = target
        self._loss = loss
        self._visible_outputs = visible_outputs
        self._nodes = nodes

    def __iter__(self) -> Iterator[Any]:
        return iter(self._batches)

    def __len__(self) -> int:
        """The number of training items."""
        return sum(self.target(batch).size(0) for batch in self)

    def output(self, model: torch.nn.Module, batch: Any) -> Tensor:
        """Returns the outputs ``[n, C]`` of the training items of a batch."""
        return self._output(model, batch)

    def target(self, batch: Any) -> Tensor:
        """Returns the targets of the training items of a batch."""
        return self._target(batch)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Returns the mean loss of some items."""
        return self._loss(output, target)

    def visible_outputs(self, model: torch.nn.Module, batch: Any) -> Tensor:
        """Returns the outputs ``[N, C]`` of all items of a batch."""
        return self.output(model, batch) if self._visible_outputs is None else self._visible_outputs(model, batch)

    def nodes(self, batch: Any) -> Tensor | None:
        """Returns the nodes that are trained on, as ids or a mask; ``None`` for all."""
        return None if self._nodes is None else self._nodes(batch)

    def features(self) -> Tensor | None:
        """Returns what describes the training items ``[n, F]``, or ``None`` where only a model can tell."""
        return None

    def mean_loss(self, model: torch.nn.Module, batch: Any) -> Tensor:
        """Returns the mean loss of the training items of a batch."""
        return self.loss(self.output(model, batch), self.target(batch))

    def subset(self, items: Tensor) -> "Experience":
        """Returns the same task with some of its training items only, named by their places ``0 .. n - 1``."""
        batches = list(self)
        if len(batches) != 1:
            raise InputError(
                f"a memory of single items needs an episode of one batch, or a task of a TaskStream "
                f"(got {len(batches)} batches)"
            )
        return Experience(
            batches,
            lambda model, batch: self.output(model, batch)[items],
            lambda batch: self.target(batch)[items],
            self.loss,
            self.visible_outputs,
            self.nodes,
        )

    def old_experiences(self, learned: Sequence["Experience"], all_nodes: bool = True) -> list["Experience"]:
        """Returns what old tasks ask about the inputs of this one: its batches, with the outputs of each old task.

        Args:
            learned: The old tasks in order.
            all_nodes: Whether they ask about all items that can be seen, or about the training items only.
        """
        return [self._old_experience(old, all_nodes) for old in learned]

    def _old_experience(self, old: "Experience", all_nodes: bool) -> "Experience":
        output = old.visible_outputs if all_nodes else old.output
        return Experience(self._batches, output, self.target, old.loss)

    def at_stage_of(self, task: "Experience") -> "Experience":
        """Returns this (old) task as it looks while a later one is learned; a graph may have grown in between."""
        return self
