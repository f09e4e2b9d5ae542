"""Layers and models: plain PyTorch modules that know nothing of data sets or training."""

from graphkit.nn.conv import (
    DynamicEdgeConv,
    FactorGCNConv,
    FusedGATConv,
    PathAttention,
    Projection,
    SPAGANConv,
    STGCNConv,
    STInceptionConv,
)
from graphkit.nn.factor_discriminator import FactorDiscriminator, discriminator_loss
from graphkit.nn.fold_norms import fold_norms
from graphkit.nn.frames import Frames
from graphkit.nn.knn import knn_graph
from graphkit.nn.label_loss import label_loss
from graphkit.nn.models import DGCNN, GAT, GCN, GIN, MLP, SPAGAN, STGCN, STIGCN, FactorGCN, GraphModel, SkeletonModel
from graphkit.nn.neighbour_parts import neighbour_parts
from graphkit.nn.paths import attention_cost
from graphkit.nn.plain import plain_form
from graphkit.nn.principal_start import principal_start
from graphkit.nn.skeleton_supports import skeleton_supports
from graphkit.nn.stigcn_weights import stigcn_weights

__all__ = [
    "DGCNN",
    "GAT",
    "GCN",
    "GIN",
    "MLP",
    "SPAGAN",
    "STGCN",
    "STGCNConv",
    "STIGCN",
    "DynamicEdgeConv",
    "FactorDiscriminator",
    "FactorGCN",
    "FactorGCNConv",
    "Frames",
    "FusedGATConv",
    "GraphModel",
    "PathAttention",
    "Projection",
    "SPAGANConv",
    "STInceptionConv",
    "SkeletonModel",
    "attention_cost",
    "discriminator_loss",
    "fold_norms",
    "knn_graph",
    "label_loss",
    "neighbour_parts",
    "plain_form",
    "principal_start",
    "skeleton_supports",
    "stigcn_weights",
]
