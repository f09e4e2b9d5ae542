"""Graph isomorphism network (GIN)."""

from typing import Any, Optional

import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.nn import MLP as PyGMLP
from torch_geometric.nn import GINConv
from torch_geometric.nn.models import GIN as PyGGIN

from graphkit.nn.hooks import has_listeners
from graphkit.nn.models.baseline import Baseline
from graphkit.ops import aggregate
from graphkit.ops._segments import widen
from graphkit.ops.aggregate import REDUCTIONS
from graphkit.registry import register_model


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
    graph_defaults = {**Baseline.graph_defaults, "readout": "sum"}

    def make_body(
        self,
        in_channels: int,
        hidden: int,
        num_layers: int,
        out_channels: int,
        dropout: float,
        norm: str | None,
        **options: Any,
    ) -> torch.nn.Module:
        """Creates the stack of PyG layers."""
        return _Body(in_channels, hidden, num_layers, out_channels, dropout=dropout, norm=norm, **options)


class _Body(PyGGIN):
    """PyG stack of :class:`_GINConv`."""

    def init_conv(self, in_channels: Any, out_channels: int, **options: Any) -> GINConv:
        """Creates a layer with a hidden layer of full width, also before few outputs."""
        channels = [in_channels, self.hidden_channels, out_channels]
        norm = {"norm": self.norm, "norm_kwargs": self.norm_kwargs}
        return _GINConv(PyGMLP(channels, act=self.act, act_first=self.act_first, **norm), **options)


class _GINConv(GINConv):
    """GIN layer on the fused operator :func:`graphkit.ops.aggregate`.

    It sums in float32 at least, since large sums saturate in half precision, and takes sparse features.
    """

    def forward(self, x: Any, edge_index: Any, size: Any = None) -> Tensor:
        """Returns the output of each node.

        Sparse features are projected before they are summed.
        """
        if not isinstance(x, Tensor) or size is not None:
            return super().forward(x, edge_index, size)
        first = self.nn.lins[0]
        h = x if x.layout == torch.strided else x @ first.weight.t()
        reduce = "sum" if self.aggr == "add" else self.aggr
        fits = reduce in REDUCTIONS and self.flow == "source_to_target" and not has_listeners(self)
        if fits and isinstance(edge_index, Tensor) and edge_index.layout == torch.strided:
            out = aggregate(h, edge_index, reduce=reduce)
        else:
            out = self.propagate(edge_index, x=(h, h))
        out = out + (1 + self.eps) * h
        if h is x:
            return self.nn(out)
        return _after_product(self.nn, out if first.bias is None else out + first.bias)

    # PyG parses these hints and does not support `X | None`.
    def aggregate(
        self,
        inputs: Tensor,
        index: Tensor,
        ptr: Optional[Tensor] = None,  # noqa: UP045
        dim_size: Optional[int] = None,  # noqa: UP045
    ) -> Tensor:
        """Returns the sum of the messages of each node."""
        return super().aggregate(widen(inputs), index, ptr, dim_size).to(inputs.dtype)


def _after_product(mlp: PyGMLP, x: Tensor) -> Tensor:
    """Returns the output of a perceptron, given the output of its first linear map."""
    if mlp.act is not None and mlp.act_first:
        x = mlp.act(x)
    x = mlp.norms[0](x)
    if mlp.act is not None and not mlp.act_first:
        x = mlp.act(x)
    x = F.dropout(x, mlp.dropout[0], mlp.training)
    return F.dropout(mlp.lins[1](x), mlp.dropout[1], mlp.training)
