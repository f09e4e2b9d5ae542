"""Construction of transforms from a configuration."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch_geometric.data import Data

from graphkit.coercion import coerce
from graphkit.errors import InputError, InputTypeError
from graphkit.registry import Registry, unknown_name
from graphkit.screen import shown
from graphkit.settings import signature_settings

Transform = Callable[[Data], Data]

_transforms = Registry("transform", "graphkit.transforms")
register_transform = _transforms.register
transform_names = _transforms.names


class Chain:
    """Composition of transforms, applied in order.

    Args:
        transforms (Sequence[Transform]): Callables that take and return a graph.
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = tuple(transforms)

    def __call__(self, data: Data) -> Data:
        """Returns the transformed graph."""
        for transform in self.transforms:
            data = transform(data)
        return data

    def __repr__(self) -> str:
        return f"Chain({', '.join(map(repr, self.transforms))})"


def build(transforms: Sequence[Any] | str | None) -> Transform | None:
    """Creates a transform from a list of names.

    Args:
        transforms (Sequence[Any] or str): A list, or a single item. Items are a name, a mapping ``{name: value}`` or
            ``{name: {option: value}}``, or any callable that takes and returns a graph, such as a PyG transform.

    Returns:
        The composed transform, or ``None`` if the list is empty.

    Raises:
        InputError: If a name or an option is unknown; the message suggests the closest one.
        InputTypeError: If an item has another type.

    Example:
        >>> build(["normalize-features", {"return-probabilities": 7}])
        Chain(NormalizeFeatures(), ReturnProbabilities(7))
    """
    if transforms is None:
        return None
    single = isinstance(transforms, str | Mapping) or callable(transforms)
    if not single and not isinstance(transforms, Sequence):
        raise InputTypeError(f"`transforms` must be a list of names, such as [self-loops] (got {shown(transforms)})")
    items = [transforms] if single else list(transforms)
    return Chain([_build_one(item) for item in items]) if items else None


def _build_one(item: Any) -> Transform:
    if isinstance(item, str):
        return _make(item, {})
    if isinstance(item, Mapping) and len(item) == 1:
        ((name, value),) = item.items()
        return _make(str(name), value)
    if callable(item):
        return item
    raise InputTypeError(f"a transform must be a name, one `name: value` pair or a callable (got {shown(item)})")


def _make(name: str, value: Any) -> Transform:
    cls = _transforms.get(name)
    settings = signature_settings(cls.__init__)
    parameters = list(settings)
    if not isinstance(value, Mapping):
        if not parameters:
            raise InputError(f"the transform '{name}' takes no option (got {shown(value)}); write only its name")
        value = {parameters[0]: value}
    for option in value:
        if option not in parameters:
            raise unknown_name(f"option of the transform '{name}'", str(option), parameters)
    prefix = f"data.transforms.{name}"
    return cls(**{key: coerce(f"{prefix}.{key}", entry, settings[key].hint) for key, entry in value.items()})
