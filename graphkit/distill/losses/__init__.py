"""Distillation losses, one per file, registered by ``@register_loss(name)``."""

from graphkit.distill.losses.attention_transfer import AttentionTransfer
from graphkit.distill.losses.fitnet import FitNet
from graphkit.distill.losses.global_structure import GlobalStructure
from graphkit.distill.losses.inter_channel_correlation import InterChannelCorrelation
from graphkit.distill.losses.knowledge_distillation import KnowledgeDistillation
from graphkit.distill.losses.local_structure import LocalStructureLoss

__all__ = [
    "AttentionTransfer",
    "FitNet",
    "GlobalStructure",
    "InterChannelCorrelation",
    "KnowledgeDistillation",
    "LocalStructureLoss",
]
