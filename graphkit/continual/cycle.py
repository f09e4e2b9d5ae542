"""The batches of a task one after the other, for strategies that look at inputs in every step."""

from collections.abc import Iterator
from typing import Any

from graphkit.continual.experience import Experience


class CycleIterator:
    """Gives the next batch of a task whenever it is asked, and begins anew after the last.

    Args:
        task: The task.
    """

    def __init__(self, task: Experience) -> None:
        self.task = task
        self._batches: Iterator[Any] = iter(())

    def next(self) -> Any:
        """Returns the next batch."""
        for batch in self._batches:
            return batch
        self._batches = iter(self.task)
        return next(self._batches)
