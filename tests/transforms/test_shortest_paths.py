import pytest
import torch
from torch_geometric import EdgeIndex
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import Compose, ToUndirected

from graphkit.data import GraphCollection
from graphkit.nn import SPAGANConv
from graphkit.ops import shortest_paths
from graphkit.testing import random_graph, random_graphs
from graphkit.transforms import ShortestPaths, build
from tests.nn import golden_paths as golden


def columns(path_index: torch.Tensor) -> list[str]:
    return ["".join(map(str, path)) for path in path_index.t().tolist()]


def line() -> Data:
    """0 -> 1 -> 2, one way."""
    return Data(x=torch.randn(3, 3), edge_index=torch.tensor([[0, 1], [1, 2]]), edge_weight=torch.tensor([1.0, 3.0]))


def test_every_node_has_its_paths_and_itself() -> None:
    data = ShortestPaths(max_hops=3, ratio=1.0)(line())
    assert columns(data.path_index_1) == ["00", "01", "11", "12", "22"]
    assert columns(data.path_index_2) == ["000", "111", "012", "222"]
    assert columns(data.path_index_3) == ["0000", "1111", "2222"]
    assert "path_index_4" not in data


def test_the_graph_that_is_given_stays_as_it_is() -> None:
    given = line()
    ShortestPaths()(given)
    assert "path_index_1" not in given


def test_lengths_decide_which_way_is_shortest() -> None:
    data = Data(edge_index=golden.EDGES, edge_weight=golden.COST, num_nodes=5)
    prepared = ShortestPaths(2, 1.0, weight="edge_weight")(data)
    for path_index, expected in (
        (prepared.path_index_1, golden.ONE_HOP),
        (prepared.path_index_2, golden.TWO_HOPS[1.0]),
    ):
        assert sorted(columns(path_index)) == sorted(columns(expected))
    assert "21" in columns(prepared.path_index_1) and "12" not in columns(
        prepared.path_index_1
    )  # cheaper through node 0
    assert "12" in columns(ShortestPaths(2, 1.0)(data).path_index_1)


def test_a_weight_may_be_any_edge_attribute() -> None:
    data = line()
    data.edge_attr = torch.tensor([[2], [5]])  # whole numbers in a column
    assert columns(ShortestPaths(2, None, "edge_attr")(data).path_index_2) == ["000", "111", "012", "222"]


def test_paths_replace_those_from_before() -> None:
    data = ShortestPaths(2)(ShortestPaths(4)(line()))
    assert "path_index_2" in data and "path_index_3" not in data


def test_a_batch_collates_and_comes_apart_again() -> None:
    graphs = [ShortestPaths(2, 0.5)(data) for data in random_graphs(3)]
    batch = next(iter(DataLoader(graphs, batch_size=3)))
    union = ShortestPaths(2, 0.5)(Batch.from_data_list(random_graphs(3)))
    for name in ("path_index_1", "path_index_2"):
        assert columns(batch[name]) == columns(union[name])  # and so still sorted by the last row
        for got, expected in zip(batch.to_data_list(), graphs, strict=True):
            assert torch.equal(got[name], expected[name])
    conv = SPAGANConv(3, 4, ratio=0.5)
    alone = torch.cat([conv(data.x, [data.path_index_1, data.path_index_2]) for data in graphs])
    torch.testing.assert_close(conv(batch.x, [batch.path_index_1, batch.path_index_2]), alone)


def test_a_collection_carries_paths() -> None:
    graphs = random_graphs(3)
    graphs = [*graphs, graphs[1]]
    transform = ShortestPaths(2)
    union = GraphCollection.from_list(graphs).map_union(transform)
    for collection in (union, GraphCollection.from_list([transform(data) for data in graphs]), union.to("cpu")):
        assert "path_index_2" in repr(collection)
        for ids in ([2, 0], [1], [0, 1, 2, 3], [1, 1], []):
            batch = collection.batch(ids)
            if not ids:
                assert batch.path_index_2.shape == (3, 0)
                continue
            expected = Batch.from_data_list([transform(graphs[i]) for i in ids])
            for name in ("path_index_1", "path_index_2"):
                assert torch.equal(batch[name], expected[name])
        assert torch.equal(collection.select([2, 1])[0].path_index_2, transform(graphs[2]).path_index_2)
    with pytest.raises(ValueError, match="`path_index_1` must have one row per graph, 1 in all \\(got 4\\)"):
        GraphCollection(torch.empty(2, 0).long(), torch.tensor([1]), torch.tensor([0]), path=union.path)


def test_works_among_pyg_transforms_and_from_a_configuration() -> None:
    data = Compose([ToUndirected(), ShortestPaths(2)])(line())
    assert columns(data.path_index_2) == ["210", "000", "111", "012", "222"]
    transform = build([{"shortest-paths": {"max_hops": 1, "ratio": None}}])
    assert transform is not None and "path_index_2" not in transform(line())
    assert repr(ShortestPaths(3, 0.5, "edge_weight")) == "ShortestPaths(max_hops=3, ratio=0.5, weight='edge_weight')"


def test_takes_a_sorted_edge_index_and_graphs_with_little_in_them() -> None:
    edge_index = random_graph(12)
    plain = ShortestPaths()(Data(edge_index=edge_index, num_nodes=12))
    ordered = EdgeIndex(edge_index, sparse_size=(12, 12)).sort_by("col").values
    prepared = ShortestPaths()(Data(edge_index=ordered, num_nodes=12))
    assert torch.equal(prepared.path_index_2, plain.path_index_2)
    expected = shortest_paths(edge_index, num_nodes=12, ratio=1.0, self_paths=True)[0]
    assert torch.equal(plain.path_index_2, expected[1])
    assert columns(ShortestPaths()(Data(num_nodes=2)).path_index_2) == ["000", "111"]
    assert ShortestPaths()(Data(num_nodes=0)).path_index_1.shape == (2, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_hops": 0}, "`max_hops` must be a whole number of at least 1 \\(got 0\\)"),
        ({"ratio": -1.0}, "`ratio` must be greater than 0 and finite, or None for all paths \\(got -1.0\\)"),
        ({"weight": "length"}, "needs lengths in `length`, which the graph does not have"),
        ({"weight": "edge_weight"}, "`edge_weight` must be finite and not negative \\(got -3.0 for edge 1\\)"),
        ({"weight": "x"}, "`x` must be a float tensor \\[E\\] with E = 2"),
    ],
)
def test_mistakes_are_one_clear_line(options: dict, message: str) -> None:
    data = line()
    data.edge_weight = -data.edge_weight + torch.tensor([2.0, 0.0])
    with pytest.raises(ValueError, match=message) as error:
        ShortestPaths(**options)(data)
    assert "\n" not in str(error.value)


def test_typed_graphs_are_refused() -> None:
    with pytest.raises(ValueError, match="one type of nodes and edges \\(got HeteroData\\); apply it to"):
        ShortestPaths()(HeteroData())
