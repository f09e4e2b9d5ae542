"""Keys that tell whether tensors and plain values are still the ones that a result was computed from."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch_geometric import EdgeIndex


class _Same:
    """Reference to a tensor, equal to another reference to that very tensor only."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.tensor is other.tensor

    __hash__ = None  # type: ignore[assignment]


class StateKey:
    """State of some values at one moment, to be compared with a later one.

    A tensor is told by its identity, its storage and PyTorch's counter of changes in place: its content is not read.
    The key references the tensors, so that no other one can get their memory meanwhile. Changes that go around the
    counter (``tensor.data.add_(1)``, an array of NumPy that shares the memory) are not seen.

    Args:
        values: Tensors, numbers, strings, ``None``, and lists, tuples or dictionaries of them.
    """

    def __init__(self, values: Iterable[Any]) -> None:
        self._parts: tuple[Any, ...] | None = self._of(values)

    @property
    def is_known(self) -> bool:
        """Whether changes of all values can be seen."""
        return self._parts is not None

    def matches(self, other: "StateKey | None") -> bool:
        """Returns whether another key is one of the same values in the same state."""
        return other is not None and self._parts is not None and self._parts == other._parts

    def _of(self, values: Iterable[Any]) -> tuple[Any, ...] | None:
        """Returns the states of several values; ``None`` where changes of one of them cannot be seen."""
        parts = []
        for value in values:
            state = self._part(value)
            if state is None:
                return None
            parts.append(state)
        return tuple(parts)

    def _part(self, value: Any) -> tuple[Any, ...] | None:
        """Returns the state of one value."""
        if isinstance(value, Tensor):
            if value.is_inference():
                return None
            # An EdgeIndex and the tensor inside each count their own changes.
            inside = value.as_tensor() if isinstance(value, EdgeIndex) else value
            address = inside.data_ptr() if inside.layout == torch.strided else None
            return _Same(value), value._version, inside._version, address
        if value is None or isinstance(value, bool | int | float | str):
            return type(value), value
        if isinstance(value, list | tuple | dict):
            names = tuple(value) if isinstance(value, dict) else ()
            parts = self._of(value.values() if isinstance(value, dict) else value)
            return None if parts is None else (type(value), names, parts)
        return None
