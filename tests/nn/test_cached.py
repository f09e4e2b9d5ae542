"""A GCN that keeps the normalized edges of a graph does so for that graph only."""

import torch

from graphkit.nn import GCN
from graphkit.testing import random_graph


def test_a_cached_gcn_gives_what_one_without_a_cache_does() -> None:
    torch.manual_seed(0)
    cached, fresh = GCN(3, 2, cached=True).eval(), GCN(3, 2).eval()
    fresh.load_state_dict(cached.state_dict())
    x, edges = torch.randn(12, 3), random_graph(12)
    weight = torch.rand(edges.size(1))
    calls = [(x, edges, None), (x, edges, weight), (torch.randn(15, 3), edges, None), (x, random_graph(12, 20), None)]
    for nodes, edge_index, edge_weight in [*calls, *calls]:
        out = cached(nodes, edge_index, edge_weight=edge_weight)
        torch.testing.assert_close(out, fresh(nodes, edge_index, edge_weight=edge_weight))
    cached(x, edges)
    kept = cached.body._kept
    cached(x, edges.clone())
    assert kept is not None and cached.body._kept is kept
    edges[0].fill_(3)
    torch.testing.assert_close(cached(x, edges), fresh(x, edges))
