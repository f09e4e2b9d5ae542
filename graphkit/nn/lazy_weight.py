"""Weights whose number of rows is set by the first input, as in the layers of PyG."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.parameter import Parameter, UninitializedParameter


def make_weight(rows: int, columns: int) -> Parameter:
    """Creates a weight ``[rows, columns]``; an uninitialized one if ``rows`` is -1."""
    if rows == -1:
        return UninitializedParameter()  # type: ignore[return-value]
    return Parameter(torch.empty(rows, columns))


def is_open(weight: Any) -> bool:
    """Returns whether a weight has no size yet, in a form that can be compiled."""
    return isinstance(weight, UninitializedParameter)


class LazyWeights(torch.nn.Module):
    """Mixin of modules with weights of :func:`make_weight`.

    Their state can be saved and loaded before the weights have sizes. A subclass implements :meth:`init_weight`, and
    calls :meth:`set_rows` before it uses its weights.
    """

    def init_weight(self, weight: Tensor) -> None:
        """Initializes a weight that has been given its size."""
        raise NotImplementedError

    def set_rows(self, columns: int, **rows: int) -> None:
        """Gives uninitialized weights their sizes.

        Args:
            columns (int): Number of columns of all weights.
            rows (int): Number of rows of each weight, by name.
        """
        for name, count in rows.items():
            weight: Any = getattr(self, name)
            if is_open(weight):
                weight.materialize((count, columns))
                self.init_weight(weight)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Saves all parameters; uninitialized ones have no values to detach."""
        lazy = {name: weight for name, weight in self._parameters.items() if is_open(weight)}
        self._parameters.update(dict.fromkeys(lazy))
        super()._save_to_state_dict(destination, prefix, keep_vars)  # type: ignore[no-untyped-call]
        self._parameters.update(lazy)
        destination.update({prefix + name: weight for name, weight in lazy.items()})

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Loads all parameters; uninitialized ones are given their sizes first."""
        for name, weight in self._parameters.items():
            saved = state_dict.get(prefix + name)
            if isinstance(saved, Tensor) and is_open(weight) and not is_open(saved):
                self.set_rows(saved.size(1), **{name: saved.size(0)})
        super()._load_from_state_dict(state_dict, prefix, *rest)  # type: ignore[no-untyped-call]
