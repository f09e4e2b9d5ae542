"""How a network sees the structure around nodes: its attention, or a score from the features that layers send."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.nn import MessagePassing
from torch_geometric.utils import scatter, softmax

from graphkit.continual.trunk_outputs import share_trunk_outputs
from graphkit.errors import InputError
from graphkit.ops._segments import widen
from graphkit.registry import unknown_name


class Topology(NamedTuple):
    """What one layer made of the edges in one call.

    Args:
        score: ``[E]`` or ``[E, H]``, non-negative; the scores of the edges that end in a node sum to one.
        target: ``[E]``, the nodes that the edges end in.
    """

    score: Tensor
    target: Tensor


def generic_score(source: Tensor, target: Tensor, edge_index: Tensor) -> Tensor:
    r"""Returns :math:`e_{ij} = \mathbf{h}_j^{\top} \tanh(\mathbf{h}_i)` for every edge :math:`j \to i`.

    Args:
        source: Features ``[N, D]`` or ``[N, H, D]`` that nodes send along their edges.
        target: Features of the same nodes as the end of an edge; the same tensor where nodes have one role.
        edge_index: ``[2, E]``.

    Returns:
        ``[E]``, or ``[E, H]`` for features in heads.

    Differences:
        The paper writes the roles the other way round; its code gives the source the role of :math:`i`, as here.
    """
    return (source[edge_index[0]] * torch.tanh(target[edge_index[1]])).sum(dim=-1)


def topology_loss(parts: Sequence[Topology], nodes: Tensor | None = None, norm: str = "squared") -> Tensor:
    r"""Returns :math:`\sum_{layers} \sum_{i} \lVert \mathbf{e}_i \rVert^2` over nodes :math:`i`, whose vectors
    :math:`\mathbf{e}_i` hold the scores of their in-edges.

    Args:
        parts: What the layers made of the edges.
        nodes: Ids, or a mask, of the nodes that count; ``None`` for all.
        norm: ``"squared"``, or ``"fro"`` for the sum of the norms :math:`\lVert \mathbf{e} \rVert` of each layer.

    Returns:
        A scalar; 0 where no node that counts has an in-edge.
    """
    if norm not in ("squared", "fro"):
        raise InputError(f"`norm` must be 'squared' or 'fro' (got {norm!r})")
    total = parts[0].score.new_zeros(()) if parts else torch.zeros(())
    for score, target in parts:
        if nodes is not None:
            mask = nodes
            if nodes.dtype != torch.bool:
                size = 1 + max((int(ids.max()) for ids in (nodes, target) if ids.numel()), default=-1)
                mask = torch.zeros(size, dtype=torch.bool, device=target.device).index_fill(0, nodes.long(), True)
            score = score[mask[target]]
        if score.numel():  # the root has no slope at zero
            square = score.square().sum()
            total = total + (square if norm == "squared" else square.sqrt())
    return total


@contextmanager
def listen(model: torch.nn.Module, layers: Sequence[str] | None = None) -> Iterator[list[Topology]]:
    """Collects what the layers of a model make of the edges, by PyG's hooks; the layers need not know.

    A layer that gives its messages weights which sum to one over the edges into a node has attention, and that is what
    is taken (:class:`~torch_geometric.nn.GATConv`, :class:`~torch_geometric.nn.GATv2Conv`, SPAGAN's paths). For
    any other layer it is the softmax, over the edges into a node, of a leaky ReLU of :func:`generic_score` of the
    features that it sends. Layers whose scores depend on no parameter are left out: the first layer of GIN and of
    GraphSAGE, which send their inputs as they came.

    Args:
        model: Any model with :class:`~torch_geometric.nn.MessagePassing` layers.
        layers: Names of the layers to listen to; ``None`` for all.

    Yields:
        A list that fills while the model runs.

    Raises:
        ValueError: If there is no such layer, or none at all.
    """
    modules = {name: module for name, module in model.named_modules() if isinstance(module, MessagePassing)}
    if not modules:
        raise InputError(f"topology needs layers of the kind MessagePassing (got none in {type(model).__name__})")
    for name in layers or ():
        if name not in modules:
            raise InputError(f"`layers`: {unknown_name('graph layer', name, modules)}")
    parts: list[Topology] = []

    def hook(layer: MessagePassing, inputs: tuple[Any, ...]) -> None:
        edge_index, _, sent = inputs
        if isinstance(edge_index, Tensor) and edge_index.layout == torch.strided:
            with torch.autocast(edge_index.device.type, enabled=False):
                topology = _topology(layer, torch.stack([edge_index[0], edge_index[1]]), sent)
            if topology.score.requires_grad:
                parts.append(topology)

    chosen = modules.values() if layers is None else [modules[name] for name in layers]
    handles = [layer.register_propagate_forward_pre_hook(hook) for layer in chosen]
    try:
        with share_trunk_outputs(False):  # a layer that is not run again would not be heard
            yield parts
    finally:
        for handle in handles:
            handle.remove()


def _topology(layer: MessagePassing, edge_index: Tensor, sent: dict[str, Any]) -> Topology:
    """Returns what a layer makes of the edges, from what it was about to send along them."""
    if layer.flow != "source_to_target":
        edge_index = edge_index.flip(0)
    target = edge_index[1]
    for value in sent.values():
        if isinstance(value, Tensor) and _is_attention(value, target):
            value = widen(value)
            return Topology(value.flatten(1) if value.dim() > 1 else value, target)
    source, end = _features(layer, sent)
    score = F.leaky_relu(generic_score(widen(source), widen(end), edge_index), 0.2)
    return Topology(softmax(score, target, num_nodes=end.size(0)), target)


def _is_attention(value: Tensor, target: Tensor) -> bool:
    """Whether a value per edge is a softmax over the edges into each node."""
    if not value.is_floating_point() or value.dim() == 0 or value.size(0) != target.numel() or not value.numel():
        return False
    if not value.requires_grad:  # such as the weights of the edges, which the data give
        return False
    tolerance = 1e-3 if value.dtype in (torch.float32, torch.float64) else 2e-2
    value = widen(value.detach().flatten(1) if value.dim() > 1 else value.detach()[:, None])
    sums = scatter(value, target, dim=0, reduce="sum")
    reached = torch.bincount(target) > 0
    return bool((value >= 0).all()) and bool((sums[reached] - 1).abs().max() < tolerance)


def _features(layer: MessagePassing, sent: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Returns the features of sources and targets: the widest of what nodes send."""
    best: tuple[Tensor, Tensor] | None = None
    for name, value in sent.items():
        if f"{name}_j" not in layer._user_args:  # it belongs to edges, or only to their ends
            continue
        pair = value if isinstance(value, tuple | list) else (value, value)
        source, end = pair[0], pair[0] if pair[1] is None else pair[1]
        fits = source.layout == torch.strided and source.dim() > 1 and source.shape[1:] == end.shape[1:]
        if fits and (best is None or source.shape[1:].numel() > best[0].shape[1:].numel()):
            best = (source, end)
    if best is None:
        raise InputError(f"{layer} sends no dense features of nodes, so that its topology has no score; leave it out")
    return best
