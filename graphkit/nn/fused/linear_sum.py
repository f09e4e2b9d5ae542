"""Sum over in-neighbors followed or preceded by a linear map."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from graphkit.ops._neighbors import Neighbors, group_neighbors, transposed
from graphkit.ops.aggregate import sum_over


class NeighborSum(NamedTuple):
    """Weighted sum over in-neighbors, for edges that are grouped once.

    Args:
        neighbors (Neighbors): Grouped edges.
        weight (Tensor, optional): Weights ``[E]``. (default: ``None``)
        other_scale (Tensor, optional): Factor of the sources, not differentiable. (default: ``None``)
        own_scale (Tensor, optional): Factor of the targets, not differentiable. (default: ``None``)
        loop (float, optional): Weight of one more edge from each node to itself. (default: ``0.0``)
    """

    neighbors: Neighbors
    weight: Tensor | None = None
    other_scale: Tensor | None = None
    own_scale: Tensor | None = None
    loop: float = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        """Returns the sums of the rows of ``x``."""
        weight = None if self.weight is None else self.weight.unsqueeze(1)
        rows = x.unsqueeze(1)
        return sum_over(rows, self.neighbors, weight, self.other_scale, self.own_scale, self.loop).squeeze(1)

    def both_ways(self, num_sources: int) -> "NeighborSum":
        """Returns the sum with edges that are also grouped by source, for several uses."""
        ptr, rows, other_ptr, _ = self.neighbors
        if other_ptr is not None:
            return self
        return self._replace(neighbors=Neighbors(ptr, rows, *transposed(ptr, rows, num_sources)))

    def transposed(self, num_sources: int) -> "NeighborSum":
        """Returns the sum over out-neighbors."""
        ptr, rows, other_ptr, other_rows = self.both_ways(num_sources).neighbors
        assert other_ptr is not None and other_rows is not None
        neighbors = Neighbors(other_ptr, other_rows, ptr, rows)
        return NeighborSum(neighbors, self.weight, self.own_scale, self.other_scale, self.loop)


def sum_of(edge_index: Tensor, x: Tensor, num_targets: int, mean: bool = False, loop: float = 0.0) -> NeighborSum:
    """Returns the sum or mean over in-neighbors of features ``x``."""
    neighbors = group_neighbors(edge_index, x.size(0), num_targets, torch.is_grad_enabled())
    share = neighbors.degrees().clamp(min=1).to(x.dtype).reciprocal() if mean else None
    return NeighborSum(neighbors, own_scale=share, loop=loop)


def map_sums(
    x: Tensor, sums: NeighborSum, weight: Tensor, bias: Tensor | None = None, root: Tensor | None = None
) -> Tensor:
    r"""Returns a linear map of sums over in-neighbors, and of the features themselves.

    .. math::
        \mathbf{A} \mathbf{X} \mathbf{W}^\top + \mathbf{X} \mathbf{W}_r^\top + \mathbf{b}

    The product is evaluated in the order that sums fewer numbers in both passes.

    Args:
        x (Tensor): Features ``[N, F]``.
        sums (NeighborSum): Sums :math:`\mathbf{A}`.
        weight (Tensor): Matrix :math:`\mathbf{W}`, ``[C, F]``.
        bias (Tensor, optional): Vector :math:`\mathbf{b}`. (default: ``None``)
        root (Tensor, optional): Matrix :math:`\mathbf{W}_r`, ``[C, F]``. (default: ``None``)
    """
    if sums_first(x, weight.size(0)):
        out = linear(sums(x), weight, bias)
        return out if root is None else out.addmm_(x, root.t())
    if sums.weight is not None and sums.weight.requires_grad:
        out = sums(linear(x, weight))
        out = out if root is None else out + linear(x, root)
        return out if bias is None else out + bias
    return _SumOfMaps.apply(x, weight, bias, root, *sums)


def not_a_view(x: Tensor) -> Tensor:
    """Returns a tensor with the memory of ``x`` that callers may change in place.

    Autograd does not allow this for views that a function returns.
    """
    return x.new_empty(0).set_(x.untyped_storage(), x.storage_offset(), x.shape, x.stride())


def sums_first(x: Tensor, width: int) -> bool:
    """Returns whether sums of ``x`` cost less than those of maps to ``width`` columns."""
    trains = torch.is_grad_enabled()
    return (1 + (trains and x.requires_grad)) * x.size(1) < (1 + trains) * width


class _SumOfMaps(torch.autograd.Function):
    """Sum over in-neighbors of mapped features, which keeps no tensor but its inputs."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        root: Tensor | None,
        edges: Neighbors,
        edge_weight: Tensor | None,
        other_scale: Tensor | None,
        own_scale: Tensor | None,
        loop: float,
    ) -> Tensor:
        ctx.loop = loop
        ctx.save_for_backward(x, weight, root, edge_weight, other_scale, own_scale, *edges)
        out = NeighborSum(edges, edge_weight, other_scale, own_scale, loop)(x @ weight.t())
        out = not_a_view(out)
        if root is not None:
            out.addmm_(x, root.t())
        return out if bias is None else out.add_(bias)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (grad,) = grads
        x, weight, root, edge_weight, other_scale, own_scale, *edges = ctx.saved_tensors
        needs_x, needs_weight, needs_bias, needs_root, *_ = ctx.needs_input_grad
        by_x = by_weight = by_root = None
        if needs_x or needs_weight:
            sums = NeighborSum(Neighbors(*edges), edge_weight, other_scale, own_scale, ctx.loop)
            by_map = sums.transposed(x.size(0))(grad)
            by_weight = by_map.t() @ x if needs_weight else None
            by_x = by_map @ weight if needs_x else None
        if root is not None and by_x is not None:
            by_x = by_x.addmm_(grad, root)
        if root is not None and needs_root:
            by_root = grad.t() @ x
        return by_x, by_weight, grad.sum(0) if needs_bias else None, by_root, *[None] * 5
