"""Layers of PyTorch Geometric on fused operators."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import dropout, normalize
from torch.nn.parameter import is_lazy
from torch_geometric import EdgeIndex
from torch_geometric.nn import GATConv, GATv2Conv, GCNConv, GINConv, GraphConv, Linear, MessagePassing, SAGEConv
from torch_geometric.utils import add_self_loops, remove_self_loops

from graphkit.errors import InputError, InputTypeError
from graphkit.nn.conv.fused_gat_conv import FusedGATConv
from graphkit.nn.hooks import has_listeners
from graphkit.ops import aggregate, backend, path_attention, segment_softmax
from graphkit.ops._arguments import has_values
from graphkit.ops._calls import call_native
from graphkit.ops._native import has_native, serves
from graphkit.ops._neighbors import DROP, KEEP, REPLACE, Neighbors, group_neighbors, transposed
from graphkit.ops._pair_score import pair_score
from graphkit.ops.aggregate import REDUCTIONS, sum_over

ModelType = TypeVar("ModelType", bound=Module)
_METHODS = ("forward", "propagate", "message", "aggregate", "update", "message_and_aggregate", "edge_update")


class LayerReport(NamedTuple):
    """Message passing layer of a model, and whether :func:`accelerate` fuses it.

    Args:
        name (str): Name of the layer in the model.
        layer (str): Name of the class in PyG.
        fused (bool): Whether the layer runs on fused operators.
        reason (str): Why it does not; empty if it does.
    """

    name: str
    layer: str
    fused: bool
    reason: str


def accelerate(model: ModelType, inplace: bool = False) -> ModelType:
    r"""Returns a model whose layers from PyTorch Geometric run on fused operators.

    The layers are :class:`~torch_geometric.nn.GCNConv`, :class:`~torch_geometric.nn.SAGEConv`,
    :class:`~torch_geometric.nn.GINConv`, :class:`~torch_geometric.nn.GraphConv`,
    :class:`~torch_geometric.nn.GATConv` and :class:`~torch_geometric.nn.GATv2Conv`. Their messages are aggregated by
    :func:`graphkit.ops.aggregate` and :func:`graphkit.ops.path_attention`, without a row of features per edge.
    Parameters, ``state_dict`` and results stay the same, up to rounding.

    Args:
        model (torch.nn.Module): Any model that contains such layers; it is not changed unless ``inplace``.
        inplace (bool, optional): If ``True``, changes and returns ``model`` itself. (default: ``False``)

    Returns:
        A copy of the model that shares its parameters and buffers. ``accelerate.report(model)`` returns a
        :class:`LayerReport` for each message passing layer of a model, accelerated or not.

    Raises:
        InputError: If ``model`` is not a module, or has lazy parameters and is to be copied.

    Example:
        >>> from torch_geometric.nn import GCN
        >>> model = accelerate(GCN(16, 32, num_layers=2, out_channels=4))
        >>> [row.layer for row in accelerate.report(model)]
        ['GCNConv', 'GCNConv']

    Notes:
        - A layer uses PyG's own code whenever the fused operators do not apply: on CUDA tensors, in half precision,
          under autocast or ``torch.compile``, for ``SparseTensor`` and ``torch.sparse`` adjacencies, while an explainer
          is active or hooks on messages are registered, and with ``flow="target_to_source"``, decomposed layers or
          other aggregations.
          Subclasses and layers with replaced methods are not changed at all.
        - Plain edges are grouped at each call; the groups of an :class:`~torch_geometric.EdgeIndex` are kept with it.
        - The gradient of a maximum that is exactly 0 is divided between equal messages; PyG also gives a part of it to
          the initial number.
    """
    if not isinstance(model, Module):
        raise InputTypeError(f"expected a torch.nn.Module, got {type(model).__name__}; pass a model or a layer")
    if not inplace:
        if any(is_lazy(parameter) for parameter in model.parameters()):
            raise InputError("expected initialized parameters to share, got lazy ones; run the model once first")
        caches = [
            vars(module).get(name) for module in model.modules() for name in ("_cached_edge_index", "_cached_adj_t")
        ]
        shared = [*model.parameters(), *model.buffers(), *(cache for cache in caches if cache is not None)]
        model = deepcopy(model, {id(value): value for value in shared})
    for module in model.modules():
        if isinstance(module, MessagePassing) and type(module) in _FUSED:
            _restore_propagate(module)
            if not _replaced(module):
                module.__class__ = _FUSED[type(module)]
    return model


def report(model: Module) -> list[LayerReport]:
    """Lists the message passing layers of a model and which of them are fused.

    Args:
        model (torch.nn.Module): Model, accelerated or not.
    """
    rows = []
    for name, module in model.named_modules():
        if isinstance(module, MessagePassing):
            reason = _why_not(module)
            rows.append(LayerReport(name, _class_of(module).__name__, not reason, reason))
    return rows


accelerate.report = report  # type: ignore[attr-defined]


def _class_of(conv: MessagePassing) -> type[MessagePassing]:
    """Returns the class in PyG of a layer."""
    return next((cls for cls, fused in _FUSED.items() if type(conv) is fused), type(conv))


def _why_not(conv: MessagePassing) -> str:
    """Returns why a layer uses PyG's own code for all inputs; empty if it does not."""
    cls = _class_of(conv)
    if cls not in _FUSED and not isinstance(conv, FusedGATConv):
        base = next((layer.__name__ for layer in _FUSED if isinstance(conv, layer)), None)
        return "no fused operator for this layer" if base is None else f"a subclass of {base}"
    if not has_native("aggregate_sum"):
        return f"the native operators are not in use (backend: {backend()})"
    methods = _replaced(conv)
    if methods:
        return f"its method {methods[0]} was replaced"
    return _unusual(conv)


