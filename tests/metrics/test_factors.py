"""GED_E, C-score and the matching of factors and patterns."""

import itertools
import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from graphkit.metrics import (
    EditDistances,
    assign_factors,
    c_score,
    edit_distances,
    factor_scores,
    fixed_ged,
    fixed_matching,
    matched_ged,
    random_factors,
)

from .factor_graphs import random_graphs

# A ring of five nodes: pattern 0 is 0-1-2-3, pattern 2 is 3-4-0; pattern 1 is absent.
RING = torch.tensor([[0, 1, 2, 3, 4, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 0, 1, 2, 3, 4]])
FOUND = torch.tensor([[0.9, 0.8, 0.1, 0.7, 0.2], [0.2, 0.1, 0.3, 0.9, 0.8], [0.1, 0.9, 0.2, 0.3, 0.8]]).double()
MASK = torch.tensor([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 1, 1]]).bool()


def golden() -> EditDistances:
    return edit_distances(FOUND.t().repeat(2, 1), RING, torch.tensor([0, 5]), MASK.t().repeat(2, 1))


def test_golden_cost_assignment_and_ged() -> None:
    edits = golden()
    assert edits.distance[0, [0, 2]].tolist() == [[4, 8, 8], [8, 0, 4]]
    for seed in range(20):  # one assignment is the cheapest: the tie-break has no say
        assert assign_factors(edits, seed).tolist() == [[0, -1, 1]]
    scores = factor_scores(FOUND.t().repeat(2, 1), RING, torch.tensor([0, 5]), MASK.t().repeat(2, 1))
    assert scores.ged_e == 2.0 and scores.ged_e_std == 0.0
    assert scores.matches == {0: [0], 2: [1]}


def test_golden_c_score() -> None:
    assert c_score({0: [2, 2, 1, 2], 2: [0, 0, 0, 1], 5: [1, 1]}) == pytest.approx(0.833333333333, abs=1e-9)
    assignment = torch.tensor([[2, 0, 1], [2, 0, -1], [1, 0, 1], [2, 1, -1]])
    assert c_score(assignment) == pytest.approx(0.833333333333, abs=1e-9)
    with pytest.raises(ValueError, match="at least one matched pattern"):
        c_score(torch.full((3, 2), -1))


def test_true_factors_score_perfectly() -> None:
    edge_index, ptr, mask, presence = random_graphs([9, 12, 10, 8] * 5, patterns=4, chosen=2)
    scores = factor_scores(mask[:, [2, 0, 3, 1]].float(), edge_index, ptr, mask, presence)
    assert scores.ged_e == 0.0 and scores.c_score == 1.0
    assert set(scores.matches[0]) == {1} and set(scores.matches[2]) == {0}


def test_the_assignment_is_the_cheapest_of_all() -> None:
    edge_index, ptr, mask, _ = random_graphs([9] * 40, patterns=3, chosen=3)
    edits = edit_distances(random_factors(edge_index.size(1), 4), edge_index, ptr, mask)
    ged = matched_ged(edits, assign_factors(edits))
    for graph in range(40):
        cost = edits.distance[graph]
        best = min(sum(cost[p, m] for p, m in enumerate(choice)) for choice in itertools.permutations(range(4), 3))
        assert float(ged[graph]) == pytest.approx(int(best) / 3, abs=1e-12)


@pytest.mark.parametrize("factors", [2, 4])
def test_identical_factors_get_no_c_score_from_the_tie_break(factors: int) -> None:
    edge_index, ptr, mask, _ = random_graphs([6] * 1500, patterns=4, chosen=2)
    same = random_factors(edge_index.size(1), 1).repeat(1, factors)
    score = factor_scores(same, edge_index, ptr, mask).c_score
    assert score == pytest.approx(1 / factors, abs=0.06)
    by_index = factor_scores(same, edge_index, ptr, mask, seed=1).c_score
    assert by_index != score


def test_the_tie_break_is_independent_of_data_drawn_with_the_same_seed() -> None:
    edge_index, _, mask, _ = random_graphs([6], patterns=4, chosen=4)
    generator = torch.Generator().manual_seed(0)
    chosen = torch.rand(2000, 4, generator=generator).argsort(dim=1)[:, :2]  # as a generator of graphs draws patterns
    presence = torch.zeros(2000, 4).scatter_(1, chosen, 1).bool()
    edits = edit_distances(torch.full((edge_index.size(1), 4), 0.5), edge_index, torch.tensor([0, 6]), mask)
    repeated = EditDistances(edits.distance.repeat(2000, 1, 1), edits.size.repeat(2000, 1), presence)
    assert c_score(assign_factors(repeated, seed=0)) == pytest.approx(0.25, abs=0.05)


