"""Augmentations from a configuration: ``[{crop: 0.6}, {rotate: 30}, scale]``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from graphkit.errors import InputTypeError
from graphkit.registry import Registry, unknown_name
from graphkit.screen import shown
from graphkit.settings import coerce, signature_settings
from graphkit.skeleton.layout import SkeletonLayout

#: Takes the frames of clips ``[F, P, V, C]``, their lengths ``[G]`` and a generator; returns other frames and lengths.
Augmentation = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]

_augmentations = Registry("augmentation", "graphkit.skeleton.augment")
register_augmentation = _augmentations.register
augmentation_names = _augmentations.names

#: Arguments that the data set gives.
_GIVEN = ("layout", "coordinates")


class Chain:
    """Applies augmentations one after the other."""

    def __init__(self, steps: Sequence[Augmentation]) -> None:
        self.steps = tuple(steps)

    def __call__(self, x: Tensor, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        for step in self.steps:
            x, lengths = step(x, lengths, generator)
        return x, lengths


def build_augmentation(items: Sequence[Any], layout: SkeletonLayout, coordinates: int) -> Augmentation | None:
    """Builds one augmentation from a list of names.

    Args:
        items: Each a name, or a mapping ``{name: value}`` or ``{name: {option: value}}``.
        layout: The joints and bones of the clips.
        coordinates: How many of their channels are coordinates.

    Returns:
        The augmentation, or ``None`` if the list is empty.

    Raises:
        ValueError: If a name, an option or a value is wrong; the closest name is offered.
        TypeError: If an item is none of the above.
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
    """Draws ``[count]`` numbers between two others."""
    return low + (high - low) * torch.rand(count, generator=generator)


def each_frame(values: Tensor, lengths: Tensor) -> Tensor:
    """Repeats the value of each clip for all of its frames: ``[G, ...]`` to ``[F, ...]``."""
    return values.repeat_interleave(lengths, dim=0)


def turned(x: Tensor, matrix: Tensor, lengths: Tensor, coordinates: int) -> Tensor:
    """Multiplies the coordinates of each clip with its matrix ``[G, D, D]``; other channels stay."""
    moved = x[..., :coordinates].flatten(1, 2) @ each_frame(matrix.to(x.dtype), lengths).transpose(1, 2)
    moved = moved.view(*x.shape[:-1], coordinates)
    return moved if coordinates == x.size(-1) else torch.cat([moved, x[..., coordinates:]], dim=-1)
