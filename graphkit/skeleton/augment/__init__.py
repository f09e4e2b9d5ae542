"""Random changes of clips while a model trains, one per file; ``@register_augmentation(name)`` is the registration."""

from graphkit.skeleton.augment.build import augmentation_names, build_augmentation, register_augmentation

__all__ = ["augmentation_names", "build_augmentation", "register_augmentation"]
