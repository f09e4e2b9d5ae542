import itertools

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.metrics import edit_distances, random_factors

from .factor_graphs import random_graphs


def dense_distances(coefficients: Tensor, edge_index: Tensor, ptr: Tensor, factor_mask: Tensor) -> np.ndarray:
    """The definition, one matrix at a time."""
    bounds = ptr.tolist()
    out = np.zeros((len(bounds) - 1, factor_mask.size(1), coefficients.size(1)), dtype=int)
    for graph, (first, last) in enumerate(itertools.pairwise(bounds)):
        mine = ((edge_index[0] >= first) & (edge_index[0] < last)).nonzero().flatten()
        row, column = (edge_index[:, mine] - first).numpy()
        for pattern, factor in np.ndindex(out.shape[1:]):
            true = np.zeros((last - first, last - first))
            true[row, column] = factor_mask[mine, pattern].numpy()
            dense = np.zeros_like(true)
            dense[row, column] = coefficients[mine, factor].numpy()
            dense = (dense + dense.T) / 2
            np.fill_diagonal(dense, -1)
            order = np.argsort(-dense.ravel(), kind="stable")[: int(true.sum())]
            kept = np.zeros(true.size)
            kept[order] = 1
            out[graph, pattern, factor] = int(np.abs(kept - true.ravel()).sum())
    return out


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_definition_on_graphs_of_many_sizes(dtype: torch.dtype) -> None:
    edge_index, ptr, mask, presence = random_graphs([5, 9, 2, 14, 3, 7, 20], patterns=4, chosen=2)
    coefficients = random_factors(edge_index.size(1), 5, seed=3).to(dtype)
    edits = edit_distances(coefficients, edge_index, ptr, mask)
    assert np.array_equal(edits.distance.numpy(), dense_distances(coefficients, edge_index, ptr, mask))
    assert torch.equal(edits.presence, presence)
    assert edits.size.sum() == mask.sum()


def test_ties_go_by_index() -> None:
    edge_index, ptr, mask, _ = random_graphs([8] * 30, patterns=3, chosen=2, density=0.5)
    coefficients = (random_factors(edge_index.size(1), 3) * 3).floor() / 3 + 0.1  # three values only
    edits = edit_distances(coefficients, edge_index, ptr, mask)
    assert np.array_equal(edits.distance.numpy(), dense_distances(coefficients, edge_index, ptr, mask))


def test_neither_self_loops_nor_the_order_of_edges_matter() -> None:
    edge_index, ptr, mask, _ = random_graphs([6, 11, 8], patterns=3, chosen=2)
    coefficients = random_factors(edge_index.size(1), 4)
    expected = edit_distances(coefficients, edge_index, ptr, mask).distance
    order = torch.randperm(edge_index.size(1), generator=torch.Generator().manual_seed(0))
    loops = edge_index[0] == edge_index[1]
    coefficients[loops] = 0.999
    shuffled = edit_distances(coefficients[order], edge_index[:, order], ptr, mask[order])
    assert torch.equal(shuffled.distance, expected)
    kept = ~loops
    without = edit_distances(coefficients[kept], edge_index[:, kept], ptr, mask[kept])
    assert torch.equal(without.distance, expected)


def test_an_edge_list_of_one_direction_is_the_same_graph() -> None:
    edge_index, ptr, mask, _ = random_graphs([10, 12], patterns=2, chosen=2)
    one_way = edge_index[0] < edge_index[1]
    coefficients = random_factors(edge_index.size(1), 3)
    reverse = {tuple(edge): index for index, edge in enumerate(edge_index.t().tolist())}
    back = torch.tensor([reverse[target, source] for source, target in edge_index.t().tolist()])
    symmetric = (coefficients + coefficients[back]) / 2
    expected = edit_distances(coefficients, edge_index, ptr, mask)
    result = edit_distances(symmetric[one_way], edge_index[:, one_way], ptr, mask[one_way])
    assert torch.equal(result.distance, expected.distance) and torch.equal(result.size, expected.size)


def test_an_edge_index_object_is_taken() -> None:
    edge_index, ptr, mask, _ = random_graphs([6, 6], patterns=2, chosen=1)
    coefficients = random_factors(edge_index.size(1), 2)
    order = edge_index[1].argsort(stable=True)
    columns = EdgeIndex(edge_index[:, order], sparse_size=(12, 12), sort_order="col")
    distance = edit_distances(coefficients[order], columns, ptr, mask[order]).distance
    assert type(distance) is Tensor
    assert torch.equal(distance, edit_distances(coefficients, edge_index, ptr, mask).distance)


def test_a_graph_without_edges_and_an_edge_list_without_edges() -> None:
    edge_index, _, mask, _ = random_graphs([6], patterns=2, chosen=2)
    ptr = torch.tensor([0, 6, 9])
    edits = edit_distances(random_factors(edge_index.size(1), 3), edge_index, ptr, mask)
    assert edits.distance[1].abs().sum() == 0 and not edits.presence[1].any()
    nothing = torch.zeros(2, 0, dtype=torch.long), ptr, torch.zeros(0, 2, dtype=torch.bool)
    assert edit_distances(torch.zeros(0, 3), *nothing).distance.shape == (2, 2, 3)


def test_coefficients_with_a_gradient_are_taken() -> None:
    edge_index, ptr, mask, _ = random_graphs([6], patterns=2, chosen=2)
    coefficients = random_factors(edge_index.size(1), 3).requires_grad_()
    assert not edit_distances(coefficients, edge_index, ptr, mask).distance.requires_grad


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coefficients": torch.zeros(3, 2)}, "`coefficients` must be"),
        ({"coefficients": torch.full((4, 2), torch.nan)}, "got NaN"),
        ({"factor_mask": torch.zeros(3, 2).bool()}, "`factor_mask` must be"),
        ({"ptr": torch.tensor([0])}, "first node of every graph"),
        ({"ptr": torch.tensor([0, 2])}, "cover every node"),
        ({"presence": torch.zeros(2, 2).bool()}, "`presence` must be"),
    ],
)
def test_arguments_that_do_not_fit(change: dict[str, Tensor], message: str) -> None:
    arguments = {
        "coefficients": torch.zeros(4, 2),
        "edge_index": torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]),
        "ptr": torch.tensor([0, 3]),
        "factor_mask": torch.zeros(4, 2).bool(),
    }
    with pytest.raises(ValueError, match=message):
        edit_distances(**{**arguments, **change})
