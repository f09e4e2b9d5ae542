"""The transforms that change edges: self loops, directions, components."""

import pytest
import torch
from torch_geometric.data import Data

from graphkit.nn.attribute_level import attribute_level
from graphkit.transforms import Constant, Degree, ReturnProbabilities, build
from graphkit.transforms.build import Transform
from graphkit.transforms.largest_component import LargestComponent
from graphkit.transforms.remove_self_loops import RemoveSelfLoops
from graphkit.transforms.self_loops import SelfLoops
from graphkit.transforms.undirected import Undirected


def data() -> Data:
    return Data(
        x=torch.arange(4.0).view(4, 1),
        edge_index=torch.tensor([[0, 1, 2, 0], [1, 0, 2, 3]]),
        edge_weight=torch.tensor([1.0, 2, 3, 4]),
        factor_mask=torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0]]).bool(),
        y=torch.tensor([0, 1, 0, 1]),
    )


def by_edge(graph: Data, name: str) -> dict[tuple[int, int], object]:
    return dict(zip(map(tuple, graph.edge_index.t().tolist()), graph[name].tolist(), strict=True))


def test_self_loops_extend_every_edge_attribute() -> None:
    graph = SelfLoops()(data())
    assert by_edge(graph, "edge_weight") == {
        (0, 1): 1,
        (1, 0): 2,
        (2, 2): 3,
        (0, 3): 4,
        (0, 0): 1,
        (1, 1): 1,
        (3, 3): 1,
    }
    mask = by_edge(graph, "factor_mask")
    assert graph.factor_mask.dtype == torch.bool and mask[0, 0] == [False, False] and mask[2, 2] == [True, True]
    assert graph.y.tolist() == [0, 1, 0, 1]  # as long as the edges were, but of the nodes
    assert SelfLoops()(graph).num_edges == graph.num_edges == 7


def test_self_loops_on_a_graph_without_edges() -> None:
    graph = SelfLoops()(Data(x=torch.ones(2, 1), edge_index=torch.empty(2, 0, dtype=torch.long)))
    assert graph.edge_index.tolist() == [[0, 1], [0, 1]]


def test_removing_self_loops() -> None:
    graph = RemoveSelfLoops()(data())
    assert by_edge(graph, "edge_weight") == {(0, 1): 1, (1, 0): 2, (0, 3): 4}
    assert graph.factor_mask.shape == (3, 2)


def test_undirected_adds_what_is_missing_and_keeps_what_is_there() -> None:
    graph = Undirected()(data())
    assert by_edge(graph, "edge_weight") == {(0, 1): 1, (1, 0): 2, (2, 2): 3, (0, 3): 4, (3, 0): 4}
    assert by_edge(graph, "factor_mask")[3, 0] == [False, False]
    assert graph.is_undirected()
    assert Undirected()(graph).num_edges == 5


def test_the_largest_component_takes_its_nodes_and_edges_along() -> None:
    graph = LargestComponent()(data())
    assert graph.x.view(-1).tolist() == [0, 1, 3] and graph.y.tolist() == [0, 1, 1]
    assert by_edge(graph, "edge_weight") == {(0, 1): 1, (1, 0): 2, (0, 2): 4}
    assert graph.num_nodes == 3


def test_of_equal_components_the_first_stays() -> None:
    graph = Data(x=torch.arange(4.0).view(4, 1), edge_index=torch.tensor([[1, 0], [3, 2]]))
    assert LargestComponent()(graph).x.view(-1).tolist() == [0, 2]


def test_each_graph_of_a_union_keeps_its_own_component() -> None:
    graph = Data(x=torch.arange(6.0).view(6, 1), edge_index=torch.tensor([[0, 4], [1, 5]]))
    graph.batch = torch.tensor([0, 0, 0, 1, 1, 1])
    result = build(["largest-component"])(graph)
    assert result.x.view(-1).tolist() == [0, 1, 4, 5] and result.batch.tolist() == [0, 0, 1, 1]
    assert result.edge_index.tolist() == [[0, 2], [1, 3]]


@pytest.mark.parametrize("edges", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ["y", "target", "energy", "dipole"])
@pytest.mark.parametrize("transform", [Undirected(), SelfLoops(), RemoveSelfLoops(), LargestComponent()])
def test_targets_of_the_graph_stay_whatever_their_size(transform: Transform, name: str, edges: int) -> None:
    nodes = torch.arange(edges)
    for shape in ((edges,), (1, edges), (edges, 2)):
        graph = Data(x=torch.ones(7, 2), edge_index=torch.stack([nodes, nodes + 1]), edge_attr=torch.rand(edges, 3))
        graph[name] = value = torch.rand(shape)
        result = transform(graph)
        assert torch.equal(result[name], value)
        assert result.edge_attr.size(0) == result.edge_index.size(1)


def test_names_and_sizes_tell_attributes_apart() -> None:
    edges = torch.stack([torch.arange(30), torch.arange(30) + 1])
    graph = Data(x=torch.ones(40, 2), edge_index=edges, face=torch.zeros(3, 30).long(), y=torch.zeros(40))
    graph.distance, graph.edge_year, graph.charge, graph.train_mask = (torch.zeros(size) for size in (30, 30, 40, 40))
    graph.energy, graph.path_index_1, graph.name = torch.zeros(1), edges, "a"
    levels = {name: attribute_level(graph, name) for name in graph.to_dict()}
    assert {name for name, level in levels.items() if level == "edge"} == {"distance", "edge_year"}
    assert {name for name, level in levels.items() if level == "node"} == {"x", "y", "charge", "train_mask"}
    graph.batch, graph.energy = torch.arange(40) // 2, torch.zeros(20)
    assert attribute_level(graph, "energy") == attribute_level(graph, "name") == "graph"


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_edges_of_any_integer_type_are_kept_apart(dtype: torch.dtype) -> None:
    edges = torch.tensor([[40000, 7296], [0, 21475]])  # keys that differ by 2^32
    result = Undirected()(Data(edge_index=edges.to(dtype), num_nodes=200_000))
    assert set(map(tuple, result.edge_index.t().tolist())) == {(40000, 0), (0, 40000), (7296, 21475), (21475, 7296)}
    huge = torch.tensor([[4_000_000_000, 5], [5, 4_000_000_000]])
    assert Undirected()(Data(edge_index=huge, num_nodes=5_000_000_000)).edge_index.size(1) == 2
    walk = ReturnProbabilities(2)(Data(edge_index=torch.cat([edges, edges.flip(0)], 1).to(dtype), num_nodes=50_000))
    assert walk.x[[40000, 0, 7296, 21475], 0].tolist() == [1, 1, 1, 1]


def test_columns_take_the_type_of_the_features() -> None:
    for transform in (Constant(0.1), Degree(), ReturnProbabilities(3)):
        graph = Data(x=torch.ones(3, 1, dtype=torch.float64), edge_index=torch.tensor([[0, 1, 2, 1], [1, 2, 0, 0]]))
        single = Data(x=torch.ones(3, 1), edge_index=graph.edge_index)
        integral = Data(x=torch.ones(3, 1, dtype=torch.long), edge_index=graph.edge_index)
        exact = transform(graph).x
        assert exact.dtype == torch.float64
        torch.testing.assert_close(transform(single).x.double(), exact)
        torch.testing.assert_close(transform(integral).x.double(), exact)  # not rounded to whole numbers
    assert float(Constant(0.1)(Data(x=torch.ones(1, 1, dtype=torch.float64))).x[0, 1]) == 0.1
