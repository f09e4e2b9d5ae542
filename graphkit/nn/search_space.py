"""Search spaces: typed domains of the settings that a search varies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphkit.errors import InputError

#: Keys of a range in a file.
_KEYS = ("low", "high", "log")


@dataclass(frozen=True)
class Choice:
    """Finite domain of a setting.

    Args:
        values (tuple): The values: text, numbers, booleans or ``None``.
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        plain = all(value is None or isinstance(value, str | bool | int | float) for value in self.values)
        if not self.values or not plain:
            raise InputError(f"expected texts, numbers or booleans, got {list(self.values)}; give at least one")

    @property
    def examples(self) -> tuple[Any, ...]:
        """All values."""
        return self.values

    def to_plain(self) -> list[Any]:
        """Returns the domain as plain Python values."""
        return list(self.values)


@dataclass(frozen=True)
class Interval:
    """Interval of real numbers.

    Args:
        low (float): Smallest value.
        high (float): Largest value.
        log (bool, optional): If ``True``, values are drawn on a logarithmic scale. (default: ``False``)
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (self.low, self.high))
        if not numbers or not self.low < self.high or (self.log and self.low <= 0):
            raise InputError(
                f"expected numbers low < high, positive with log, got low {self.low}, high {self.high}, log {self.log}"
                "; change them"
            )

    @property
    def examples(self) -> tuple[Any, ...]:
        """Both ends."""
        return self.low, self.high

    def to_plain(self) -> dict[str, Any]:
        """Returns the domain as plain Python values."""
        return {"low": self.low, "high": self.high, "log": self.log}


Domain = Choice | Interval
SearchSpace = dict[str, Domain]

#: Space of optimizer and regularization, of which every model has a part.
TRAINING: SearchSpace = {
    "train.lr": Interval(1e-3, 3e-2, log=True),
    "train.weight_decay": Interval(1e-5, 1e-2, log=True),
}


def read_space(name: str, given: Any) -> SearchSpace:
    """Reads a search space from plain Python values.

    Args:
        name (str): Name in error messages.
        given (dict): For each setting a list of values, or ``low``, ``high`` and optionally ``log`` of an interval.

    Raises:
        InputError: If a domain is invalid; the message names the setting.

    Example:
        >>> read_space("gcn", {"model.dropout": {"low": 0.0, "high": 0.8}, "model.hidden_channels": [16, 64]})
        {'model.dropout': Interval(low=0.0, high=0.8, log=False), 'model.hidden_channels': Choice(values=(16, 64))}
    """
    if not isinstance(given, Mapping) or not given:
        raise InputError(f"expected settings with domains for '{name}', got {given!r}; such as train.lr: [0.01, 0.1]")
    space: SearchSpace = {}
    for key, domain in given.items():
        if not isinstance(key, str) or key.partition(".")[0] not in ("model", "train"):
            raise InputError(f"expected a setting of `model` or `train` for '{name}', got {key!r}; such as train.lr")
        try:
            if isinstance(domain, list | tuple):
                space[key] = Choice(tuple(domain))
            elif isinstance(domain, Mapping) and {"low", "high"} <= domain.keys() <= set(_KEYS):
                space[key] = Interval(domain["low"], domain["high"], bool(domain.get("log", False)))
            else:
                raise InputError(f"expected a list, or low, high and log, got {domain!r}; give one of them")
        except InputError as error:
            raise InputError(f"the space of '{name}', `{key}`: {error}") from None
    return space
