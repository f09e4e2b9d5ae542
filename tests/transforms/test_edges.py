"""The transforms that change edges: self loops, directions, components."""

import torch
from torch_geometric.data import Data

from graphkit.transforms import build
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
