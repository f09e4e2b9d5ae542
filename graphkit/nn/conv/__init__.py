"""Graph convolution layers, one per file."""

from graphkit.nn.conv.dynamic_edge_conv import DynamicEdgeConv
from graphkit.nn.conv.factorgcn_conv import FactorGCNConv, Projection
from graphkit.nn.conv.fused_gat_conv import FusedGATConv
from graphkit.nn.conv.spagan_conv import PathAttention, SPAGANConv
from graphkit.nn.conv.st_gcn_conv import STGCNConv
from graphkit.nn.conv.st_inception_conv import STInceptionConv

__all__ = [
    "DynamicEdgeConv",
    "FactorGCNConv",
    "FusedGATConv",
    "PathAttention",
    "Projection",
    "SPAGANConv",
    "STGCNConv",
    "STInceptionConv",
]
