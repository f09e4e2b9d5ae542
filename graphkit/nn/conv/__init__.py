"""Layers, one per file."""

from graphkit.nn.conv.dynamic_edge_conv import DynamicEdgeConv
from graphkit.nn.conv.factorgcn_conv import FactorGCNConv, Projection
from graphkit.nn.conv.spagan_conv import PathAttention, SPAGANConv
from graphkit.nn.conv.st_gcn_conv import STGCNConv
from graphkit.nn.conv.st_inception_conv import STInceptionConv

__all__ = [
    "DynamicEdgeConv",
    "FactorGCNConv",
    "PathAttention",
    "Projection",
    "SPAGANConv",
    "STGCNConv",
    "STInceptionConv",
]
