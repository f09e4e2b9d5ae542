"""Base of PyG's layers on fused operators: which layers and inputs they support."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.parameter import is_lazy
from torch_geometric import EdgeIndex
from torch_geometric.nn import Linear, MessagePassing

from graphkit.nn.hooks import has_listeners
from graphkit.ops import aggregate
from graphkit.ops._arguments import has_values
from graphkit.ops._native import NATIVE_TYPES, has_native, serves

SUMS = ("sum", "add")
REDUCTIONS = (*SUMS, "mean", "max", "min")


class FusedLayer(MessagePassing):
    """Base of the layers whose class :func:`graphkit.nn.accelerate` sets.

    A subclass also inherits from the layer in PyG, whose ``forward`` it calls if the operators do not apply.
    """

    reductions: tuple[str, ...] = SUMS
    rows = True  # whether a message is the row of the source, scaled by an argument of `propagate` if that is given
    weight = "edge_weight"  # name of this argument
    maps_first = False  # whether a linear map comes first, so that features may be sparse

    def propagate(self, edge_index: Any, size: Any = None, **kwargs: Any) -> Tensor:
        """Aggregates the messages, fused if possible."""
        if self.rows:
            pair = kwargs.get("x")
            x, x_target = pair if isinstance(pair, (tuple, list)) else (pair, pair)
            weight = kwargs.get(self.weight)
            if fits(self, x, edge_index) and (weight is None or is_weight(weight, x, edge_index)):
                reduce = "sum" if self.aggr == "add" else str(self.aggr)
                sizes = sizes_of(edge_index, size, x, x_target)
                if sizes is not None and not (weight is not None and reduce in ("max", "min")):
                    return aggregate(x, edge_index, weight, reduce, sizes)
        if self.explain:
            return MessagePassing.propagate(self, edge_index, size, **kwargs)
        return super().propagate(edge_index, size=size, **kwargs)

    _orig_propagate = _jinja_propagate = propagate  # which PyG sets on a layer when its `explain` changes

    def __repr__(self) -> str:
        """Returns the text of the layer of PyG."""
        return super().__repr__().replace("Fused", "", 1)

    @classmethod
    def unusual(cls, conv: Any) -> str:
        """Returns which option or state of a layer is not supported; empty if none.

        Args:
            conv (MessagePassing): Layer of this class or of PyG's.
        """
        if not isinstance(conv.aggr, str) or conv.aggr not in cls.reductions:
            return f"aggr={conv.aggr!r}"
        return unusual_state(conv)


def unusual_state(conv: MessagePassing) -> str:
    """Returns which option or state that all layers have is not supported."""
    if conv.flow != "source_to_target":
        return f"flow={conv.flow!r}"
    if conv.decomposed_layers != 1:
        return f"decomposed_layers={conv.decomposed_layers}"
    if conv.node_dim not in (-2, 0):
        return f"node_dim={conv.node_dim}"
    if has_listeners(conv):
        return "an explainer or hooks on its messages"
    return ""


def fits(conv: FusedLayer, x: Any, edge_index: Any) -> bool:
    """Returns whether the fused operators support a layer and its inputs."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    return (
        isinstance(x, Tensor)
        and isinstance(edge_index, Tensor)
        and x.dim() == 2
        and (x.layout == torch.strided or conv.maps_first)
        and edge_index.layout == torch.strided
        and edge_index.dim() == 2
        and edge_index.size(0) == 2
        and edge_index.dtype in (torch.int64, torch.int32)
        and has_native("aggregate_sum")
        and edge_index.device == x.device
        and x.dtype in NATIVE_TYPES
        and serves(x, "aggregate")
        and has_values(edge_index)
        and not torch.is_autocast_enabled(x.device.type)
        and not conv.unusual(conv)
    )


def fits_nodes(conv: FusedLayer, x: Any, edge_index: Any) -> bool:
    """Returns whether the fused operators support a layer on one set of nodes."""
    return fits(conv, x, edge_index) and sizes_of(edge_index, None, x, x) is not None


def sizes_of(edge_index: Tensor, size: Any, x: Tensor, x_target: Tensor | None) -> tuple[int, int] | None:
    """Returns the number of sources and targets, or ``None`` for a mismatch."""
    if isinstance(edge_index, EdgeIndex):
        size = edge_index.num_rows, edge_index.num_cols
    sources, targets = size or (None, None)
    if sources not in (None, x.size(0)) or (x_target is not None and targets not in (None, x_target.size(0))):
        return None
    if x_target is not None:
        return x.size(0), x_target.size(0)
    return x.size(0), x.size(0) if targets is None else int(targets)


def is_weight(weight: Any, x: Tensor, edge_index: Tensor) -> bool:
    """Returns whether ``weight`` is a number per edge, of the type of ``x``."""
    return isinstance(weight, Tensor) and weight.dtype == x.dtype and weight.shape == (edge_index.size(1),)


def has_hooks(module: Module) -> bool:
    """Returns whether hooks are registered on the calls of a module."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )


def is_plain(module: Module) -> bool:
    """Returns whether a module is a linear map of PyTorch or PyG without hooks."""
    linear = type(module) in (Linear, torch.nn.Linear)
    return linear and not has_hooks(module) and not any(map(is_lazy, module.parameters()))


def plain_edges(edge_index: Tensor) -> Tensor:
    """Returns edges as a plain tensor."""
    return edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
