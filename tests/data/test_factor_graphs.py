import math

import networkx
import pytest
import torch

from graphkit.data import load
from graphkit.data.synthetic.factor_graphs import PATTERNS, generate, pattern_graphs

SIZES = {"bipartite-2-3": (5, 6), "house-x": (5, 8), "ternary-tree": (13, 12), "grid-3-3": (9, 12), "cube": (8, 12),
         "octahedron": (6, 12)}  # fmt: skip


def as_networkx(edge_index: torch.Tensor) -> networkx.Graph:
    graph = networkx.Graph()
    graph.add_edges_from(edge_index.as_subclass(torch.Tensor).t().tolist())
    return graph


def test_the_patterns_are_those_of_the_paper_in_its_order() -> None:
    sizes = [(graph.number_of_nodes(), graph.number_of_edges()) for graph in pattern_graphs()]
    assert sizes == [SIZES[name] for name in PATTERNS]
    assert networkx.is_bipartite(pattern_graphs()[0]) and networkx.is_tree(pattern_graphs()[2])
    assert all(degree == 3 for _, degree in pattern_graphs()[4].degree)


@pytest.mark.parametrize("num_patterns", [2, 3, 4, 5, 6])
def test_every_graph_is_the_union_of_its_patterns(num_patterns: int) -> None:
    collection = generate(60, num_patterns, seed=1)
    patterns = pattern_graphs()
    for data in collection:
        present = data.y[0].nonzero().view(-1).tolist()
        assert len(present) == math.ceil(num_patterns / 2)
        assert data.num_nodes == 15
        assert data.factor_mask.shape == (data.num_edges, num_patterns)
        assert bool(data.factor_mask.any(dim=1).all())  # no edge from nowhere
        for pattern in range(num_patterns):
            subgraph = data.edge_index[:, data.factor_mask[:, pattern]]
            if pattern in present:
                assert networkx.is_isomorphic(as_networkx(subgraph), patterns[pattern])
            else:
                assert subgraph.size(1) == 0


def test_features_are_the_rows_of_the_summed_adjacency_matrices() -> None:
    overlaps = 0
    for data in generate(100, 4, seed=0):
        source, target = data.edge_index.as_subclass(torch.Tensor)
        count = torch.zeros(15, 15)
        count[target, source] = data.factor_mask.sum(dim=1).float()
        assert torch.equal(data.x, count)
        assert torch.equal(data.x, data.x.t())
        assert not data.x.diagonal().any()
        overlaps += int((data.x == 2).sum())
    assert overlaps > 0


def test_the_generator_depends_on_its_seed_and_on_nothing_else() -> None:
    torch.manual_seed(5)
    first = generate(200, 4, seed=3)
    torch.manual_seed(6)
    again, other = generate(200, 4, seed=3), generate(200, 4, seed=4)
    assert torch.equal(first.node["x"], again.node["x"]) and torch.equal(first.edge_index, again.edge_index)
    assert not torch.equal(first.graph["y"], other.graph["y"])


def test_all_patterns_and_places_are_equally_likely() -> None:
    collection = generate(6000, 6, seed=0)
    share = collection.graph["y"].mean(dim=0)
    assert torch.allclose(share, torch.full((6,), 0.5), atol=0.03)
    degree = collection.node["x"].view(6000, 15, 15).sum(dim=2).mean(dim=0)
    assert float(degree.max() - degree.min()) < 0.15


def test_the_data_set_has_the_split_and_the_task_of_the_paper() -> None:
    dataset = load("factor-graphs", num_graphs=200, num_patterns=3, seed=2)
    split = dataset.splits[0]
    assert (split.train.tolist(), split.test.tolist()) == (list(range(140)), list(range(160, 200)))
    assert split.val.tolist() == list(range(140, 160))
    assert (dataset.task, dataset.metric) == ("multitask-graph-classification", "micro-f1")
    assert (dataset.num_features, dataset.num_outputs, dataset.class_names) == (15, 3, PATTERNS[:3])
    assert len(load("factor-graphs").graphs) == 20000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_patterns": 7}, r"`num_patterns` must be 2 to 6 \(got 7\)"),
        ({"num_graphs": 3}, "`num_graphs` must be at least 10"),
        ({"num_pattern": 3}, "did you mean 'num_patterns'"),
    ],
)
def test_wrong_options(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load("factor-graphs", **options)
