"""PNA layer of PyG on fused operators."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch_geometric.nn import PNAConv
from torch_geometric.nn.aggr import (
    DegreeScalerAggregation,
    MaxAggregation,
    MeanAggregation,
    MinAggregation,
    MultiAggregation,
    StdAggregation,
    SumAggregation,
    VarAggregation,
)

from graphkit.nn.fused.layer import FusedLayer, fits_nodes, is_plain, unusual_state
from graphkit.ops._neighbors import Neighbors, group_neighbors
from graphkit.ops.aggregate import max_over, sum_over

_NAMES = {
    MaxAggregation: "max",
    MeanAggregation: "mean",
    MinAggregation: "min",
    StdAggregation: "std",
    SumAggregation: "sum",
    VarAggregation: "var",
}


class FusedPNAConv(FusedLayer, PNAConv):
    """`PNAConv`, whose first map is applied to nodes instead of to edges."""

    rows = False

    @classmethod
    def unusual(cls, conv: Any) -> str:
        """Returns which option or state of a layer is not supported; empty if none."""
        if conv.edge_dim is not None:
            return "edge_dim is set"
        if any(len(network) > 1 for network in conv.pre_nns):
            return f"pre_layers={len(conv.pre_nns[0]) // 2 + 1}"
        strange = [aggr for aggr in _aggregations(conv) if _NAMES.get(type(aggr)) is None or _is_semi(aggr)]
        if strange:
            return f"the aggregation {strange[0]}"
        names = {_NAMES[type(aggr)] for aggr in _aggregations(conv)}
        if names <= {"std", "var"}:  # the map of the target has no effect then, but PyG gives it a gradient
            return f"aggregators={sorted(names)}"
        return unusual_state(conv)

    def forward(self, x: Any, edge_index: Any, edge_attr: Tensor | None = None) -> Tensor:
        """Returns the output features of the nodes."""
        fused = edge_attr is None and fits_nodes(self, x, edge_index) and all(is_plain(nn[0]) for nn in self.pre_nns)
        if not fused:
            return super().forward(x, edge_index, edge_attr)
        nodes = x.size(0)
        edges = group_neighbors(edge_index, nodes, nodes, torch.is_grad_enabled())
        towers = list(x.view(nodes, self.towers, -1).unbind(1)) if self.divide_input else [x] * self.towers
        # A message is the sum of a map of its target and a map of its source.
        of_target, of_source = [], []
        for tower, network in zip(towers, self.pre_nns, strict=True):
            by_target, by_source = network[0].weight.split(self.F_in, dim=1)
            of_target.append(linear(tower, by_target, network[0].bias))
            of_source.append(linear(tower, by_source))
        out = _aggregate(self, torch.stack(of_target, dim=1), torch.stack(of_source, dim=1), edges)
        outs = [
            network(torch.cat([tower, out[:, count]], dim=-1))
            for count, (tower, network) in enumerate(zip(towers, self.post_nns, strict=True))
        ]
        return self.lin(torch.cat(outs, dim=1))


def _aggregations(conv: PNAConv) -> list[Any]:
    """Returns the aggregations of a layer; the outermost one if it is unusual."""
    scaled = conv.aggr_module
    if type(scaled) is not DegreeScalerAggregation:
        return [scaled]
    several = type(scaled.aggr) is MultiAggregation and scaled.aggr.mode == "cat"
    return list(scaled.aggr.aggrs) if several else [scaled.aggr]


def _is_semi(aggr: Any) -> bool:
    """Returns whether an aggregation has `semi_grad`, a partial gradient."""
    return bool(getattr(getattr(aggr, "var_aggr", aggr), "semi_grad", False))


def _aggregate(conv: PNAConv, target: Tensor, source: Tensor, edges: Neighbors) -> Tensor:
    """Returns the aggregated and scaled sums of the features of targets and sources."""
    count = edges.degrees().to(source.dtype)
    flat = source.flatten(1).unsqueeze(1)
    share = count.clamp(min=1).reciprocal()
    degree = count.view(-1, 1, 1)
    names = [_NAMES[type(aggr)] for aggr in _aggregations(conv)]
    mean = sum_over(flat, edges, own_scale=share).view_as(source) if {"mean", "std", "var"} & {*names} else source
    own = target * (degree > 0)  # messages to nodes without neighbors do not exist
    results = {}
    for name in {*names}:
        if name == "sum":
            results[name] = sum_over(flat, edges).view_as(source) + degree * target
        elif name == "mean":
            results[name] = mean + own
        elif name == "max":
            results[name] = max_over(flat, edges).view_as(source) + own
        elif name == "min":
            results[name] = own - max_over(-flat, edges).view_as(source)
        else:
            square = sum_over(flat * flat, edges, own_scale=share).view_as(source)
            results[name] = square - mean * mean
            if name == "std":  # as in PyG, without the gradient at 0
                std = results[name].clamp(min=1e-5).sqrt()
                results[name] = std.masked_fill(std <= 1e-5**0.5, 0.0)
    out = torch.cat([results[name] for name in names], dim=-1)
    scales = [_scale(conv.aggr_module, name, degree) for name in conv.aggr_module.scaler]
    return torch.cat([out if scale is None else out * scale for scale in scales], dim=-1)


def _scale(scaled: DegreeScalerAggregation, name: str, degree: Tensor) -> Tensor | None:
    """Returns the factor of a scaler, or ``None`` for 1."""
    if name == "identity":
        return None
    if name == "amplification":
        return (degree + 1).log() / scaled.avg_deg_log
    if name == "attenuation":
        return scaled.avg_deg_log / (degree.clamp(min=1) + 1).log()
    if name == "linear":
        return degree / scaled.avg_deg_lin
    return scaled.avg_deg_lin / degree.clamp(min=1)
