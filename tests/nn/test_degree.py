import torch
from torch_geometric import EdgeIndex

from graphkit.nn.degree import in_degree, source_norm


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
