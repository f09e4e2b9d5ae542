"""Cache keys of tensors and plain values."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch_geometric import EdgeIndex


class _Same:
    """Reference to a tensor that compares by identity."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.tensor is other.tensor

    __hash__ = None  # type: ignore[assignment]


class StateKey:
    """Cache key of tensors and plain values at one moment.

    Tensors are compared by identity, storage and version counter; their content is not read. The key holds references
    to the tensors, so that their memory is not reused. Changes that bypass the version counter (``tensor.data.add_(1)``
    or a NumPy array that shares the memory) are not detected.

    Args:
        values (Iterable[Any]): Tensors, numbers, strings, ``None``, and lists, tuples or dictionaries of them.
    """

    def __init__(self, values: Iterable[Any]) -> None:
        self._parts: tuple[Any, ...] | None = self._of(values)

    @property
    def is_known(self) -> bool:
        """True if changes of all values can be detected."""
        return self._parts is not None

    def matches(self, other: "StateKey | None") -> bool:
        """Returns whether another key has the same values in the same state."""
        return other is not None and self._parts is not None and self._parts == other._parts

    def _of(self, values: Iterable[Any]) -> tuple[Any, ...] | None:
        """Returns the states of several values; ``None`` if one cannot be tracked."""
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
            # An EdgeIndex and its inner tensor have separate version counters.
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
