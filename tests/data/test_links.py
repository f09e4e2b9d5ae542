"""Split of edges: no leakage, duplicates, directions, weights; negatives."""

import pytest
import torch
from torch_geometric.data import Data

import graphkit
from graphkit.data.dataset import GraphDataset
from graphkit.data.link_dataset import RANKED, LinkDataset, split_links
from graphkit.data.non_edges import NonEdges, hard_negatives, pair_keys
from graphkit.errors import InputError


def dataset_of(edge_index: torch.Tensor, num_nodes: int, **attributes: torch.Tensor) -> GraphDataset:
    data = Data(edge_index=edge_index, num_nodes=num_nodes, x=torch.ones(num_nodes, 1), **attributes)
    return GraphDataset("given", "node-classification", (data,), (), 1, 2, "accuracy")


def random_graph(num_nodes: int = 60, num_edges: int = 200, seed: int = 0, undirected: bool = True) -> torch.Tensor:
    edges = torch.randint(num_nodes, (2, num_edges), generator=torch.Generator().manual_seed(seed))
    return torch.cat([edges, edges.flip(0)], dim=1) if undirected else edges


def rows(links: LinkDataset, name: str, label: int, hard: bool = False) -> torch.Tensor:
    """Returns the keys of the pairs of a subset with a label."""
    ids = getattr(links.splits[0], name)
    labels = links.labels[ids]
    mask = (labels[:, 0] == label) & ((labels[:, 1] >= 0) == hard if label == 0 else torch.ones(len(ids)).bool())
    return pair_keys(links.pairs[:, ids[mask]], int(links.graphs[0].num_nodes), links.directed)


