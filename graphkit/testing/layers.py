"""What any graph layer must hold to."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn import MessagePassing


def random_graph(num_nodes: int = 12, num_edges: int = 40, seed: int = 0) -> Tensor:
    """Returns random edges ``[2, num_edges]`` that leave the last node isolated; parallel edges do not occur."""
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randperm((num_nodes - 1) ** 2, generator=generator)[:num_edges]
    return torch.stack([pairs // (num_nodes - 1), pairs % (num_nodes - 1)])


def check_layer(layer: MessagePassing, in_channels: int, tolerance: float = 1e-6, weighted: bool = False) -> None:
    """Checks what a PyG user relies on, on a small random graph in float64, with an isolated node in it.

    The output does not depend on the numbering of the nodes nor on the order of the edges; a sorted
    :class:`~torch_geometric.EdgeIndex` gives the same; so does the way through ``message`` that explainers take; a
    graph without edges works; gradients reach every parameter; ``reset_parameters`` changes the weights.

    Args:
        layer: A layer whose ``forward(x, edge_index)`` returns ``[N, ...]``, without dropout.
        in_channels: Its input width.
        tolerance: Largest difference that is let pass.
        weighted: Whether the layer is called with an ``edge_weight``, another one for every edge. A layer that looks
            for shortest paths needs it: without weights many are equally short, and which is taken is up to the
            numbering of the nodes.

    Raises:
        AssertionError: If the layer fails; the message says in what.
    """
    layer = layer.double()
    num_nodes = 12
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(num_nodes, in_channels, generator=generator, dtype=torch.float64)
    edge_index = random_graph(num_nodes)
    weight = torch.rand(edge_index.size(1), generator=generator, dtype=torch.float64) if weighted else None

    def call(x: Tensor, edge_index: Tensor, order: Tensor | slice = slice(None)) -> Tensor:
        return layer(x, edge_index) if weight is None else layer(x, edge_index, weight[order])

    out = call(x, edge_index)

    def same(other: Tensor, what: str) -> None:
        error = float((other - out).detach().abs().max())
        assert error <= tolerance, f"{layer}: {what} changes the output by {error:.1e}"

    order = torch.randperm(num_nodes, generator=generator)
    inverse = torch.empty_like(order)
    inverse[order] = torch.arange(num_nodes)
    same(call(x[order], inverse[edge_index])[inverse], "another numbering of the nodes")
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
