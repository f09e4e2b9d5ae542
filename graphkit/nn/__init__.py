"""Layers and models: PyTorch modules that do not depend on data sets or training."""

from typing import TYPE_CHECKING

from graphkit.lazy import attach
from graphkit.nn import models
from graphkit.nn.accelerate import LayerReport, accelerate
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
from graphkit.nn.knn import knn_graph
from graphkit.nn.label_loss import label_loss
from graphkit.nn.packed_clips import PackedClips
from graphkit.nn.paths import attention_cost, path_edge_attr, path_edges
from graphkit.nn.pca_init import pca_init
from graphkit.nn.skeleton_supports import skeleton_supports
from graphkit.nn.spatial_partition import spatial_partition
from graphkit.nn.stigcn_weights import stigcn_weights

if TYPE_CHECKING:
    from graphkit.nn.models import (
        DGCNN,
        GAT,
        GCN,
        GIN,
        GINE,
        MLP,
        SAGE,
        SPAGAN,
        STGCN,
        STIGCN,
        FactorGCN,
        GATv2,
        GraphModel,
        SkeletonModel,
    )

__all__ = [
    "DGCNN",
    "GAT",
    "GCN",
    "GIN",
    "GINE",
    "MLP",
    "SAGE",
    "SPAGAN",
    "STGCN",
    "STGCNConv",
    "STIGCN",
    "DynamicEdgeConv",
    "FactorDiscriminator",
    "FactorGCN",
    "FactorGCNConv",
    "PackedClips",
    "FusedGATConv",
    "GATv2",
    "GraphModel",
    "LayerReport",
    "PathAttention",
    "Projection",
    "SPAGANConv",
    "STInceptionConv",
    "SkeletonModel",
    "accelerate",
    "attention_cost",
    "discriminator_loss",
    "knn_graph",
    "label_loss",
    "path_edge_attr",
    "path_edges",
    "spatial_partition",
    "pca_init",
    "skeleton_supports",
    "stigcn_weights",
]


__getattr__, __dir__ = attach(__name__, dict.fromkeys(models.__all__, f"{__name__}.models"))
