import pytest
import torch
from torch_geometric import EdgeIndex

from graphkit.errors import InputError, InputTypeError
from graphkit.nn.degree import check_edge_weight, in_degree, source_norm


def test_counts_in_edges_of_any_edge_index() -> None:
    edge_index = torch.tensor([[0, 1, 2, 2], [1, 1, 1, 0]])
    assert in_degree(edge_index, 4).tolist() == [1, 3, 0, 0]
    ordered = EdgeIndex(edge_index, sparse_size=(4, 4)).sort_by("col").values
    assert in_degree(ordered, 4).tolist() == [1, 3, 0, 0]


def test_a_sorted_edge_index_that_knows_no_size_will_do() -> None:
    edge_index = EdgeIndex([[1, 0], [0, 1]], sort_order="col")
    assert in_degree(edge_index, 5).tolist() == [1, 1, 0, 0, 0]


def test_nodes_without_in_edges_count_as_one() -> None:
    norm = source_norm(torch.tensor([[0, 1, 2, 3], [1, 1, 1, 1]]), torch.zeros(4, 2, dtype=torch.float64))
    assert norm.tolist() == [1.0, 0.5, 1.0, 1.0] and norm.dtype == torch.float64


@pytest.mark.parametrize("bad", [-2.0, -1e-30, float("nan"), float("inf"), -float("inf")])
def test_a_weight_that_no_degree_can_hold_is_refused_with_its_edge(bad: float) -> None:
    edge_index = torch.tensor([[4, 0, 2], [1, 3, 1]])
    with pytest.raises(InputError, match=r"`edge_weight`.*edge 2 \(2 -> 1\)"):
        check_edge_weight(edge_index, torch.tensor([1.0, 0.0, bad]))


def test_weights_of_another_number_or_type_are_refused() -> None:
    edge_index = torch.tensor([[0, 1], [1, 0]])
    for weight in (torch.ones(3), torch.ones(2, 2), torch.ones(1, 2), torch.tensor(1.0)):
        with pytest.raises(InputError, match="each of the 2 edges"):
            check_edge_weight(edge_index, weight)
    for weight in ([1.0, 1.0], torch.ones(2, dtype=torch.complex64)):
        with pytest.raises(InputTypeError, match="real numbers"):
            check_edge_weight(edge_index, weight)  # type: ignore[arg-type]


def test_weights_that_are_fine_pass() -> None:
    edge_index = torch.tensor([[0, 1], [1, 0]])
    for weight in (None, torch.zeros(2), torch.ones(2, 1), torch.ones(2, dtype=torch.long), torch.ones(2) > 0):
        check_edge_weight(edge_index, weight)
    check_edge_weight(torch.empty(2, 0, dtype=torch.long), torch.empty(0))