def _replaced(conv: MessagePassing) -> list[str]:
    """Returns the methods of a layer that were replaced on the instance."""
    fused = type(conv).__dict__.get("propagate")
    bound = conv.__dict__.get("propagate")
    return [name for name in _METHODS if name in conv.__dict__ and not (name == "propagate" and _is(bound, fused))]


def _is(method: Any, function: Any) -> bool:
    return function is not None and getattr(method, "__func__", None) is function


def _restore_propagate(conv: MessagePassing) -> None:
    """Removes the `propagate` that PyG sets on a layer when its `explain` changes."""
    bound = conv.__dict__.get("propagate")
    defaults = [getattr(type(conv), name, None) for name in ("_jinja_propagate", "_orig_propagate")]
    if not conv.explain and any(_is(bound, function) for function in defaults):
        del conv.__dict__["propagate"]


def _unusual(conv: MessagePassing) -> str:
    """Returns which option or state of a layer the fused operators do not support."""
    wanted = ("sum", "add") if isinstance(conv, (GCNConv, GATConv, GATv2Conv)) else (*REDUCTIONS, "add")
    if not isinstance(conv.aggr, str) or conv.aggr not in wanted:
        return f"aggr={conv.aggr!r}"
    if conv.flow != "source_to_target":
        return f"flow={conv.flow!r}"
    if conv.decomposed_layers != 1:
        return f"decomposed_layers={conv.decomposed_layers}"
    if conv.node_dim not in (-2, 0):
        return f"node_dim={conv.node_dim}"
    if has_listeners(conv):
        return "an explainer or hooks on its messages"
    if isinstance(conv, (GATConv, GATv2Conv)) and conv.lin_edge is not None:
        return "edge_dim is set"
    return ""


def _fits(conv: MessagePassing, x: Any, edge_index: Any) -> bool:
    """Returns whether the fused operators support a layer and its inputs."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    return (
        isinstance(x, Tensor)
        and isinstance(edge_index, Tensor)
        and x.dim() == 2
        and x.layout == edge_index.layout == torch.strided
        and edge_index.dim() == 2
        and edge_index.size(0) == 2
        and edge_index.dtype in (torch.int64, torch.int32)
        and has_native("aggregate_sum")
        and x.device.type == "cpu"
        and edge_index.device == x.device
        and serves(x, "aggregate")
        and has_values(edge_index)
        and not torch.is_autocast_enabled("cpu")
        and not _unusual(conv)
    )


def _sizes(edge_index: Tensor, size: Any, x: Tensor, x_target: Tensor | None) -> tuple[int, int] | None:
    """Returns the number of sources and targets, or ``None`` for a mismatch."""
    if isinstance(edge_index, EdgeIndex):
        size = edge_index.num_rows, edge_index.num_cols
    sources, targets = size or (None, None)
    if sources not in (None, x.size(0)) or (x_target is not None and targets not in (None, x_target.size(0))):
        return None
    if x_target is not None:
        return x.size(0), x_target.size(0)
    return x.size(0), x.size(0) if targets is None else int(targets)


def _propagate(self: MessagePassing, edge_index: Any, size: Any = None, **kwargs: Any) -> Tensor:
    """Aggregates the messages, fused if possible."""
    pair = kwargs.get("x")
    x, x_target = pair if isinstance(pair, (tuple, list)) else (pair, pair)
    weight = kwargs.get("edge_weight")
    if _fits(self, x, edge_index) and (weight is None or _is_weight(weight, x, edge_index)):
        reduce = "sum" if self.aggr == "add" else str(self.aggr)
        sizes = _sizes(edge_index, size, x, x_target)
        if sizes is not None and not (weight is not None and reduce in ("max", "min")):
            return aggregate(x, edge_index, weight, reduce, sizes)
    if self.explain:
        return MessagePassing.propagate(self, edge_index, size, **kwargs)
    propagate: Callable[..., Tensor] = _class_of(self).propagate
    return propagate(self, edge_index, size=size, **kwargs)


def _is_plain(module: Module) -> bool:
    """Returns whether a module is one of PyG's linear maps without hooks."""
    hooked = bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)
    return type(module) is Linear and not hooked and not any(map(is_lazy, module.parameters()))


