"""Continual learning: streams of tasks and strategies against forgetting."""

from graphkit.continual.distillation_loss import softened_binary_cross_entropy, softened_cross_entropy
from graphkit.continual.experience import Experience
from graphkit.continual.gradient_projection import project_gradient, project_on_reference
from graphkit.continual.importance import importance, output_norm, scaled
from graphkit.continual.memory import Memory
from graphkit.continual.merged_penalty import MergedPenalty, merge_penalty, merged_penalty
from graphkit.continual.quadratic_penalty import QuadraticPenalty
from graphkit.continual.strategies import (
    AGEM,
    ERGNN,
    EWC,
    GEM,
    MAS,
    TWP,
    FineTune,
    FineTuneNoDecay,
    Joint,
    LwF,
    UniformImportance,
)
from graphkit.continual.strategy import Strategy
from graphkit.continual.stream import TaskStream
from graphkit.continual.stream_task import StreamTask
from graphkit.continual.task_heads import TaskHeads
from graphkit.continual.topology import Topology, generic_score, listen, topology_loss
from graphkit.continual.trunk_outputs import share_trunk_outputs

__all__ = [
    "AGEM",
    "ERGNN",
    "EWC",
    "GEM",
    "MAS",
    "TWP",
    "QuadraticPenalty",
    "Experience",
    "FineTune",
    "FineTuneNoDecay",
    "Joint",
    "LwF",
    "Memory",
    "MergedPenalty",
    "Strategy",
    "StreamTask",
    "TaskHeads",
    "TaskStream",
    "Topology",
    "UniformImportance",
    "generic_score",
    "importance",
    "listen",
    "merge_penalty",
    "merged_penalty",
    "output_norm",
    "project_gradient",
    "project_on_reference",
    "scaled",
    "share_trunk_outputs",
    "softened_binary_cross_entropy",
    "softened_cross_entropy",
    "topology_loss",
]
