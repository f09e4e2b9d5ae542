"""Whether distillation helps: a teacher, a student alone and students taught by several losses, side by side."""

from graphkit.train.distill.config import chosen_losses, merge_distill, resolve_experiment
from graphkit.train.distill.run import DistillInterrupted, fit_distill, resume_distill

__all__ = [
    "DistillInterrupted",
    "chosen_losses",
    "fit_distill",
    "merge_distill",
    "resolve_experiment",
    "resume_distill",
]
