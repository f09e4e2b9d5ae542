"""Transforms from a configuration: ``[normalize-features, self-loops, {return-probabilities: 7}]``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch_geometric.data import Data

from graphkit.errors import InputError, InputTypeError
from graphkit.registry import Registry, unknown_name
from graphkit.screen import shown
from graphkit.settings import coerce, signature_settings

Transform = Callable[[Data], Data]

_transforms = Registry("transform", "graphkit.transforms")
register_transform = _transforms.register
transform_names = _transforms.names


class Chain:
    """Applies transforms one after the other."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = tuple(transforms)

    def __call__(self, data: Data) -> Data:
        for transform in self.transforms:
            data = transform(data)
        return data

    def __repr__(self) -> str:
        return f"Chain({', '.join(map(repr, self.transforms))})"


def build(transforms: Sequence[Any] | str | None) -> Transform | None:
    """Builds one transform from a list of names.

    Args:
        transforms: Items are a name, a mapping ``{name: value}`` or ``{name: {option: value}}``, or any callable that
            takes a graph and returns one, such as a transform of PyG. A single name may stand alone.

    Returns:
        The transform, or ``None`` if the list is empty.

    Raises:
        ValueError: If a name or an option is unknown; the closest one is offered.
        TypeError: If an item is none of the above.
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
