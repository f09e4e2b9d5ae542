"""Metrics and untrained scores of links against direct computations."""

import math

import networkx
import pytest
import torch
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.metrics import average_precision, hits_at, link_ranks, mean_reciprocal_rank
from graphkit.metrics.link_floors import KATZ, link_heuristics


def ranks_by_hand(scores: list[float], labels: list[bool], group: list[int]) -> list[float]:
    ranks = []
    for score, label, own in zip(scores, labels, group, strict=True):
        others = [s for s, is_edge, g in zip(scores, labels, group, strict=True) if not is_edge and g == own]
        if label and others:
            ranks.append(1 + sum(s > score for s in others) + sum(s == score for s in others) / 2)
    return ranks


@pytest.mark.parametrize("seed", range(5))
def test_ranks_are_those_of_pairwise_comparisons(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randint(5, (60,), generator=generator).double()
    labels = torch.rand(60, generator=generator) < 0.3
    group = torch.randint(6, (60,), generator=generator)
    expected = ranks_by_hand(scores.tolist(), labels.tolist(), group.tolist())
    assert link_ranks(scores, labels, group).tolist() == expected
    assert mean_reciprocal_rank(scores, labels, group) == pytest.approx(sum(1 / r for r in expected) / len(expected))
    assert hits_at(scores, labels, 3, group) == pytest.approx(sum(r <= 3 for r in expected) / len(expected))


def test_equal_scores_have_neither_the_best_nor_the_worst_rank() -> None:
    scores, labels = torch.zeros(101), torch.arange(101) == 0
    assert link_ranks(scores, labels).tolist() == [51.0]


def test_metrics_without_negatives_or_with_nan_are_undefined() -> None:
    labels = torch.tensor([True, False])
    assert math.isnan(mean_reciprocal_rank(torch.tensor([1.0]), labels[:1]))
    assert math.isnan(hits_at(torch.tensor([1.0]), labels[:1], 10))
    for metric in (average_precision, mean_reciprocal_rank, lambda s, y: hits_at(s, y, 1)):
        assert math.isnan(metric(torch.tensor([math.nan, 1.0]), labels))
    assert math.isnan(average_precision(torch.tensor([1.0]), labels[1:]))
    with pytest.raises(InputError, match="of one shape"):
        link_ranks(torch.zeros(2), labels[:1])
    with pytest.raises(InputError, match="of one shape"):
        average_precision(torch.zeros(2), labels[:1])


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_is_the_sum_over_thresholds(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randint(8, (50,), generator=generator).double()
    labels = torch.rand(50, generator=generator) < 0.4
    total, recall = 0.0, 0.0
    for threshold in scores.unique().flip(0):
        chosen = scores >= threshold
        hits = int((labels & chosen).sum())
        total += (hits / int(labels.sum()) - recall) * hits / int(chosen.sum())
        recall = hits / int(labels.sum())
    assert average_precision(scores, labels) == pytest.approx(total)


def test_heuristics_equal_those_of_networkx() -> None:
    graph = networkx.gnm_random_graph(30, 80, seed=0)
    edges = torch.tensor([*graph.edges, *((v, u) for u, v in graph.edges)]).t()
    pairs = torch.tensor(list(networkx.non_edges(graph))).t()
    scores = link_heuristics(Data(edge_index=edges, num_nodes=30, x=torch.ones(30, 2)), pairs)
    listed = list(map(tuple, pairs.t().tolist()))
    adamic = [value for *_, value in networkx.adamic_adar_index(graph, listed)]
    assert scores["adamic-adar"].tolist() == pytest.approx(adamic)
    preferential = [value for *_, value in networkx.preferential_attachment(graph, listed)]
    assert scores["preferential-attachment"].tolist() == preferential
    common = [len(list(networkx.common_neighbors(graph, *pair))) for pair in listed]
    assert scores["common-neighbors"].tolist() == common
    matrix = torch.from_numpy(networkx.to_numpy_array(graph, nodelist=range(30)))
    katz = sum(KATZ**length * torch.linalg.matrix_power(matrix, length) for length in (2, 3, 4))
    assert scores["katz"].tolist() == pytest.approx(katz[pairs[0], pairs[1]].tolist())
    assert "feature-cosine" not in scores  # equal for all pairs


def test_heuristics_of_a_directed_graph_follow_the_edges() -> None:
    data = Data(edge_index=torch.tensor([[0, 1, 3], [1, 2, 1]]), num_nodes=4)
    scores = link_heuristics(data, torch.tensor([[0, 2], [2, 0]]))
    assert scores["common-neighbors"].tolist() == [1.0, 0.0]
    assert scores["preferential-attachment"].tolist() == [1.0, 0.0]
