"""Graph isomorphism network (GIN)."""

from typing import Any, Optional

import torch
from torch import Tensor
from torch_geometric.nn import MLP as PyGMLP
from torch_geometric.nn import GINConv
from torch_geometric.nn.models import GIN as PyGGIN

from graphkit.nn.fused.layer import FusedLayer
from graphkit.nn.fused.neighbors import FusedGINConv, after_first
from graphkit.nn.models.baseline import Baseline
from graphkit.ops._segments import widen
from graphkit.registry import register_model


class _Body(PyGGIN):
    """PyG stack of :class:`_GINConv`."""

    def init_conv(self, in_channels: Any, out_channels: int, **options: Any) -> GINConv:
        """Creates a layer with a hidden layer of full width, also before few outputs."""
        channels = [in_channels, self.hidden_channels, out_channels]
        norm = {"norm": self.norm, "norm_kwargs": self.norm_kwargs}
        return _GINConv(PyGMLP(channels, act=self.act, act_first=self.act_first, **norm), **options)


class WideSum:
    """Sum of messages in float32 at least: large sums saturate in half precision."""

    # PyG parses these hints and does not support `X | None`.
    def aggregate(
        self,
        inputs: Tensor,
        index: Tensor,
        ptr: Optional[Tensor] = None,  # noqa: UP045
        dim_size: Optional[int] = None,  # noqa: UP045
    ) -> Tensor:
        """Returns the sum of the messages of each node."""
        sums: Tensor = super().aggregate(widen(inputs), index, ptr, dim_size)  # type: ignore[misc]
        return sums.to(inputs.dtype)


class _GINConv(WideSum, FusedGINConv):
    """GIN layer on fused operators that takes sparse features."""

    propagate = FusedLayer.propagate  # or PyG would generate one

    def forward(self, x: Any, edge_index: Any, size: Any = None) -> Tensor:
        """Returns the output of each node.

        Sparse features are projected before they are summed.
        """
        if not isinstance(x, Tensor) or x.layout == torch.strided:
            return super().forward(x, edge_index, size)
        first = self.nn.lins[0]
        h = x @ first.weight.t()
        out = self.propagate(edge_index, x=(h, h), size=size) + (1 + self.eps) * h
        return after_first(self.nn, out if first.bias is None else out + first.bias)


@register_model("gin")
class GIN(Baseline):
    """Graph isomorphism network (GIN, ICLR 2019).

    The layers are those of :class:`torch_geometric.nn.models.GIN`; see :class:`Baseline` for the arguments. The default
    readout of graphs is the sum, as in the paper.

    Reference:
        Xu, Hu, Leskovec and Jegelka, `How Powerful are Graph Neural Networks? <https://arxiv.org/abs/1810.00826>`_,
        ICLR 2019.
    """

    layers = (GINConv, PyGGIN)
    stack = _Body
    graph_defaults = {**Baseline.graph_defaults, "readout": "sum"}
