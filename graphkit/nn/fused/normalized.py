"""PyG's layers with symmetric normalization on fused operators."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch_geometric import EdgeIndex
from torch_geometric.nn import APPNP, ChebConv, GCNConv, LGConv, Linear, SGConv, TAGConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graphkit.nn.fused.layer import FusedLayer, fits_nodes, is_plain, is_weight, plain_edges
from graphkit.nn.fused.linear_sum import NeighborSum, map_sums, sum_of, sums_first
from graphkit.ops._neighbors import DROP, KEEP, group_neighbors
from graphkit.ops.aggregate import sum_over


def normalized(
    edge_index: Tensor, weight: Tensor | None, x: Tensor, loops: bool = True, improved: bool = False
) -> NeighborSum:
    """Returns the symmetrically normalized sum over in-neighbors, as PyG has it.

    Args:
        edge_index (Tensor): Edges.
        weight (Tensor, optional): Weights of the edges.
        x (Tensor): Features, for their number and type.
        loops (bool, optional): If ``True``, adds the missing self-loops. (default: ``True``)
        improved (bool, optional): If ``True``, added self-loops have the weight 2 where there are edge weights.
            (default: ``False``)
    """
    nodes, trains = x.size(0), torch.is_grad_enabled()
    loop = float(loops)
    if weight is None:  # PyG ignores `improved` then
        edges = group_neighbors(edge_index, nodes, nodes, trains, DROP if loops else KEEP)
        degrees = (edges.degrees() + loop).to(x.dtype)
    else:
        plain = plain_edges(edge_index)
        if (trains and weight.requires_grad) or (loops and bool((plain[0] == plain[1]).any())):
            plain, weight = gcn_norm(plain, weight, nodes, improved, loops, dtype=x.dtype)
            return weighted(plain, weight, nodes)
        loop += loops and improved
        edges = group_neighbors(edge_index, nodes, nodes, trains, places=True)
        degrees = sum_over(x.new_ones(nodes, 1, 1), edges, weight.unsqueeze(1)).flatten() + loop
    scale = degrees.rsqrt()
    if not loops or weight is not None:
        scale = scale.masked_fill(scale.isinf(), 0)
    return NeighborSum(edges, weight, scale, scale, loop)


def weighted(edge_index: Tensor, weight: Tensor, nodes: int) -> NeighborSum:
    """Returns the weighted sum over in-neighbors."""
    edges = group_neighbors(edge_index, nodes, nodes, torch.is_grad_enabled(), places=True)
    return NeighborSum(edges, weight)


def _sums_of(
    conv: Any, edge_index: Tensor, weight: Tensor | None, x: Tensor, loops: bool, hops: int = 1
) -> NeighborSum:
    """Returns the sum of a layer over in-neighbors."""
    if conv.normalize and getattr(conv, "cached", False):
        sums = _cached_sum(conv, edge_index, weight, x)
    elif conv.normalize:
        sums = normalized(edge_index, weight, x, loops, getattr(conv, "improved", False))
    elif weight is None:
        sums = sum_of(edge_index, x, x.size(0))
    else:
        sums = weighted(edge_index, weight, x.size(0))
    return sums.both_ways(x.size(0)) if hops > 1 and torch.is_grad_enabled() else sums


def _cached_sum(conv: GCNConv | APPNP, edge_index: Tensor, weight: Tensor | None, x: Tensor) -> NeighborSum:
    """Returns the sum of a layer that caches its edges, now as an `EdgeIndex`."""
    cache = conv._cached_edge_index
    if cache is None:
        improved = getattr(conv, "improved", False)
        cache = gcn_norm(plain_edges(edge_index), weight, x.size(0), improved, conv.add_self_loops, dtype=x.dtype)
    edges, weight = cache
    if not isinstance(edges, EdgeIndex):
        edges = EdgeIndex(edges)
    conv._cached_edge_index = edges, weight
    return weighted(edges, weight, x.size(0))


def _takes(conv: FusedLayer, x: Any, edge_index: Any, weight: Any) -> bool:
    """Returns whether the fused operators support a layer and its inputs."""
    if not fits_nodes(conv, x, edge_index) or not (weight is None or is_weight(weight, x, edge_index)):
        return False
    cache = getattr(conv, "_cached_edge_index", None)
    return cache is None or (cache[1] is not None and cache[1].dtype == x.dtype and cache[1].device == x.device)


class FusedGCNConv(FusedLayer, GCNConv):
    """`GCNConv` on fused operators."""

    maps_first = True

    def forward(self, x: Any, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Returns the output features of the nodes."""
        if not _takes(self, x, edge_index, edge_weight):
            return super().forward(x, edge_index, edge_weight)
        fuses = x.layout == torch.strided and is_plain(self.lin)
        h = x if fuses else self.lin(x)
        sums = _sums_of(self, edge_index, edge_weight, h, self.add_self_loops)
        if fuses:
            return map_sums(x, sums, self.lin.weight, self.bias)
        out = sums(h)
        return out if self.bias is None else out + self.bias