@pytest.mark.parametrize("undirected", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_no_edge_is_in_two_subsets_in_any_direction(undirected: bool, seed: int) -> None:
    edges = random_graph(seed=seed, undirected=undirected)  # with self loops and parallel edges
    links = split_links(dataset_of(edges, 60), seed=seed, hard=6)
    assert links.directed is not undirected
    train, val, test = (rows(links, name, 1) for name in ("train", "val", "test"))
    proper = edges[:, edges[0] != edges[1]]
    every = pair_keys(proper, 60, not undirected).unique()
    assert torch.cat([train, val, test]).sort().values.tolist() == every.tolist()
    message = links.graphs[0].edge_index
    assert bool((message[0] != message[1]).all())
    kept = torch.isin(pair_keys(proper, 60, not undirected), train)
    assert sorted(message.t().tolist()) == sorted(proper[:, kept].t().tolist())  # parallel edges are kept together
    assert [len(train), len(val), len(test)] == pytest.approx(
        [0.85 * len(every), 0.05 * len(every), 0.1 * len(every)], abs=1
    )


@pytest.mark.parametrize("undirected", [True, False])
def test_negatives_are_distinct_pairs_without_an_edge(undirected: bool) -> None:
    links = split_links(dataset_of(random_graph(undirected=undirected), 60), hard=8)
    train, val, test = (rows(links, name, 1) for name in ("train", "val", "test"))
    for name, known in (("val", torch.cat([train, val])), ("test", torch.cat([train, val, test]))):
        random = rows(links, name, 0)
        assert len(random) == len(rows(links, name, 1)) == len(random.unique())
        for negative in (random, rows(links, name, 0, hard=True)):
            assert not bool(torch.isin(negative, known).any())
            assert bool((negative // 60 != negative % 60).all())


def test_negatives_of_the_validation_do_not_depend_on_test_edges() -> None:
    """Test edges may be negatives of the validation, since they are unknown before the test."""
    edges = torch.combinations(torch.arange(12)).t()[:, :-2]  # two pairs have no edge
    links = split_links(dataset_of(torch.cat([edges, edges.flip(0)], dim=1), 12), "0.8,0.1,0.1", hard=0)
    assert bool(torch.isin(rows(links, "val", 0), rows(links, "test", 1)).any())


def test_weights_and_attributes_stay_with_their_edges() -> None:
    edges = random_graph(undirected=False).unique(dim=1)
    key = (edges[0] * 60 + edges[1]).float()
    data = dataset_of(edges, 60, edge_weight=key, edge_attr=torch.stack([key, -key], dim=1), kind_of_edge=key.long())
    graph = split_links(data).graphs[0]
    expected = (graph.edge_index[0] * 60 + graph.edge_index[1]).float()
    assert torch.equal(graph.edge_weight, expected) and torch.equal(graph.edge_attr[:, 1], -expected)
    assert torch.equal(graph.kind_of_edge, expected.long())


def test_structural_features_are_those_of_the_training_edges() -> None:
    edges = random_graph()
    links = graphkit.load(
        Data(edge_index=edges, num_nodes=60), task="link-prediction", features="structural", split_seed=3
    )
    degree = torch.bincount(links.graphs[0].edge_index[1], minlength=60)
    torch.testing.assert_close(links.graphs[0].x[:, 1], torch.log1p(degree.float()))


def test_transforms_read_the_training_edges_only() -> None:
    links = graphkit.load("karate", task="link-prediction", transforms=["adjacency-features"])
    assert int((links.graphs[0].x != 0).sum()) <= links.graphs[0].num_edges + 34
    with pytest.raises(InputError, match="keep all nodes"):
        graphkit.load("karate", task="link-prediction", transforms=["largest-component"], split="0.3,0.3,0.4")


@pytest.mark.parametrize("directed", [True, False])
def test_uniform_negatives_cover_all_pairs_without_an_edge(directed: bool) -> None:
    pairs = torch.tensor([[0, 1, 3], [1, 2, 0]])
    pool = NonEdges(pairs, 4, directed)
    drawn = pair_keys(pool.sample(2000, torch.Generator().manual_seed(0)), 4, directed)
    keys, counts = drawn.unique(return_counts=True)
    taken = pair_keys(pairs, 4, directed)
    every = {u * 4 + v for u in range(4) for v in range(4) if u != v and (directed or u < v)} - set(taken.tolist())
    assert set(keys.tolist()) == every and len(pool) == len(every)
    assert int(counts.min()) > 0.7 * 2000 / len(every)
    assert pool.distinct(100, torch.Generator()).size(1) == len(every)
    assert len({*map(tuple, pool.distinct(2, torch.Generator()).t().tolist())}) == 2


def test_hard_negatives_have_most_common_neighbors() -> None:
    edges = random_graph(40, 150).unique(dim=1)
    matrix = torch.zeros(40, 40)
    matrix[edges[0], edges[1]] = 1 - (edges[0] == edges[1]).float()
    positive = edges[:, (edges[0] < edges[1])][:, :10]
    pairs, group = hard_negatives(positive, edges, edges, 40, 6, False, seed=0)
    common = matrix @ matrix
    for number, (source, target) in enumerate(positive.t().tolist()):
        chosen = pairs[:, group == number]
        for end, anchor in ((0, source), (1, target)):
            others = chosen[1 - end, chosen[end] == anchor]
            free = [node for node in range(40) if node != anchor and not matrix[anchor, node]]
            best = sorted((float(common[anchor, node]) for node in free), reverse=True)[:3]
            assert sorted((float(common[anchor, node]) for node in others.tolist()), reverse=True)[:3] == best
    assert torch.equal(pairs, hard_negatives(positive, edges, edges, 40, 6, False, seed=0)[0])


def test_hard_negatives_of_a_large_subset_are_those_of_some_edges() -> None:
    edges = torch.randint(900, (2, 15_000), generator=torch.Generator().manual_seed(0))
    links = split_links(dataset_of(torch.cat([edges, edges.flip(0)], dim=1), 900), hard=2)
    labels = links.labels[links.splits[0].test]
    assert int(labels[:, 1].max()) == RANKED - 1
    assert len(links.selection_items(links.splits[0].test, "roc-auc")) == 2 * int((labels[:, 0] == 1).sum())


def test_splits_are_those_of_the_seed() -> None:
    data = dataset_of(random_graph(), 60)
    one, same, other = split_links(data, seed=1), split_links(data, seed=1), split_links(data, seed=2)
    assert torch.equal(one.pairs, same.pairs) and torch.equal(one.labels, same.labels)
    assert one.pairs.shape != other.pairs.shape or not torch.equal(one.pairs, other.pairs)


def test_data_without_targets_are_read() -> None:
    links = graphkit.load(Data(x=torch.rand(60, 3), edge_index=random_graph()), task="link-prediction")
    assert isinstance(links, LinkDataset) and links.num_features == 3 and links.notes == ()
