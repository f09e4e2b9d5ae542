"""Copies of models for use elsewhere: PyTorch's own convolutions and products, and nothing else."""

from graphkit.nn.plain.form import plain_form
from graphkit.nn.plain.st_gcn import PlainSTGCN, PlainSTGCNConv
from graphkit.nn.plain.stigcn import PlainSTIGCN, PlainSTInceptionConv

__all__ = ["PlainSTGCN", "PlainSTGCNConv", "PlainSTIGCN", "PlainSTInceptionConv", "plain_form"]
