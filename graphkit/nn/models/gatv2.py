"""Graph attention network with dynamic attention (GATv2)."""

from typing import Any

import torch
from torch_geometric.nn import GATv2Conv
from torch_geometric.nn.models import GAT as PyGGAT

from graphkit.nn.models.gat import GAT
from graphkit.registry import register_model


@register_model("gatv2")
class GATv2(GAT):
    """Graph attention network with dynamic attention (GATv2, ICLR 2022).

    The layers are those of :class:`torch_geometric.nn.models.GAT` with ``v2=True``; see :class:`GAT` for the arguments.
    Edge features are a part of the input of the attention; layers that have them are not accelerated.

    Reference:
        Brody, Alon and Yahav, `How Attentive are Graph Attention Networks? <https://arxiv.org/abs/2105.14491>`_,
        ICLR 2022.
    """

    layers = (GATv2Conv, PyGGAT)

    def make_body(self, *widths: Any, **options: Any) -> torch.nn.Module:
        """Creates the stack of PyG layers; the output layer averages its heads."""
        return super().make_body(*widths, v2=True, **options)
