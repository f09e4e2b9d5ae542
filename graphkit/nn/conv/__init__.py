"""Layers, one per file."""

from graphkit.nn.conv.factorgcn_conv import FactorGCNConv, Projection

__all__ = ["FactorGCNConv", "Projection"]