class FusedTAGConv(FusedLayer, TAGConv):
    """`TAGConv` on fused operators."""

    def forward(self, x: Any, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Returns the output features of the nodes."""
        if not _takes(self, x, edge_index, edge_weight) or not all(map(is_plain, self.lins)):
            return super().forward(x, edge_index, edge_weight)
        sums = _sums_of(self, edge_index, edge_weight, x, False, self.K)
        first, *others = [lin.weight for lin in self.lins if isinstance(lin, Linear)]
        if sums_first(x, self.out_channels):
            out = linear(x, first, self.bias)
            for weight in others:
                x = sums(x)
                out = out.addmm_(x, weight.t())
            return out
        out = x.new_zeros(())  # from the last hop to the first one, at the width of the output
        for count, weight in enumerate(reversed(others)):
            out = sums(torch.addmm(out, x, weight.t()) if count else linear(x, weight))
        return out + linear(x, first, self.bias)


class FusedSGConv(FusedLayer, SGConv):
    """`SGConv` on fused operators."""

    _cached_x: Tensor | None

    def forward(self, x: Any, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Returns the output features of the nodes."""
        if self._cached_x is not None or not _takes(self, x, edge_index, edge_weight):
            return super().forward(x, edge_index, edge_weight)
        sums = normalized(edge_index, edge_weight, x, self.add_self_loops)
        sums = sums.both_ways(x.size(0)) if self.K > 1 and torch.is_grad_enabled() else sums
        if self.cached or not is_plain(self.lin) or sums_first(x, self.out_channels):
            for _ in range(self.K):
                x = sums(x)
            self._cached_x = x if self.cached else None
            return self.lin(x)
        out = linear(x, self.lin.weight)
        for _ in range(self.K):
            out = sums(out)
        return out if self.lin.bias is None else out + self.lin.bias


class FusedLGConv(FusedLayer, LGConv):
    """`LGConv` on fused operators."""

    def forward(self, x: Any, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Returns the output features of the nodes."""
        if not _takes(self, x, edge_index, edge_weight):
            return super().forward(x, edge_index, edge_weight)
        return _sums_of(self, edge_index, edge_weight, x, False)(x)


class FusedAPPNP(FusedLayer, APPNP):
    """`APPNP` on fused operators; dropout of edges uses the code of PyG."""

    def forward(self, x: Any, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Returns the output features of the nodes."""
        drops = self.dropout > 0 and self.training
        if drops or not _takes(self, x, edge_index, edge_weight):
            return super().forward(x, edge_index, edge_weight)
        sums = _sums_of(self, edge_index, edge_weight, x, self.add_self_loops, self.K)
        start = self.alpha * x
        for _ in range(self.K):
            x = start.add(sums(x), alpha=1 - self.alpha)
        return x


class FusedChebConv(FusedLayer, ChebConv):
    """`ChebConv` with the Laplacian of PyG and fused sums."""

    weight = "norm"

    def __norm__(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Returns the edges and weights of the scaled Laplacian."""
        edges, weight = super().__norm__(*args, **kwargs)
        wraps = not torch.compiler.is_compiling() and not torch.jit.is_tracing() and not self.unusual(self)
        return EdgeIndex(edges) if wraps and edges.device.type == "cpu" else edges, weight