def test_patterns_that_all_prefer_one_factor_get_no_c_score_from_their_order() -> None:
    distance = torch.tensor([[0, 4], [0, 4]]).repeat(1000, 1, 1)  # factor 0 is the better one for both patterns
    edits = EditDistances(distance, torch.full((1000, 2), 4), torch.ones(1000, 2).bool())
    assert c_score(assign_factors(edits)) == pytest.approx(0.5, abs=0.05)


def test_the_result_is_deterministic() -> None:
    edge_index, ptr, mask, _ = random_graphs([6] * 50, patterns=4, chosen=2)
    same = torch.full((edge_index.size(1), 3), 0.5)
    first, second = (factor_scores(same, edge_index, ptr, mask).assignment for _ in range(2))
    assert torch.equal(first, second)


def test_more_patterns_than_factors() -> None:
    edge_index, ptr, mask, _ = random_graphs([8] * 10, patterns=3, chosen=3)
    coefficients = mask[:, [1]].double()
    scores = factor_scores(coefficients, edge_index, ptr, mask)
    edits = edit_distances(coefficients, edge_index, ptr, mask)
    left_over = (edits.size[:, 0] + edits.size[:, 2]).double() / 3  # both are compared with the empty graph
    assert torch.all(scores.ged <= left_over + 1e-12)
    assert bool(((scores.assignment >= 0).sum(1) == 1).all())
    assert fixed_matching(edits).tolist() == [-1, 0, -1]
    assert fixed_ged(edits, fixed_matching(edits)) == pytest.approx(float(left_over.mean()), abs=1e-12)


def test_graphs_without_a_pattern_are_left_out() -> None:
    edge_index, ptr, mask, presence = random_graphs([8] * 4, patterns=3, chosen=2)
    presence = presence.clone()
    presence[1] = False
    scores = factor_scores(random_factors(edge_index.size(1), 3), edge_index, ptr, mask, presence)
    assert scores.ged.isnan().tolist() == [False, True, False, False]
    assert not math.isnan(scores.ged_e)
    assert (scores.assignment[1] == -1).all()
    with pytest.raises(ValueError, match="at least one graph"):
        factor_scores(random_factors(edge_index.size(1), 3), edge_index, ptr, mask, torch.zeros_like(presence))


def test_a_fixed_matching_is_no_better_than_one_per_graph() -> None:
    edge_index, ptr, mask, _ = random_graphs([10] * 60, patterns=4, chosen=2)
    coefficients = random_factors(edge_index.size(1), 4)
    edits = edit_distances(coefficients, edge_index, ptr, mask)
    matching = fixed_matching(edits)
    assert sorted(matching.tolist()) == [0, 1, 2, 3]
    assert fixed_ged(edits, matching) > factor_scores(coefficients, edge_index, ptr, mask).ged_e
    totals = {
        choice: float(matched_ged(edits, torch.tensor(choice).expand(60, 4)).sum())
        for choice in itertools.permutations(range(4))
    }
    assert totals[tuple(matching.tolist())] == pytest.approx(min(totals.values()), abs=1e-9)


def test_noise_gains_from_more_factors() -> None:
    edge_index, ptr, mask, _ = random_graphs([15] * 200, patterns=4, chosen=2)
    ged = [factor_scores(random_factors(edge_index.size(1), m), edge_index, ptr, mask).ged_e for m in (2, 4, 8)]
    assert ged[0] > ged[1] > ged[2]


class Calls(TorchDispatchMode):
    """Counts the calls of PyTorch's operators."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def test_distances_of_many_graphs_take_as_many_calls_as_those_of_few() -> None:
    counts = []
    for number in (3, 300):
        edge_index, ptr, mask, _ = random_graphs([15] * number, patterns=4, chosen=2)
        with Calls() as calls:
            edit_distances(random_factors(edge_index.size(1), 4), edge_index, ptr, mask)
        counts.append(calls.count)
    assert counts[0] == counts[1] > 0
