"""Whether distillation helps: a teacher, a student alone and students taught by several losses, side by side."""

from graphkit.experiments.distill.distill_run import DistillInterrupted, fit_distill, resume_distill
from graphkit.experiments.distill.distill_settings import chosen_losses, merge_distill, resolve_experiment

__all__ = [
    "DistillInterrupted",
    "chosen_losses",
    "fit_distill",
    "merge_distill",
    "resolve_experiment",
    "resume_distill",
]
