import pytest
import torch
from torch_geometric.data import Data

from graphkit.nn import SPAGAN
from graphkit.nn.attended_paths import attended_paths, node_paths
from graphkit.testing import random_graph
from graphkit.transforms import ShortestPaths
from tests.nn import golden_paths as golden


def test_takes_the_paths_of_some_nodes_out() -> None:
    paths = node_paths([golden.ONE_HOP, golden.TWO_HOPS[1.0]], [3, 0], [torch.arange(14.0), torch.arange(11.0)])
    assert [path.nodes for path in paths[0]] == [(1, 0), (2, 0), (0, 0), (3, 1, 0), (0, 0, 0)]
    assert [path.cost for path in paths[3]] == [6, 7, 12, 3, 4, 9]
    assert [path.hops for path in paths[3]] == [1, 1, 1, 2, 2, 2]
    assert [path.is_self for path in paths[3]] == [False, False, True, False, False, True]
    assert paths[3][0].weight is None and list(paths) == [3, 0]


def test_weights_and_costs_are_those_of_the_model() -> None:
    data = Data(x=torch.randn(12, 5), edge_index=random_graph(12))
    model = SPAGAN(5, 3, heads=4, max_hops=3)
    first = attended_paths(model, data, [2])[2]
    assert {path.hops for path in first} == {1} and all(path.cost is None for path in first)
    model.begin_phase(data)
    model.train()
    paths = attended_paths(model, data, [2, 11])
    assert not model.training
    edges, cost = model.edge_costs(data)
    price = {(int(a), int(b)): float(c) for a, b, c in zip(*edges, cost, strict=True)}
    for path in paths[2]:
        steps = zip(path.nodes[:-1], path.nodes[1:], strict=True)
        assert path.cost == pytest.approx(sum(price[step] for step in steps if step[0] != step[1]), abs=1e-6)
    for hops in (1, 2, 3):
        assert sum(path.attention for path in paths[2] if path.hops == hops) == pytest.approx(1)
    assert sum(path.weight for path in paths[2]) == pytest.approx(1)
    assert [path.nodes for path in paths[11]] == [(11,) * 2, (11,) * 3, (11,) * 4]  # it has no edge


def test_paths_that_the_data_carry_have_no_known_cost() -> None:
    data = ShortestPaths(2)(Data(x=torch.randn(12, 5), edge_index=random_graph(12)))
    paths = attended_paths(SPAGAN(5, 3), data, [2])[2]
    assert len(paths) == int((data.path_index_1[-1] == 2).sum() + (data.path_index_2[-1] == 2).sum())
    assert all(path.cost is None and path.weight is not None for path in paths)
