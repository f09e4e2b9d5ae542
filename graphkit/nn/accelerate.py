"""Layers of PyTorch Geometric on fused operators."""

from copy import deepcopy
from typing import Any, NamedTuple, TypeVar

from torch.nn import Module
from torch.nn.parameter import is_lazy
from torch_geometric.nn import MessagePassing

from graphkit.errors import InputError, InputTypeError
from graphkit.nn.conv.fused_gat_conv import FusedGATConv
from graphkit.nn.fused import FUSED, FusedLayer
from graphkit.nn.fused.layer import unusual_state
from graphkit.ops import backend
from graphkit.ops._native import has_native

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

    Messages are aggregated by the kernels of :func:`graphkit.ops.aggregate` and :func:`graphkit.ops.path_attention`. No
    layer makes a row of features per edge except `GINEConv` and `EdgeConv`, whose messages need one. Parameters,
    ``state_dict`` and results stay the same, up to rounding. The layers are listed in ``docs/accelerate.md``.

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
        - A layer uses PyG's own code whenever the fused operators do not apply: on CUDA tensors where the kernels
          are not in use, in half precision, under autocast or ``torch.compile``, for ``SparseTensor`` and
          ``torch.sparse`` adjacencies, while an explainer is active or hooks on messages are registered, and with
          ``flow="target_to_source"``, decomposed layers or other aggregations.
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
        names = ("_cached_edge_index", "_cached_adj_t", "_cached_x")
        caches = [vars(module).get(name) for module in model.modules() for name in names]
        shared = [*model.parameters(), *model.buffers(), *(cache for cache in caches if cache is not None)]
        model = deepcopy(model, {id(value): value for value in shared})
    for module in model.modules():
        if isinstance(module, MessagePassing) and type(module) in FUSED:
            _restore_propagate(module)
            if not _replaced(module):
                module.__class__ = FUSED[type(module)]
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
    return next((cls for cls, fused in FUSED.items() if type(conv) is fused), type(conv))


def _why_not(conv: MessagePassing) -> str:
    """Returns why a layer uses PyG's own code for all inputs; empty if it does not."""
    cls = _class_of(conv)
    if cls not in FUSED and not isinstance(conv, (FusedGATConv, FusedLayer)):
        base = next((layer.__name__ for layer in FUSED if isinstance(conv, layer)), None)
        return "no fused operator for this layer" if base is None else f"a subclass of {base}"
    if not has_native("aggregate_sum"):
        return f"the native operators are not in use (backend: {backend()})"
    methods = _replaced(conv)
    if methods:
        return f"its method {methods[0]} was replaced"
    if isinstance(conv, FusedLayer):
        return conv.unusual(conv)
    return FUSED[cls].unusual(conv) if cls in FUSED else unusual_state(conv)


def _replaced(conv: MessagePassing) -> list[str]:
    """Returns the methods of a layer that were replaced on the instance."""
    bound = conv.__dict__.get("propagate")
    fused = _is(bound, FusedLayer.propagate)
    return [name for name in _METHODS if name in conv.__dict__ and not (name == "propagate" and fused)]


def _is(method: Any, function: Any) -> bool:
    return function is not None and getattr(method, "__func__", None) is function


def _restore_propagate(conv: MessagePassing) -> None:
    """Removes the `propagate` that PyG sets on a layer when its `explain` changes."""
    bound = conv.__dict__.get("propagate")
    defaults = [getattr(type(conv), name, None) for name in ("_jinja_propagate", "_orig_propagate")]
    if not conv.explain and any(_is(bound, function) for function in defaults):
        del conv.__dict__["propagate"]
