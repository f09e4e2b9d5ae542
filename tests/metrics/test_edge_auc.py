import math

import pytest
import torch
from sklearn.metrics import roc_auc_score

from graphkit.metrics import edge_auc, random_factors

from .factor_graphs import random_graphs

GRAPHS = random_graphs([9, 14, 6, 11], patterns=3, chosen=2)


def test_matches_sklearn() -> None:
    edge_index, ptr, mask, _ = GRAPHS
    coefficients = random_factors(edge_index.size(1), 4).double()
    where = {tuple(edge): index for index, edge in enumerate(edge_index.t().tolist())}
    back = torch.tensor([where[target, source] for source, target in edge_index.t().tolist()])
    symmetric = (coefficients + coefficients[back]) / 2
    matching, expected = [2, 0, 3], []
    for first, last in zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True):
        mine = (edge_index[0] >= first) & (edge_index[0] < last) & (edge_index[0] != edge_index[1])
        for pattern, factor in enumerate(matching):
            labels = mask[mine, pattern].numpy()
            if 0 < labels.sum() < labels.size:
                expected.append(roc_auc_score(labels, symmetric[mine, factor].numpy()))
    result = edge_auc(coefficients, edge_index, ptr, mask, torch.tensor(matching))
    assert result == pytest.approx(sum(expected) / len(expected), abs=1e-12)


def test_truth_constants_and_missing_factors() -> None:
    edge_index, ptr, mask, presence = GRAPHS
    identity = torch.arange(3)
    assert edge_auc(mask.double(), edge_index, ptr, mask, identity, presence) == 1.0
    assert edge_auc(1 - mask.double(), edge_index, ptr, mask, identity) == 0.0
    assert edge_auc(torch.full(mask.shape, 0.3), edge_index, ptr, mask, identity) == 0.5
    assert edge_auc(mask.double(), edge_index, ptr, mask, torch.full((3,), -1)) == 0.5


def test_the_mass_of_a_whole_graph_earns_nothing() -> None:
    edge_index, ptr, mask, presence = GRAPHS
    graph = torch.bucketize(edge_index[0], ptr[1:], right=True)
    mass = presence[graph].double()  # knows which patterns are there, not where
    assert edge_auc(mass, edge_index, ptr, mask, torch.arange(3)) == 0.5


def test_presence_leaves_pairs_out() -> None:
    edge_index, ptr, mask, presence = GRAPHS
    assert math.isnan(edge_auc(mask.double(), edge_index, ptr, mask, torch.arange(3), torch.zeros_like(presence)))


def test_arguments_that_do_not_fit() -> None:
    edge_index, ptr, mask, _ = GRAPHS
    with pytest.raises(ValueError, match=r"one factor per pattern, 3 \(got 2\)"):
        edge_auc(mask.double(), edge_index, ptr, mask, torch.tensor([0, 1]))
