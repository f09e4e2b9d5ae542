"""Layers, one per file."""

from graphkit.nn.conv.factorgcn_conv import FactorGCNConv, Projection
from graphkit.nn.conv.spagan_conv import PathAttention, SPAGANConv

__all__ = ["FactorGCNConv", "PathAttention", "Projection", "SPAGANConv"]
