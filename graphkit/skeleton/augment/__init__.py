"""Random augmentations of clips, one per file, registered by name."""

from graphkit.skeleton.augment.build import augmentation_names, build_augmentation, register_augmentation

__all__ = ["augmentation_names", "build_augmentation", "register_augmentation"]
