"""PyG's layers that sum, average or compare in-neighbors, on fused operators."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import Sequential
from torch.nn.functional import dropout, linear, normalize
from torch_geometric.nn import MLP, GINConv, GraphConv, SAGEConv

from graphkit.nn.fused.layer import REDUCTIONS, SUMS, FusedLayer, fits_nodes, has_hooks, is_plain, sizes_of
from graphkit.nn.fused.linear_sum import map_sums, sum_of

_MEANS = (*SUMS, "mean")


class FusedSAGEConv(FusedLayer, SAGEConv):
    """`SAGEConv` on fused operators."""

    reductions = REDUCTIONS

    def forward(self, x: Any, edge_index: Any, size: Any = None) -> Tensor:
        """Returns the output features of the nodes."""
        plain = not self.project and fits_nodes(self, x, edge_index) and sizes_of(edge_index, size, x, x) is not None
        if not plain or not is_plain(self.lin_l) or not (self.root_weight is False or is_plain(self.lin_r)):
            return super().forward(x, edge_index, size)
        weight, bias, root = self.lin_l.weight, self.lin_l.bias, self.lin_r.weight if self.root_weight else None
        if self.aggr in _MEANS:
            out = map_sums(x, sum_of(edge_index, x, x.size(0), self.aggr == "mean"), weight, bias, root)
        else:
            out = linear(self.propagate(edge_index, x=(x, x)), weight, bias)
            out = out if root is None else out.addmm_(x, root.t())
        return normalize(out, p=2.0, dim=-1) if self.normalize else out


class FusedGraphConv(FusedLayer, GraphConv):
    """`GraphConv` on fused operators."""

    reductions = REDUCTIONS

    def forward(self, x: Any, edge_index: Any, edge_weight: Tensor | None = None, size: Any = None) -> Tensor:
        """Returns the output features of the nodes."""
        plain = edge_weight is None and self.aggr in _MEANS and fits_nodes(self, x, edge_index)
        plain = plain and sizes_of(edge_index, size, x, x) is not None
        if not plain or not is_plain(self.lin_rel) or not is_plain(self.lin_root):
            return super().forward(x, edge_index, edge_weight, size)
        sums = sum_of(edge_index, x, x.size(0), self.aggr == "mean")
        return map_sums(x, sums, self.lin_rel.weight, self.lin_rel.bias, self.lin_root.weight)


class FusedGINConv(FusedLayer, GINConv):
    """`GINConv` on fused operators."""

    reductions = REDUCTIONS

    def forward(self, x: Any, edge_index: Any, size: Any = None) -> Tensor:
        """Returns the output features of the nodes."""
        plain = self.aggr in SUMS and not (self.eps.requires_grad and torch.is_grad_enabled())
        if not plain or not fits_nodes(self, x, edge_index) or sizes_of(edge_index, size, x, x) is None:
            return super().forward(x, edge_index, size)
        sums = sum_of(edge_index, x, x.size(0), loop=1 + float(self.eps.detach()))
        first = first_map(self.nn)
        return self.nn(sums(x)) if first is None else after_first(self.nn, map_sums(x, sums, first.weight, first.bias))


def first_map(network: Any) -> Any:
    """Returns the linear map that a network begins with; ``None`` if there is none."""
    if has_hooks(network):
        return None
    if type(network) is MLP:
        first = network.lins[0] if len(network.lins) > 1 else None
    elif type(network) is Sequential and len(network) > 0:
        first = network[0]
    else:
        first = network
    return first if first is not None and is_plain(first) else None


def after_first(network: Any, x: Tensor) -> Tensor:
    """Applies a network without the map that :func:`first_map` returns."""
    if isinstance(network, Sequential):
        for module in list(network)[1:]:
            x = module(x)
    elif isinstance(network, MLP):
        for count, norm in enumerate(network.norms):
            x = network.lins[count](x) if count else x
            x = network.act(x) if network.act is not None and network.act_first else x
            x = norm(x)
            x = network.act(x) if network.act is not None and not network.act_first else x
            x = dropout(x, network.dropout[count], network.training)
        if network.plain_last:
            x = dropout(network.lins[-1](x), network.dropout[-1], network.training)
    return x
