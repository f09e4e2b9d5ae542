"""Plain forms of models for export, built from standard PyTorch operators only."""

from graphkit.export.plain.dispatch import plain_form
from graphkit.export.plain.st_gcn import PlainSTGCN, PlainSTGCNConv
from graphkit.export.plain.stigcn import PlainSTIGCN, PlainSTInceptionConv

__all__ = ["PlainSTGCN", "PlainSTGCNConv", "PlainSTIGCN", "PlainSTInceptionConv", "plain_form"]
