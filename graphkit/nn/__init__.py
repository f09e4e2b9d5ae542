"""Layers and models: plain PyTorch modules that know nothing of data sets or training."""

from graphkit.nn.conv import FactorGCNConv, PathAttention, Projection, SPAGANConv
from graphkit.nn.factor_discriminator import FactorDiscriminator, discriminator_loss
from graphkit.nn.label_loss import label_loss
from graphkit.nn.models import GAT, GCN, GIN, MLP, FactorGCN, GraphModel
from graphkit.nn.paths import attention_cost
from graphkit.nn.principal_start import principal_start

__all__ = [
    "GAT",
    "GCN",
    "GIN",
    "MLP",
    "FactorDiscriminator",
    "FactorGCN",
    "FactorGCNConv",
    "GraphModel",
    "PathAttention",
    "Projection",
    "SPAGANConv",
    "attention_cost",
    "discriminator_loss",
    "label_loss",
    "principal_start",
]
