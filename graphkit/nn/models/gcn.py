"""GCN as a baseline."""

from typing import Any

import torch
from torch_geometric.data import Data
from torch_geometric.nn.models import GCN as PyGGCN

from graphkit.nn.models.baseline import Baseline
from graphkit.registry import register_model


@register_model("gcn")
class GCN(Baseline):
    """`Semi-Supervised Classification with Graph Convolutional Networks
    <https://arxiv.org/abs/1609.02907>`_ (ICLR 2017).

    The layers are those of :class:`torch_geometric.nn.models.GCN`; see :class:`Baseline` for the arguments. Edge
    weights are used where the data have them.
    """

    uses_edge_weight = True

    def inputs(self, data: Data) -> dict[str, Any]:
        """Returns the arguments of ``forward``, the weights of the edges among them."""
        return {**super().inputs(data), "edge_weight": data.get("edge_weight")}

    def make_body(
        self, in_channels: int, hidden: int, num_layers: int, out_channels: int, dropout: float, norm: str | None,
        **options: Any,
    ) -> torch.nn.Module:
        """Returns PyG's stack."""
        return PyGGCN(in_channels, hidden, num_layers, out_channels, dropout=dropout, norm=norm, **options)
