"""The transforms that change node features."""

import networkx
import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphkit.data import GraphCollection
from graphkit.transforms import AdjacencyFeatures, return_probabilities
from graphkit.transforms.constant import Constant
from graphkit.transforms.degree import Degree
from graphkit.transforms.laplacian_eigenvectors import LaplacianEigenvectors
from graphkit.transforms.normalize_features import NormalizeFeatures
from graphkit.transforms.return_probabilities import ReturnProbabilities
from graphkit.transforms.sparse_features import SparseFeatures


def test_rows_sum_to_one_or_stay_zero() -> None:
    data = NormalizeFeatures()(Data(x=torch.tensor([[1.0, 3.0], [0.0, 0.0], [0.1, 0.1], [-1.0, 1.0]])))
    assert torch.allclose(data.x, torch.tensor([[0.25, 0.75], [0, 0], [0.5, 0.5], [-0.5, 0.5]]))
    with pytest.raises(ValueError, match="float features"):
        NormalizeFeatures()(Data(x=torch.tensor([1, 2])))


def test_degree_counts_edges_that_arrive() -> None:
    edge_index = torch.tensor([[0, 1, 2, 2], [1, 1, 1, 0]])
    assert Degree()(Data(edge_index=edge_index, num_nodes=3)).x.tolist() == [[1], [3], [0]]
    one_hot = Degree(one_hot=3)(Data(x=torch.zeros(3, 1), edge_index=edge_index)).x
    assert one_hot.tolist() == [[0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]]  # three shares the last column with two


def test_a_constant_column() -> None:
    assert Constant(2)(Data(x=torch.zeros(2, 1), edge_index=torch.empty(2, 0).long())).x.tolist() == [[0, 2], [0, 2]]


def test_sparse_features_are_the_same_without_the_zeros() -> None:
    x = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    data = SparseFeatures()(Data(x=x))
    assert data.x.layout == torch.sparse_csr and data.x.values().tolist() == [2] and data.num_features == 2
    assert torch.equal(data.x.to_dense(), x)
    with pytest.raises(ValueError, match="needs float features"):
        SparseFeatures()(Data(x=torch.tensor([1, 2])))
    with pytest.raises(ValueError, match="is for one graph"):
        SparseFeatures()(Data(x=x, batch=torch.tensor([0, 1])))


def random_graph(size: int, seed: int) -> Data:
    graph = networkx.gnp_random_graph(size, 0.3, seed=seed)
    edges = torch.tensor(list(graph.edges), dtype=torch.long).view(-1, 2).t()
    return Data(edge_index=torch.cat([edges, edges.flip(0)], dim=1), num_nodes=size, y=torch.tensor([0]))


def expected(data: Data, k: int) -> np.ndarray:
    adjacency = np.zeros((data.num_nodes, data.num_nodes))
    adjacency[data.edge_index[0], data.edge_index[1]] = 1
    np.fill_diagonal(adjacency, 0)
    step = adjacency / np.maximum(adjacency.sum(axis=1, keepdims=True), 1)
    return np.stack([np.linalg.matrix_power(step, t).diagonal() for t in range(2, k + 2)], axis=1)


@pytest.mark.parametrize("sparse", [False, True])
def test_return_probabilities_are_diagonals_of_powers(sparse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if sparse:
        monkeypatch.setattr(return_probabilities, "DENSE_LIMIT", 0)
        monkeypatch.setattr(return_probabilities, "COLUMNS", 4)  # several blocks of columns per graph
    for size, seed in ((1, 0), (2, 1), (17, 2), (30, 3)):
        data = random_graph(size, seed)
        assert np.allclose(ReturnProbabilities(5)(data.clone()).x, expected(data, 5), atol=1e-6)


def test_return_probabilities_ignore_self_loops_and_parallel_edges() -> None:
    data = random_graph(12, 1)
    doubled = data.clone()
    loops = torch.arange(12).expand(2, -1)
    doubled.edge_index = torch.cat([data.edge_index, data.edge_index, loops], dim=1)
    assert torch.allclose(ReturnProbabilities()(data).x, ReturnProbabilities()(doubled).x)


def test_directed_edges_are_walked_along() -> None:
    cycle = Data(edge_index=torch.tensor([[0, 1, 2], [1, 2, 0]]), num_nodes=3)
    assert ReturnProbabilities(5)(cycle).x.tolist() == [[0, 1, 0, 0, 1]] * 3


@pytest.mark.parametrize("block_floats", [16_000_000, 500])
def test_the_union_of_graphs_gives_what_each_graph_gives(block_floats: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(return_probabilities, "BLOCK_FLOATS", block_floats)
    monkeypatch.setattr(return_probabilities, "DENSE_LIMIT", 20)
    graphs = [random_graph(size, seed) for seed, size in enumerate([3, 25, 8, 1, 30, 14, 8, 2])]
    union = GraphCollection.from_list(graphs).map_union(ReturnProbabilities(4))
    for got, data in zip(union, graphs, strict=True):
        assert np.allclose(got.x, expected(data, 4), atol=1e-6)


@pytest.mark.parametrize("size", [12, 150])  # dense, and by ARPACK
def test_eigenvectors_of_the_laplacian_are_orthonormal_and_repeatable(size: int) -> None:
    graph = networkx.connected_watts_strogatz_graph(size, 4, 0.3, seed=1)
    edge_index = torch.tensor([*graph.edges]).t()
    data = Data(edge_index=edge_index, num_nodes=size)  # one direction only
    x = LaplacianEigenvectors(4)(data.clone()).x
    torch.testing.assert_close(x.t() @ x, torch.eye(4), atol=1e-5, rtol=0)
    laplacian = torch.from_numpy(networkx.normalized_laplacian_matrix(graph, range(size)).toarray()).float()
    values = torch.linalg.eigvalsh(laplacian.double())[1:5].float()
    torch.testing.assert_close(laplacian @ x, x * values, atol=1e-4, rtol=0)
    largest = x.gather(0, x.abs().argmax(dim=0, keepdim=True))
    assert bool((largest > 0).all()) and torch.equal(LaplacianEigenvectors(4)(data.clone()).x, x)
    loops = torch.arange(size).expand(2, -1)
    data.edge_index = torch.cat([edge_index, edge_index.flip(0), edge_index, loops], dim=1)
    torch.testing.assert_close(LaplacianEigenvectors(4)(data).x, x, atol=1e-5, rtol=0)


def test_eigenvectors_of_the_union_of_graphs_are_those_of_each_graph() -> None:
    graphs = [random_graph(size, seed) for seed, size in enumerate([3, 25, 8, 1, 30])]
    union = GraphCollection.from_list([graph.clone() for graph in graphs]).map_union(LaplacianEigenvectors(5))
    for got, data in zip(union, graphs, strict=True):
        expected_x = LaplacianEigenvectors(5)(data.clone()).x
        torch.testing.assert_close(got.x, expected_x, atol=1e-5, rtol=0)
        assert not got.x[:, -5:][:, max(data.num_nodes - 1, 0) :].any()


def test_adjacency_features_mark_a_node_and_the_sources_of_its_edges() -> None:
    data = Data(edge_index=torch.tensor([[0, 2, 2], [1, 1, 0]]), num_nodes=3)
    x = AdjacencyFeatures()(data).x
    assert x.tolist() == [[1, 0, 1], [1, 1, 1], [0, 0, 1]]
