"""Topology scores of message-passing layers: attention, or scores of messages."""

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
    """Edge scores of one layer in one call.

    Args:
        score (Tensor): Non-negative scores ``[E]`` or ``[E, H]``; the sum over the in-edges of a node is 1.
        target (Tensor): Target nodes ``[E]`` of the edges.
    """

    score: Tensor
    target: Tensor


def generic_score(source: Tensor, target: Tensor, edge_index: Tensor) -> Tensor:
    r"""Returns a score of edges for layers without attention.

    .. math::
        e_{ij} = \mathbf{h}_j^{\top} \tanh(\mathbf{h}_i) \quad \text{for every edge } j \to i

    Args:
        source (Tensor): Features :math:`\mathbf{h}_j` ``[N, D]`` or ``[N, H, D]`` of the nodes as sources.
        target (Tensor): Features :math:`\mathbf{h}_i` of the nodes as targets, of the same shape.
        edge_index (Tensor): Edges ``[2, E]``.

    Returns:
        Scores ``[E]``, or ``[E, H]`` for features with heads.

    Reference:
        Liu, Yang and Wang, `Overcoming Catastrophic Forgetting in Graph Neural Networks
        <https://arxiv.org/abs/2012.06002>`_, AAAI 2021.

    Differences:
        The formula of the paper exchanges :math:`i` and :math:`j`; its code does not.

    Example:
        >>> z = torch.tensor([[1.0], [0.0]])
        >>> generic_score(z, z, torch.tensor([[0, 1], [1, 0]]))
        tensor([0., 0.])
    """
    return (source[edge_index[0]] * torch.tanh(target[edge_index[1]])).sum(dim=-1)


def topology_loss(parts: Sequence[Topology], nodes: Tensor | None = None, norm: str = "squared") -> Tensor:
    r"""Returns the topology loss, the squared norm of the scores of all layers.

    .. math::
        \sum_l \sum_i \lVert \mathbf{e}^{(l)}_i \rVert^2

    where :math:`\mathbf{e}^{(l)}_i` are the scores of the in-edges of node :math:`i` in layer :math:`l`.

    Args:
        parts (list of Topology): Scores of the layers.
        nodes (Tensor, optional): Ids or mask of the nodes :math:`i`; all if ``None``. (default: ``None``)
        norm (str, optional): ``"squared"``, or ``"fro"`` for the sum over layers of the norms without the square.
            (default: ``"squared"``)

    Returns:
        A scalar; 0 if no node has an in-edge.

    Raises:
        InputError: If the norm is unknown.

    Example:
        >>> topology_loss([Topology(torch.tensor([0.5, 0.5]), torch.tensor([1, 1]))])
        tensor(0.5000)
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
        if score.numel():  # the square root has no derivative at zero
            square = score.square().sum()
            total = total + (square if norm == "squared" else square.sqrt())
    return total


@contextmanager
def listen(model: torch.nn.Module, layers: Sequence[str] | None = None) -> Iterator[list[Topology]]:
    """Collects the edge scores of the layers of a model in a context.

    The scores of a layer with attention (:class:`~torch_geometric.nn.GATConv`, :class:`~torch_geometric.nn.GATv2Conv`,
    SPAGAN) are its attention: message arguments that sum to 1 over the in-edges of every node. For any other layer they
    are the softmax over in-edges of a leaky ReLU of :func:`generic_score` of its message features. Layers whose scores
    depend on no parameter, such as the first layer of GIN and of GraphSAGE, are left out.

    Args:
        model (torch.nn.Module): Model with :class:`~torch_geometric.nn.MessagePassing` layers.
        layers (list of str, optional): Names of the layers; all if ``None``. (default: ``None``)

    Yields:
        List of :class:`Topology`, which grows with each call of a layer.

    Raises:
        InputError: If a layer does not exist, or the model has no message-passing layer.

    Example:
        >>> from torch_geometric.nn import GATConv
        >>> conv = GATConv(4, 2)
        >>> with listen(conv) as scores:
        ...     out = conv(torch.randn(3, 4), torch.tensor([[0, 1], [1, 2]]))
        >>> len(scores)
        1
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
        with share_trunk_outputs(False):  # the hooks need every layer to run
            yield parts
    finally:
        for handle in handles:
            handle.remove()


def _topology(layer: MessagePassing, edge_index: Tensor, sent: dict[str, Any]) -> Topology:
    """Returns the edge scores of a layer from the arguments of its messages."""
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
    """Returns whether a message argument is a softmax over the in-edges of each node."""
    if not value.is_floating_point() or value.dim() == 0 or value.size(0) != target.numel() or not value.numel():
        return False
    if not value.requires_grad:  # such as the edge weights of the data
        return False
    tolerance = 1e-3 if value.dtype in (torch.float32, torch.float64) else 2e-2
    value = widen(value.detach().flatten(1) if value.dim() > 1 else value.detach()[:, None])
    sums = scatter(value, target, dim=0, reduce="sum")
    reached = torch.bincount(target) > 0
    return bool((value >= 0).all()) and bool((sums[reached] - 1).abs().max() < tolerance)


def _features(layer: MessagePassing, sent: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Returns the widest features of sources and targets in the message arguments."""
    best: tuple[Tensor, Tensor] | None = None
    for name, value in sent.items():
        if f"{name}_j" not in layer._user_args:  # an argument of edges or of targets only
            continue
        pair = value if isinstance(value, tuple | list) else (value, value)
        source, end = pair[0], pair[0] if pair[1] is None else pair[1]
        fits = source.layout == torch.strided and source.dim() > 1 and source.shape[1:] == end.shape[1:]
        if fits and (best is None or source.shape[1:].numel() > best[0].shape[1:].numel()):
            best = (source, end)
    if best is None:
        raise InputError(f"{layer} has no dense node features in its messages, and therefore no score; leave it out")
    return best
