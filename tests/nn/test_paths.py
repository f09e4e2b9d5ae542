import pytest
import torch
from torch_geometric import EdgeIndex

from graphkit.nn import attention_cost
from graphkit.nn.paths import path_edge_attr, path_edges, with_self_loops
from tests.nn import golden_paths as golden


def test_costs_of_the_worked_example() -> None:
    cost = attention_cost(golden.ATTENTION.mean(dim=1), golden.EDGES)
    torch.testing.assert_close(cost, golden.COST, atol=1e-15, rtol=0)
    assert float(cost.min()) == 0


def test_costs_of_a_graph_do_not_depend_on_its_batch() -> None:
    attention, batch = golden.ATTENTION.mean(dim=1), torch.tensor([0] * 5 + [1] * 5)
    edges = torch.cat([golden.EDGES, golden.EDGES + 5], dim=1)
    cost = attention_cost(torch.cat([attention, attention / 7]), edges, batch)
    torch.testing.assert_close(cost, torch.cat([golden.COST, golden.COST]))


def test_costs_where_there_is_nothing_to_compare() -> None:
    assert attention_cost(torch.ones(2), torch.tensor([[0, 1], [0, 1]])).tolist() == [1, 1]  # only loops
    assert attention_cost(torch.zeros(1), torch.tensor([[0], [1]])).tolist() == [1]
    assert attention_cost(torch.empty(0), torch.empty(2, 0, dtype=torch.long)).shape == (0,)


def test_self_loops_are_added_where_they_are_missing() -> None:
    edges = torch.tensor([[0, 1, 1], [1, 1, 2]])
    assert with_self_loops(edges, 3).tolist() == [[0, 1, 1, 0, 2], [1, 1, 2, 0, 2]]
    in_order = EdgeIndex(edges, sparse_size=(3, 3), sort_order="col")
    longer = with_self_loops(in_order, 3)
    assert isinstance(longer, EdgeIndex) and longer.is_sorted_by_col
    assert longer.as_tensor().tolist() == [[0, 0, 1, 1, 2], [0, 1, 1, 2, 2]]
    assert with_self_loops(longer, 3) is longer
    assert with_self_loops(torch.empty(2, 0, dtype=torch.long), 2).tolist() == [[0, 1], [0, 1]]


def test_paths_are_taken_apart_into_edges() -> None:
    edges = torch.tensor([[2, 0, 1, 0], [1, 1, 3, 1]])
    paths = [torch.tensor([[0, 2, 3], [1, 1, 3], [3, 3, 3]]), torch.tensor([[0], [1]])]
    assert [ids.tolist() for ids in path_edges(paths, edges, 4)] == [[[1, 0, -1], [2, 2, -1]], [[1]]]
    cheapest = path_edges(paths, edges, 4, torch.tensor([1.0, 3.0, 1.0, 2.0]))
    assert [ids.tolist() for ids in cheapest] == [[[3, 0, -1], [2, 2, -1]], [[3]]]
    with pytest.raises(ValueError, match="every hop of `path_index` must be an edge"):
        path_edges([torch.tensor([[1], [0]])], edges, 4)
    none = torch.empty(2, 0, dtype=torch.long)
    assert path_edges([torch.tensor([[3], [3]])], none, 4)[0].tolist() == [[-1]]
    with pytest.raises(ValueError, match="every hop"):
        path_edges([torch.tensor([[1], [0]])], none, 4)


def test_edge_features_are_averaged_along_a_path() -> None:
    attr = torch.tensor([[1, 0], [0, 4]])
    means = path_edge_attr(attr, [torch.tensor([[0, -1]]), torch.tensor([[0, 1, -1], [1, 1, -1]])])
    assert means[0].tolist() == [[1, 0], [0, 0]] and means[1].tolist() == [[0.5, 2], [0, 4], [0, 0]]
    assert path_edge_attr(attr[:0].float(), [torch.tensor([[-1]])])[0].tolist() == [[0, 0]]
