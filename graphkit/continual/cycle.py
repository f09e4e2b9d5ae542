"""Cycle iterator over the batches of a task."""

from collections.abc import Iterator
from typing import Any

from graphkit.continual.experience import Experience


class CycleIterator:
    """Endless iterator over the batches of a task.

    Args:
        task: The task.
    """

    def __init__(self, task: Experience) -> None:
        self.task = task
        self._batches: Iterator[Any] = iter(())

    def next(self) -> Any:
        """Returns the next batch; after the last one, the first."""
        for batch in self._batches:
            return batch
        self._batches = iter(self.task)
        return next(self._batches)
