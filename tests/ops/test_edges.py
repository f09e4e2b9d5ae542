import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.ops import factor_aggregate
from graphkit.ops._edges import group_edges


def make(nodes: int, edges: int, seed: int = 0) -> Tensor:
    return torch.randint(nodes, (2, edges), generator=torch.Generator().manual_seed(seed))


def pairs(ptr: Tensor, other: Tensor) -> list[tuple[int, int]]:
    """The edges as (the node they are grouped by, the other end)."""
    centers = torch.repeat_interleave(torch.arange(ptr.numel() - 1), ptr.diff())
    return list(zip(centers.tolist(), other.tolist(), strict=True))


def test_groups_hold_the_edges_in_their_order(native):
    edge_index = make(9, 50)
    edges = group_edges(edge_index, 9, both_ways=False)
    order = torch.sort(edge_index[1], stable=True).indices
    assert pairs(edges.colptr, edges.row) == list(
        zip(edge_index[1, order].tolist(), edge_index[0, order].tolist(), strict=True)
    )
    assert edges.rowptr is None and edges.col is None


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("size", [(12, 12), (9, 9), (None, None)])
def test_sorted_edge_index_gives_the_same_groups(native, filled, size):
    plain = make(9, 50)
    plain = plain[:, torch.sort(plain[1], stable=True).indices]
    edge_index = EdgeIndex(plain, sparse_size=size, sort_order="col")
    if filled:
        edge_index.fill_cache_()
    edges = group_edges(edge_index, 12, both_ways=True)
    expected = group_edges(plain, 12, both_ways=False)
    assert torch.equal(edges.colptr, expected.colptr) and torch.equal(edges.row, expected.row)
    assert sorted(pairs(edges.rowptr, edges.col)) == sorted((j, i) for j, i in plain.t().tolist())


def test_undirected_edges_serve_both_ways(native):
    half = make(9, 20)
    both = torch.cat([half, half.flip(0)], dim=1).unique(dim=1)
    both = both[:, torch.sort(both[1], stable=True).indices]
    edge_index = EdgeIndex(both, sparse_size=(9, 9), sort_order="col", is_undirected=True)
    edges = group_edges(edge_index, 9, both_ways=True)
    assert edges.rowptr is edges.colptr
    assert sorted(pairs(edges.rowptr, edges.col)) == sorted((j, i) for j, i in both.t().tolist())


def test_groups_are_worked_out_once_per_edge_index(native):
    edge_index = EdgeIndex(make(9, 50), sparse_size=(9, 9))
    first = group_edges(edge_index, 9, both_ways=False)
    assert group_edges(edge_index, 9, both_ways=False).colptr is first.colptr
    both = group_edges(edge_index, 9, both_ways=True)
    assert both.colptr is first.colptr
    assert group_edges(edge_index, 9, both_ways=False).rowptr is both.rowptr
    assert group_edges(edge_index, 10, both_ways=False).colptr.numel() == 11


def test_changed_edges_are_grouped_anew(native):
    edge_index = EdgeIndex(make(5, 12), sparse_size=(6, 6))
    h, terms = torch.randn(6, 3), torch.randn(6, 2)
    factor_aggregate(h, terms, terms, edge_index)
    edge_index += 1
    expected = factor_aggregate(h, terms, terms, edge_index.as_tensor().clone())
    torch.testing.assert_close(factor_aggregate(h, terms, terms, edge_index), expected)
    edge_index.as_tensor()[0] = 0
    expected = factor_aggregate(h, terms, terms, edge_index.as_tensor().clone())
    torch.testing.assert_close(factor_aggregate(h, terms, terms, edge_index), expected)


def test_edge_index_made_in_inference_mode():
    h, terms = torch.randn(6, 3), torch.randn(6, 2)
    plain = make(6, 12)
    with torch.inference_mode():
        out = factor_aggregate(h, terms, terms, EdgeIndex(plain.clone(), sparse_size=(6, 6)))
    torch.testing.assert_close(out.clone(), factor_aggregate(h, terms, terms, plain))


def test_kernels_refuse_unsound_edges(native):
    ops = torch.ops.graphkit
    h, terms = torch.randn(3, 4), torch.randn(3, 2)
    for ptr, row in (([0, 2, 1, 2], [0, 1]), ([0, 1, 2, 3], [0, 1]), ([1, 1, 2, 2], [0, 1]), ([0, 2], [0, 1])):
        with pytest.raises(RuntimeError, match="`ptr` must (rise from 0 to the number of edges|hold one number more)"):
            ops.factor_aggregate(h, terms, terms, torch.tensor(ptr), torch.tensor(row), None, None, 1.0)
    with pytest.raises(RuntimeError, match="an edge names a node that does not exist"):
        ops.factor_aggregate(h, terms, terms, torch.tensor([0, 1, 2, 2]), torch.tensor([0, 3]), None, None, 1.0)
    with pytest.raises(RuntimeError, match="an edge names a node that does not exist"):
        ops.group_edges(torch.tensor([0]), torch.tensor([3]), 3)
    with pytest.raises(RuntimeError, match="an edge names a node that does not exist"):
        ops.transpose_edges(torch.tensor([0, 1]), torch.tensor([1]))
