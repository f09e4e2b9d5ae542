"""Knowledge distillation: losses between layers of a teacher and a student."""

from graphkit.distill.distiller import Distiller
from graphkit.distill.layer_capture import LayerPair
from graphkit.distill.local_structure import local_structure
from graphkit.distill.loss import DistillationLoss
from graphkit.distill.losses import (
    AttentionTransfer,
    FitNet,
    GlobalStructure,
    InterChannelCorrelation,
    KnowledgeDistillation,
    LocalStructureLoss,
)
from graphkit.distill.union_edges import union_edges
from graphkit.ops import local_structure_divergence

__all__ = [
    "AttentionTransfer",
    "DistillationLoss",
    "Distiller",
    "FitNet",
    "GlobalStructure",
    "InterChannelCorrelation",
    "KnowledgeDistillation",
    "LocalStructureLoss",
    "LayerPair",
    "local_structure",
    "local_structure_divergence",
    "union_edges",
]
