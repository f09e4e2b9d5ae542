"""Graph attention network (GAT)."""

from inspect import signature
from typing import Any, cast

import torch
from torch_geometric.nn import GATConv, MessagePassing
from torch_geometric.nn import Linear as PyGLinear
from torch_geometric.nn.models import GAT as PyGGAT

from graphkit.errors import InputError
from graphkit.nn.accelerate import accelerate
from graphkit.nn.conv.fused_gat_conv import HeadMeanLinear
from graphkit.nn.models.baseline import Baseline
from graphkit.nn.models.graph_model import check_edge_options
from graphkit.nn.options import check_counts, check_flags, check_shares
from graphkit.nn.search_space import Choice
from graphkit.registry import register_model


@register_model("gat")
class GAT(Baseline):
    """Graph attention network (GAT, ICLR 2018).

    The layers are those of :class:`torch_geometric.nn.models.GAT`; see :class:`Baseline` for the other arguments.

    Args:
        in_channels (int): Width of the node features, or of the embedding if ``num_categories`` is given.
        out_channels (int): Number of outputs.
        hidden_channels (int, optional): Width of every hidden layer, all heads together. (default: ``64``)
        heads (int, optional): Attention heads of the hidden layers. (default: ``8``)
        act (str, optional): Activation between the layers. (default: ``"elu"``)
        attention_dropout (float, optional): Dropout of the attention; ``dropout`` if ``None``. (default: ``None``)
        out_heads (int, optional): Heads of the last layer, which averages them; ``heads`` if ``None``. The paper uses
            one on Cora and CiteSeer. (default: ``None``)
        residual (bool, optional): If ``True``, each layer adds a linear map of its input, one per head, except a layer
            on the node features themselves; the last layer averages the maps. (default: ``False``)
        bias (bool, optional): If ``False``, the layers have no bias. (default: ``True``)
        fused (bool, optional): If ``False``, the layers are not accelerated; the results are the same up to rounding.
            See :func:`graphkit.nn.accelerate`. (default: ``True``)
        edge_attr (str, optional): Name of an edge attribute, such as ``"edge_weight"``, that the attention takes into
            account; zero for self loops. :meth:`from_data` takes ``"edge_attr"`` if the data have it.
            (default: ``None``)
        edge_dim (int, optional): Width of the edge attribute. (default: ``1``)
        options (optional): Arguments of :class:`Baseline`.

    Reference:
        Veličković, Cucurull, Casanova, Romero, Liò and Bengio, `Graph Attention Networks
        <https://arxiv.org/abs/1710.10903>`_, ICLR 2018.
    """

    takes_edge_attr = True
    layers = (GATConv, PyGGAT)
    stack = PyGGAT
    search_space = {**Baseline.search_space, "model.heads": Choice((1, 4, 8))}

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hidden_channels: int = 64,
        heads: int = 8,
        act: str = "elu",
        attention_dropout: float | None = None,
        out_heads: int | None = None,
        residual: bool = False,
        bias: bool = True,
        fused: bool = True,
        edge_attr: str | None = None,
        edge_dim: int = 1,
        **options: Any,
    ) -> None:
        check_counts(hidden_channels=hidden_channels, heads=heads)
        if hidden_channels % heads:
            raise InputError(f"`hidden_channels` must be divisible by `heads` (got {hidden_channels} and {heads})")
        if out_heads is not None:
            check_counts(out_heads=out_heads)
        if attention_dropout is not None:
            check_shares(attention_dropout=attention_dropout)
        check_flags(residual=residual, bias=bias, fused=fused)
        check_edge_options(edge_attr, edge_dim)
        of_convs: dict[str, Any] = {"bias": bias}
        if edge_attr is not None:
            of_convs = {**of_convs, "edge_dim": edge_dim, "fill_value": 0.0}
        super().__init__(in_channels, out_channels, hidden_channels, heads=heads, act=act, **{**of_convs, **options})
        of_convs |= {
            name: options[name] for name in ("negative_slope", "add_self_loops", "share_weights") if name in options
        }
        self.edge_attr, self.edge_dim = edge_attr, edge_dim
        self.uses_edge_weight = edge_attr == "edge_weight"
        convs = cast(torch.nn.ModuleList, self.body.convs)
        if out_heads is not None:
            last = cast(GATConv, convs[-1])
            widths = (cast(int, last.in_channels), last.out_channels)
            convs[-1] = type(last)(*widths, heads=out_heads, concat=False, dropout=last.dropout, **of_convs)
        for index in range(0 if self.input_projection else 1, len(convs)) if residual else ():
            convs[index] = _with_residual(cast(GATConv, convs[index]))
        if attention_dropout is not None:
            for conv in convs:
                cast(GATConv, conv).dropout = attention_dropout
        if fused:
            accelerate(self.body, inplace=True)


def _with_residual(conv: GATConv) -> GATConv:
    """Returns the layer with a linear residual connection, one map per head."""
    classes = [cls for cls in type(conv).__mro__ if issubclass(cls, MessagePassing) and cls is not MessagePassing]
    names = {"aggr", "flow", *(name for cls in classes for name in signature(cls).parameters)}
    options = {name: getattr(conv, name) for name in names if hasattr(conv, name)}
    with torch.random.fork_rng(devices=[]):  # other weights are copied from `conv`
        layer = type(conv)(**{**options, "bias": conv.bias is not None, "residual": True})
    layer.load_state_dict(conv.state_dict(), strict=False)
    width = cast(int, conv.in_channels)
    if conv.concat:
        layer.res = PyGLinear(width, conv.heads * conv.out_channels, bias=False, weight_initializer="glorot")
    else:
        layer.res = HeadMeanLinear(width, conv.out_channels, conv.heads)
    return layer
