"""GraphSAGE."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn import SAGEConv
from torch_geometric.nn.models import GraphSAGE as PyGGraphSAGE

from graphkit.nn.fused.layer import FusedLayer
from graphkit.nn.fused.neighbors import FusedSAGEConv
from graphkit.nn.models.baseline import Baseline
from graphkit.registry import register_model


class _Body(PyGGraphSAGE):
    """PyG stack of :class:`_SAGEConv`."""

    def init_conv(self, in_channels: Any, out_channels: int, **options: Any) -> SAGEConv:
        """Creates a layer."""
        return _SAGEConv(in_channels, out_channels, **options)


class _SAGEConv(FusedSAGEConv):
    """GraphSAGE layer on fused operators that takes sparse features."""

    propagate = FusedLayer.propagate  # or PyG would generate one

    def forward(self, x: Any, edge_index: Any, size: Any = None) -> Tensor:
        """Returns the output of each node.

        Sparse features are projected before the mean is taken.
        """
        if not isinstance(x, Tensor) or x.layout == torch.strided:
            return super().forward(x, edge_index, size)
        h = x @ self.lin_l.weight.t()
        out = self.propagate(edge_index, x=(h, h), size=size)
        out = out if self.lin_l.bias is None else out + self.lin_l.bias
        return out + x @ self.lin_r.weight.t()


@register_model("sage")
class SAGE(Baseline):
    """GraphSAGE (NeurIPS 2017), with the mean over in-neighbors.

    The layers are those of :class:`torch_geometric.nn.models.GraphSAGE`; see :class:`Baseline` for the arguments. A map
    of the node itself is added to a map of the mean of its in-neighbors.

    Reference:
        Hamilton, Ying and Leskovec, `Inductive Representation Learning on Large Graphs
        <https://arxiv.org/abs/1706.02216>`_, NeurIPS 2017.
    """

    layers = (SAGEConv, PyGGraphSAGE)
    stack = _Body
