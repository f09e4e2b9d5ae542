"""The operators as the tests on a GPU call them: on the same random graph, beside their plain form."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.ops import (
    aggregate,
    edge_similarity,
    factor_aggregate,
    joint_affinity,
    joint_mix,
    local_structure_divergence,
    path_attention,
    segment_max,
    segment_softmax,
    segment_sum,
    temporal_conv3,
)
from graphkit.ops._edge_measure import SQUARE, edge_measure_reference
from graphkit.ops.aggregate import aggregate_reference
from graphkit.ops.factor_aggregate import factor_aggregate_reference
from graphkit.ops.joints import joint_affinity_reference, joint_mix_reference
from graphkit.ops.local_structure_divergence import local_structure_divergence_reference
from graphkit.ops.path_attention import path_attention_reference
from graphkit.ops.segment_max import segment_max_reference
from graphkit.ops.segment_softmax import segment_softmax_reference
from graphkit.ops.segment_sum import segment_sum_reference
from graphkit.ops.temporal_conv3 import temporal_conv3_reference
from tests.ops.cuda.gpu import normal, random_index

KINDS = ("plain", "hub", "one_node", "one_node_without_edges", "no_edges")


class Graph(NamedTuple):
    """Paths of two hops; their last two rows are edges, sorted by target."""

    paths: Tensor  # [3, E]
    ptr: Tensor  # [N + 1], where the edges into each node start
    spans: Tensor  # the same without nodes that no edge ends at

    @property
    def nodes(self) -> int:
        return self.ptr.numel() - 1


class Operator(NamedTuple):
    """An operator.

    Args:
        inputs: Shapes of its differentiable inputs.
        ours: Calls it on inputs and a graph.
        exact: The plain form of the same.
    """

    inputs: Callable[[Graph], list[tuple[int, ...]]]
    ours: Callable[[list[Tensor], Graph], Tensor]
    exact: Callable[[list[Tensor], Graph], Tensor]


def make_graph(kind: str, nodes: int) -> Graph:
    """Returns one of KINDS, of some ``nodes`` nodes and ten times as many paths."""
    nodes = 1 if kind.startswith("one_node") else nodes
    edges = 0 if kind.endswith(("no_edges", "without_edges")) else 10 * nodes
    paths = random_index(nodes, 3, edges, seed=nodes)
    paths[-1] = nodes // 2 if kind == "hub" else paths[-1].sort().values
    ptr = torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(paths[-1], minlength=nodes).cumsum(0)])
    return Graph(paths, ptr, ptr.unique())


def make_inputs(operator: Operator, graph: Graph, dtype: torch.dtype) -> list[Tensor]:
    """Returns the inputs of an operator, on the CPU."""
    return [normal(*shape, dtype=dtype, seed=seed) / 2 for seed, shape in enumerate(operator.inputs(graph))]


def _rows(*shape: int) -> Callable[[Graph], list[tuple[int, ...]]]:
    return lambda graph: [(graph.paths.size(1), *shape)]


def _exact_similarity(z: Tensor, graph: Graph) -> Tensor:
    return torch.exp(-edge_measure_reference(z, *graph.paths[1:], SQUARE) / 2)


OPERATORS = {
    "segment_sum": Operator(
        _rows(6), lambda t, g: segment_sum(t[0], g.ptr), lambda t, g: segment_sum_reference(t[0], g.ptr)
    ),
    "segment_max": Operator(
        _rows(6), lambda t, g: segment_max(t[0], g.ptr)[0], lambda t, g: segment_max_reference(t[0], g.ptr)[0]
    ),
    "segment_softmax": Operator(
        _rows(6), lambda t, g: segment_softmax(t[0], g.ptr), lambda t, g: segment_softmax_reference(t[0], g.ptr)
    ),
    "factor_aggregate": Operator(
        lambda g: [(g.nodes, 8), (g.nodes, 3), (g.nodes, 3)],
        lambda t, g: factor_aggregate(*t, g.paths[1:], gain=1.3),
        lambda t, g: factor_aggregate_reference(*t, g.paths[1:], 1.3),
    ),
    "factor_aggregate_edges": Operator(
        lambda g: [(g.nodes, 8), (g.nodes, 3), (g.nodes, 3), (g.paths.size(1), 3)],
        lambda t, g: factor_aggregate(*t[:3], g.paths[1:], gain=1.3, edge=t[3]),
        lambda t, g: factor_aggregate_reference(*t[:3], g.paths[1:], 1.3, t[3]),
    ),
    "aggregate_sum": Operator(
        lambda g: [(g.nodes, 2, 8), (g.paths.size(1), 2)],
        lambda t, g: aggregate(t[0], g.paths[1:], t[1]),
        lambda t, g: aggregate_reference(t[0], g.paths[1:], t[1], "sum", g.nodes),
    ),
    "aggregate_max": Operator(
        lambda g: [(g.nodes, 6)],
        lambda t, g: aggregate(t[0], g.paths[1:], reduce="max"),
        lambda t, g: aggregate_reference(t[0], g.paths[1:], None, "max", g.nodes),
    ),
    "path_attention": Operator(
        lambda g: [(g.nodes, 2, 8), (2, 8), (g.nodes, 2), (g.paths.size(1), 2)],
        lambda t, g: path_attention(t[0], g.paths, *t[1:3], weight=t[3]),  # type: ignore[return-value]
        lambda t, g: path_attention_reference(t[0], g.paths, *t[1:], "max", 0.2)[0],
    ),
    "edge_similarity": Operator(
        lambda g: [(g.nodes, 8)],
        lambda t, g: edge_similarity(t[0], g.paths[1:]),
        lambda t, g: _exact_similarity(t[0], g),
    ),
    "local_structure_divergence": Operator(
        lambda g: [(g.nodes, 8), (g.nodes, 5)],
        lambda t, g: local_structure_divergence(*t, g.paths[1:], reduction="none"),
        lambda t, g: local_structure_divergence_reference(
            _exact_similarity(t[0], g), _exact_similarity(t[1], g), g.paths[-1], g.nodes
        ),
    ),
    "joint_mix": Operator(
        lambda g: [(g.paths.size(1), 5, 2, 8), (g.spans.numel() - 1, 2, 5, 5)],
        lambda t, g: joint_mix(*t, g.spans),
        lambda t, g: joint_mix_reference(*t, g.spans),
    ),
    "joint_affinity": Operator(
        lambda g: [(g.paths.size(1), 5, 2, 8)] * 2,
        lambda t, g: joint_affinity(*t, g.spans),
        lambda t, g: joint_affinity_reference(*t, g.spans),
    ),
    "temporal_conv3": Operator(
        _rows(5, 2, 3, 8),
        lambda t, g: temporal_conv3(t[0], g.spans),
        lambda t, g: temporal_conv3_reference(t[0], g.spans),
    ),
}
