"""Conformance checks of graph layers."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn import MessagePassing


def random_graph(num_nodes: int = 12, num_edges: int = 40, seed: int = 0) -> Tensor:
    """Returns random edges ``[2, num_edges]`` without duplicates.

    The last node is isolated.

    Args:
        num_nodes (int, optional): Number of nodes. (default: ``12``)
        num_edges (int, optional): Number of edges. (default: ``40``)
        seed (int, optional): Random seed. (default: ``0``)
    """
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randperm((num_nodes - 1) ** 2, generator=generator)[:num_edges]
    return torch.stack([pairs // (num_nodes - 1), pairs % (num_nodes - 1)])


def check_layer(layer: MessagePassing, in_channels: int, tolerance: float = 1e-6, weighted: bool = False) -> None:
    """Checks a graph layer for invariances and gradients, on a small random graph.

    The checks, in float64 and with an isolated node: the output does not depend on the order of nodes and edges; a
    sorted :class:`~torch_geometric.EdgeIndex` and hooks on ``message`` give the same output; a graph without edges
    works; all parameters have finite gradients; ``reset_parameters`` changes the parameters. A layer with an
    ``edge_dim`` is called with a random ``edge_attr``.

    Args:
        layer (MessagePassing): Layer whose ``forward(x, edge_index)`` returns ``[N, ...]``, without dropout.
        in_channels (int): Input width.
        tolerance (float, optional): Largest absolute difference. (default: ``1e-6``)
        weighted (bool, optional): Passes a random ``edge_weight``. Required for layers on shortest paths: with unit
            weights, ties between paths are broken by node order. (default: ``False``)

    Raises:
        AssertionError: If a check fails, with its name.
    """
    layer = layer.double()
    num_nodes = 12
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(num_nodes, in_channels, generator=generator, dtype=torch.float64)
    edge_index = random_graph(num_nodes)
    per_edge = {}
    if weighted:
        per_edge["edge_weight"] = torch.rand(edge_index.size(1), generator=generator, dtype=torch.float64)
    if getattr(layer, "edge_dim", None) is not None:
        shape = (edge_index.size(1), layer.edge_dim)
        per_edge["edge_attr"] = torch.randn(shape, generator=generator, dtype=torch.float64)

    def call(x: Tensor, edge_index: Tensor, order: Tensor | slice = slice(None)) -> Tensor:
        return layer(x, edge_index, **{name: rows[order] for name, rows in per_edge.items()})

    out = call(x, edge_index)

    def same(other: Tensor, what: str) -> None:
        error = float((other - out).detach().abs().max())
        assert error <= tolerance, f"{layer}: {what} changes the output by {error:.1e}"

    order = torch.randperm(num_nodes, generator=generator)
    inverse = torch.empty_like(order)
    inverse[order] = torch.arange(num_nodes)
    same(call(x[order], inverse[edge_index])[inverse], "the order of the nodes")
    order = torch.randperm(edge_index.size(1), generator=generator)
    same(call(x, edge_index[:, order], order), "the order of the edges")
    by_target, order = EdgeIndex(edge_index, sparse_size=(num_nodes, num_nodes)).sort_by("col")
    same(call(x, by_target, order), "a sorted EdgeIndex")

    handle = layer.register_message_forward_hook(lambda module, inputs, output: None)
    same(call(x, edge_index), "a hook on the messages")
    handle.remove()

    empty = call(x, edge_index[:, :0], slice(0))
    assert empty.shape == out.shape and bool(empty.isfinite().all()), f"{layer}: a graph without edges fails"
    layer.zero_grad()
    call(x, edge_index).square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), f"{layer}: no gradient for {name}"
    before = torch.cat([parameter.detach().flatten().clone() for parameter in layer.parameters()])
    layer.reset_parameters()
    after = torch.cat([parameter.detach().flatten() for parameter in layer.parameters()])
    assert not torch.equal(before, after), f"{layer}: reset_parameters changes nothing"
