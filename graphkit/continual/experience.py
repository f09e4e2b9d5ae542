"""Interface between a task and a strategy."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from graphkit.errors import InputError

Output = Callable[[torch.nn.Module, Any], Tensor]


class Experience:
    """Training items of a task, with the functions that a strategy calls on them.

    A :class:`~graphkit.continual.TaskStream` creates its experiences; a custom training loop creates them from a loader
    and functions.

    Args:
        batches (iterable): Batches of the training items: ``[data]`` for a single graph, or a loader. It is iterated
            several times.
        output (callable): ``output(model, batch)`` returns the outputs ``[n, C]`` of the training items of a batch.
        target (callable): ``target(batch)`` returns their targets, ``[n]`` or ``[n, C]``.
        loss (callable, optional): ``loss(output, target)`` returns the mean loss of the items.
            (default: :func:`torch.nn.functional.cross_entropy`)
        visible_outputs (callable, optional): ``visible_outputs(model, batch)`` returns the outputs of all items of a
            batch, including those without training; ``output`` if ``None``. (default: ``None``)
        nodes (callable, optional): ``nodes(batch)`` returns a mask or the ids of the training nodes; all nodes if
            ``None``. (default: ``None``)

    Example:
        >>> x, y = torch.randn(6, 4), torch.tensor([0, 1, 0, 1, 0, 1])
        >>> task = Experience([(x, y)], lambda model, batch: model(batch[0]), lambda batch: batch[1])
        >>> len(task)
        6
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
        """Returns the number of training items."""
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
        """Returns the training nodes, as ids or a mask; ``None`` for all."""
        return None if self._nodes is None else self._nodes(batch)

    def features(self) -> Tensor | None:
        """Returns features ``[n, F]`` of the training items, or ``None`` without any."""
        return None

    def mean_loss(self, model: torch.nn.Module, batch: Any) -> Tensor:
        """Returns the mean loss of the training items of a batch."""
        return self.loss(self.output(model, batch), self.target(batch))

    def subset(self, items: Tensor) -> "Experience":
        """Returns the same task restricted to some of its training items.

        Args:
            items (Tensor): Indices of the items, from 0 to ``n - 1``.

        Raises:
            InputError: If the task has several batches.
        """
        batches = list(self)
        if len(batches) != 1:
            raise InputError(
                f"a memory of single items needs an experience of one batch, or a task of a TaskStream "
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
        """Returns experiences with the batches of this task and the outputs of old tasks.

        Args:
            learned (list of Experience): The old tasks in order.
            all_nodes (bool, optional): If ``True``, the outputs are those of all visible items, else those of the
                training items. (default: ``True``)
        """
        return [self._old_experience(old, all_nodes) for old in learned]

    def _old_experience(self, old: "Experience", all_nodes: bool) -> "Experience":
        output = old.visible_outputs if all_nodes else old.output
        return Experience(self._batches, output, self.target, old.loss)

    def at_stage_of(self, task: "Experience") -> "Experience":
        """Returns this task on the graph that is visible in the training of a later task."""
        return self
