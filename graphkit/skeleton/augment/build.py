"""Construction of augmentations from a configuration."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from graphkit.coercion import coerce
from graphkit.errors import InputTypeError
from graphkit.registry import Registry, unknown_name
from graphkit.screen import shown
from graphkit.settings import signature_settings
from graphkit.skeleton.layout import SkeletonLayout

#: Function of frames ``[F, P, V, C]``, clip lengths ``[G]`` and a generator that returns new frames and lengths.
Augmentation = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]

_augmentations = Registry("augmentation", "graphkit.skeleton.augment")
register_augmentation = _augmentations.register
augmentation_names = _augmentations.names

#: Arguments that are set from the data set.
_GIVEN = ("layout", "coordinates")


class Chain:
    """Composition of augmentations, applied in order.

    Args:
        steps (Sequence[Augmentation]): Augmentations.
    """

    def __init__(self, steps: Sequence[Augmentation]) -> None:
        self.steps = tuple(steps)

    def __call__(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Returns the changed clips and their lengths."""
        for step in self.steps:
            x, lengths = step(x, lengths, generator)
        return x, lengths


def build_augmentation(items: Sequence[Any], layout: SkeletonLayout, coordinates: int) -> Augmentation | None:
    """Creates an augmentation from a list of names, such as ``[{crop: 0.6}, scale]``.

    Args:
        items (Sequence[Any]): Names, or mappings ``{name: value}`` or ``{name: {option: value}}``.
        layout (SkeletonLayout): Joint layout of the clips.
        coordinates (int): Number of channels that are coordinates.

    Returns:
        The composed augmentation, or ``None`` if the list is empty.

    Raises:
        InputError: If a name, an option or a value is invalid; the message suggests the closest name.
        InputTypeError: If an item has another type.

    Example:
        >>> layout = SkeletonLayout.from_edges([(1, 0)])
        >>> len(build_augmentation([{"crop": 0.6}, "scale"], layout, coordinates=3).steps)
        2
    """
    steps = []
    for item in items:
        if isinstance(item, str):
            item = {item: {}}
        if not isinstance(item, Mapping) or len(item) != 1:
            raise InputTypeError(f"an augmentation must be a name or one `name: value` pair (got {shown(item)})")
        ((name, value),) = item.items()
        cls = _augmentations.get(str(name))
        settings = signature_settings(cls.__init__)
        options = [option for option in settings if option not in _GIVEN]
        if not isinstance(value, Mapping):
            value = {options[0]: value}
        for option in value:
            if option not in options:
                raise unknown_name(f"option of the augmentation '{name}'", str(option), options)
        given = {"layout": layout, "coordinates": coordinates}
        value = {key: coerce(f"train.augment.{name}.{key}", entry, settings[key].hint) for key, entry in value.items()}
        steps.append(cls(**value, **{key: given[key] for key in settings if key in given}))
    return Chain(steps) if steps else None


def uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Draws ``[count]`` uniform random numbers in ``[low, high)``."""
    return low + (high - low) * torch.rand(count, generator=generator)


def each_frame(values: Tensor, lengths: Tensor) -> Tensor:
    """Repeats the value of each clip for all its frames: ``[G, ...]`` to ``[F, ...]``."""
    return values.repeat_interleave(lengths, dim=0)


def turned(x: Tensor, matrix: Tensor, lengths: Tensor, coordinates: int) -> Tensor:
    """Multiplies the coordinates of each clip by its matrix ``[G, D, D]``."""
    moved = x[..., :coordinates].flatten(1, 2) @ each_frame(matrix.to(x.dtype), lengths).transpose(1, 2)
    moved = moved.view(*x.shape[:-1], coordinates)
    return moved if coordinates == x.size(-1) else torch.cat([moved, x[..., coordinates:]], dim=-1)