def _is_weight(weight: Any, x: Tensor, edge_index: Tensor) -> bool:
    return isinstance(weight, Tensor) and weight.dtype == x.dtype and weight.shape == (edge_index.size(1),)


class _FusedGCNConv(GCNConv):
    propagate = _orig_propagate = _jinja_propagate = _propagate

    def forward(self, x: Any, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        if not self.normalize or self.cached or edge_weight is not None or not _fits(self, x, edge_index):
            return super().forward(x, edge_index, edge_weight)
        nodes = x.size(0)
        if _sizes(edge_index, None, x, x) is None:
            return super().forward(x, edge_index)
        trains = torch.is_grad_enabled()
        edges = group_neighbors(edge_index, nodes, nodes, trains, DROP if self.add_self_loops else KEEP)
        loop = float(self.add_self_loops)  # also if `improved`, which PyG applies to given edge weights only
        h = self.lin(x)
        scale = (edges.degrees() + loop).to(h.dtype).rsqrt()
        if not self.add_self_loops:
            scale = scale.masked_fill(scale.isinf(), 0)
        out = sum_over(h.unsqueeze(1), edges, None, scale, scale, loop).squeeze(1)
        return out if self.bias is None else out + self.bias


class _FusedSAGEConv(SAGEConv):
    propagate = _orig_propagate = _jinja_propagate = _propagate

    def forward(self, x: Any, edge_index: Any, size: Any = None) -> Tensor:
        plain = self.root_weight and not self.project and _fits(self, x, edge_index)
        if not plain or not _is_plain(self.lin_l) or not _is_plain(self.lin_r):
            return super().forward(x, edge_index, size)
        out = self.lin_l(self.propagate(edge_index, x=(x, x), size=size))
        out = out.addmm_(x, self.lin_r.weight.t())  # the second map is added where the first one is: no third tensor
        return normalize(out, p=2.0, dim=-1) if self.normalize else out


class _FusedGINConv(GINConv):
    propagate = _orig_propagate = _jinja_propagate = _propagate

    def forward(self, x: Any, edge_index: Any, size: Any = None) -> Tensor:
        plain = self.aggr in ("sum", "add") and not (self.eps.requires_grad and torch.is_grad_enabled())
        if not plain or size is not None or not _fits(self, x, edge_index) or _sizes(edge_index, None, x, x) is None:
            return super().forward(x, edge_index, size)
        edges = group_neighbors(edge_index, x.size(0), x.size(0), torch.is_grad_enabled() and x.requires_grad)
        return self.nn(sum_over(x.unsqueeze(1), edges, loop=1 + float(self.eps.detach())).squeeze(1))


class _FusedGraphConv(GraphConv):
    propagate = _orig_propagate = _jinja_propagate = _propagate


def _looped(conv: GATConv | GATv2Conv, edge_index: Tensor, nodes: int) -> Tensor:
    """Returns the edges of an attention layer as PyG has them."""
    edges = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
    if conv.add_self_loops:
        edges, _ = remove_self_loops(edges)
        edges, _ = add_self_loops(edges, num_nodes=nodes)
    return edges


def _attend(conv: GATConv, h: Tensor, target: Tensor, edge_index: Tensor) -> Tensor:
    """Returns the attention of GAT over in-neighbors."""
    nodes = h.size(0)
    if conv.training and conv.dropout > 0:  # the same random numbers as in PyG: a mask in the order of its edges
        edges = _looped(conv, edge_index, nodes)
        mask = dropout(h.new_ones(edges.size(1), conv.heads), conv.dropout)
        out = path_attention(h, edges, conv.att_src[0], target, negative_slope=conv.negative_slope, weight=mask)
        assert isinstance(out, Tensor)
        return out
    groups = group_neighbors(edge_index, nodes, nodes, False, REPLACE if conv.add_self_loops else KEEP)
    sources = groups.rows[: int(groups.ptr[-1]), 0]
    paths = torch.stack([sources, torch.arange(sources.numel(), dtype=torch.int32)])
    attention = torch.ops.graphkit.path_attention
    return call_native(
        attention, h, conv.att_src[0], target, None, groups.ptr, paths, False, conv.negative_slope, False
    )[0]


def _attend_pairs(conv: GATv2Conv, source: Tensor, target: Tensor, edge_index: Tensor) -> Tensor:
    """Returns the attention of GATv2 over in-neighbors."""
    nodes, mask = source.size(0), None
    if conv.training and conv.dropout > 0:  # the same random numbers as in PyG: a mask in the order of its edges
        edge_index = _looped(conv, edge_index, nodes)
        mask = dropout(source.new_ones(edge_index.size(1), conv.heads), conv.dropout)
    loops = REPLACE if conv.add_self_loops and mask is None else KEEP
    groups = group_neighbors(edge_index, nodes, nodes, False, loops, places=mask is not None)
    sources = groups.rows[: int(groups.ptr[-1]), 0]
    # Scores and attention are in the order of the groups, as the segments of a softmax.
    rows = torch.stack([sources, torch.arange(sources.numel(), dtype=torch.int32)], dim=1)
    neighbors = Neighbors(groups.ptr, rows)
    if torch.is_grad_enabled() and (source.requires_grad or target.requires_grad or conv.att.requires_grad):
        neighbors = Neighbors(*neighbors[:2], *transposed(groups.ptr, rows, nodes))
    scores = pair_score(source, target, conv.att[0], conv.negative_slope, neighbors)
    alpha = segment_softmax(scores, groups.ptr)
    if mask is not None:
        alpha = alpha * mask.index_select(0, groups.rows[:, 1])
    return sum_over(source, neighbors, alpha)


class _FusedGATConv(GATConv):
    propagate = _orig_propagate = _jinja_propagate = MessagePassing.propagate

    def forward(self, x: Any, edge_index: Any, *args: Any, **kwargs: Any) -> Any:
        asked = any(value is not None for value in (*args, *kwargs.values()))
        if asked or self.lin is None or not _fits(self, x, edge_index) or _sizes(edge_index, None, x, x) is None:
            return super().forward(x, edge_index, *args, **kwargs)
        h = self.lin(x).view(-1, self.heads, self.out_channels)
        target = (h * self.att_dst).sum(dim=-1)
        return _finish(self, x, _attend(self, h, target, edge_index))


class _FusedGATv2Conv(GATv2Conv):
    propagate = _orig_propagate = _jinja_propagate = MessagePassing.propagate

    def forward(self, x: Any, edge_index: Any, *args: Any, **kwargs: Any) -> Any:
        asked = any(value is not None for value in (*args, *kwargs.values()))
        if asked or not _fits(self, x, edge_index) or _sizes(edge_index, None, x, x) is None:
            return super().forward(x, edge_index, *args, **kwargs)
        source = self.lin_l(x).view(-1, self.heads, self.out_channels)
        target = source if self.share_weights else self.lin_r(x).view(-1, self.heads, self.out_channels)
        out = _attend_pairs(self, source, target, edge_index)
        return _finish(self, x, out)


def _finish(conv: GATConv | GATv2Conv, x: Tensor, out: Tensor) -> Tensor:
    """Returns the output of an attention layer, given the attention of its heads."""
    out = out.flatten(1) if conv.concat else out.mean(dim=1)
    if conv.res is not None:
        out = out + conv.res(x)
    return out if conv.bias is None else out + conv.bias


_FUSED: dict[type[MessagePassing], type[MessagePassing]] = {
    GCNConv: _FusedGCNConv,
    SAGEConv: _FusedSAGEConv,
    GINConv: _FusedGINConv,
    GraphConv: _FusedGraphConv,
    GATConv: _FusedGATConv,
    GATv2Conv: _FusedGATv2Conv,
}
