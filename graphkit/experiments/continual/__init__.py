"""Runs of continual learning: streams learned by strategies, in a run folder that can be continued after any task."""

from graphkit.continual.settings import PROTOCOLS, LearnSettings, merge_continual, resolve_continual
from graphkit.experiments.continual.continual_run import StreamInterrupted, fit_continual, resume_continual

__all__ = [
    "PROTOCOLS",
    "LearnSettings",
    "StreamInterrupted",
    "fit_continual",
    "merge_continual",
    "resolve_continual",
    "resume_continual",
]
