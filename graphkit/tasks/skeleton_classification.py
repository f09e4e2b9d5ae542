"""Skeleton classification: the action that a clip shows."""

from graphkit.tasks.task import Classification


class SkeletonClassification(Classification):
    """One action for each clip."""

    name = "skeleton-classification"
    metrics = ("accuracy", "balanced-accuracy", "top-5-accuracy")
