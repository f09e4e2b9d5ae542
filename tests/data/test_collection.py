import pickle

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch_geometric import EdgeIndex
from torch_geometric.data import Batch, Data

from graphkit.data import GraphCollection


def graph(num_nodes: int, num_edges: int, seed: int) -> Data:
    generator = torch.Generator().manual_seed(seed)
    edge_index = (
        torch.randint(num_nodes, (2, num_edges), generator=generator) if num_nodes else torch.empty(2, 0).long()
    )
    return Data(
        x=torch.randn(num_nodes, 3, generator=generator),
        edge_index=edge_index,
        edge_attr=torch.randn(edge_index.size(1), 2, generator=generator),
        y=torch.tensor([seed % 2]),
    )


@pytest.fixture
def graphs() -> list[Data]:
    # one without an edge, one without a node, one with a single node
    return [graph(5, 9, 0), graph(3, 0, 1), graph(0, 0, 2), graph(1, 1, 3), graph(7, 20, 4)]


def edge_set(data: Data) -> set[tuple[float, ...]]:
    rows = torch.cat([data.edge_index.as_subclass(torch.Tensor).t().float(), data.edge_attr], dim=1)
    return {tuple(row) for row in rows.tolist()}


def test_a_graph_comes_back_as_it_went_in(graphs: list[Data]) -> None:
    collection = GraphCollection.from_list(graphs)
    assert len(collection) == 5
    for got, expected in zip(collection, graphs, strict=True):
        assert torch.equal(got.x, expected.x)
        assert torch.equal(got.y, expected.y)
        assert edge_set(got) == edge_set(expected)
        assert "batch" not in got and "num_graphs" not in got


@pytest.mark.parametrize("ids", [[4, 0, 3], [2], [1, 1, 4], [2, 1], []])
def test_batch_agrees_with_pyg(graphs: list[Data], ids: list[int]) -> None:
    batch = GraphCollection.from_list(graphs).batch(torch.tensor(ids, dtype=torch.long))
    assert batch.num_graphs == len(ids)
    if not ids:
        assert batch.num_nodes == 0 and batch.edge_index.size(1) == 0
        return
    expected = Batch.from_data_list([graphs[i] for i in ids])
    assert torch.equal(batch.x, expected.x)
    assert torch.equal(batch.y, expected.y)
    assert torch.equal(batch.batch, expected.batch)
    assert torch.equal(batch.ptr, expected.ptr)
    assert edge_set(batch) == edge_set(expected)


def test_edges_of_a_batch_are_sorted_by_target_and_say_so(graphs: list[Data]) -> None:
    batch = GraphCollection.from_list(graphs).batch([4, 0, 4])
    assert isinstance(batch.edge_index, EdgeIndex)
    assert batch.edge_index.is_sorted_by_col
    assert batch.edge_index.sparse_size() == (19, 19)
    batch.edge_index.validate()  # fails if the edges are not sorted


def test_ring_graphs_keep_a_factor_mask_with_the_edges() -> None:
    ring = torch.stack([torch.arange(4), (torch.arange(4) + 1) % 4])
    data = Data(x=torch.eye(4), edge_index=ring, factor_mask=torch.rand(4, 2) > 0.5, y=torch.ones(1, 2))
    assert "factor_mask" in GraphCollection.from_list([data, data]).edge


def test_attributes_of_graphs_may_be_text_or_numbers(graphs: list[Data]) -> None:
    for position, data in enumerate(graphs):
        data.title, data.size_of_it = f"graph {position}", torch.tensor(float(position))
    batch = GraphCollection.from_list(graphs).batch([3, 1])
    assert batch.title == ["graph 3", "graph 1"]
    assert torch.equal(batch.size_of_it, torch.tensor([3.0, 1.0]))


def test_select_and_slices_make_smaller_collections(graphs: list[Data]) -> None:
    collection = GraphCollection.from_list(graphs)
    last = collection[3:]
    assert len(last) == 2 and torch.equal(last[1].x, graphs[4].x)
    assert edge_set(collection[-1]) == edge_set(graphs[4])
    with pytest.raises(IndexError, match="5 graphs"):
        collection[5]


def test_map_union_equals_the_transform_of_each_graph(graphs: list[Data]) -> None:
    from graphkit.transforms import build

    transform = build(["self-loops", "degree"])
    assert transform is not None
    mapped = GraphCollection.from_list(graphs).map_union(transform)
    assert len(mapped) == 5  # the graph without nodes is still there
    for got, data in zip(mapped, graphs, strict=True):
        expected = transform(data.clone())
        assert torch.equal(got.x, expected.x)
        assert edge_set(got) == edge_set(expected)


def test_map_union_may_remove_nodes() -> None:
    from graphkit.transforms import build

    pair = torch.tensor([[0, 1], [1, 0]])
    graphs = [Data(x=torch.arange(4.0).view(4, 1), edge_index=pair + shift, y=torch.tensor([1])) for shift in (0, 2, 1)]
    mapped = GraphCollection.from_list(graphs).map_union(build(["largest-component"]))
    assert [data.x.view(-1).tolist() for data in mapped] == [[0, 1], [2, 3], [1, 2]]
    assert all(data.edge_index.tolist() == [[1, 0], [0, 1]] for data in mapped)


def test_graphs_must_agree_on_their_attributes(graphs: list[Data]) -> None:
    del graphs[2]["edge_attr"]
    with pytest.raises(ValueError, match="`edge_attr` is absent"):
        GraphCollection.from_list(graphs)
    with pytest.raises(ValueError, match="at least one graph"):
        GraphCollection.from_list([])
    with pytest.raises(ValueError, match=r"`x` must have one row per node, 3 in all \(got 2\)"):
        GraphCollection(torch.empty(2, 0).long(), torch.tensor([3]), torch.tensor([0]), node={"x": torch.ones(2, 1)})


def test_a_collection_survives_pickling(graphs: list[Data]) -> None:
    collection = pickle.loads(pickle.dumps(GraphCollection.from_list(graphs)))
    assert torch.equal(collection.batch([0]).x, graphs[0].x)


class Counter(TorchDispatchMode):
    """Counts the operators that run."""

    calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.calls += 1
        return func(*args, **(kwargs or {}))


def test_a_thousand_graphs_take_no_more_operators_than_two() -> None:
    size = torch.full((1000,), 15)
    edge_index = torch.randint(15, (2, 1000 * 40))
    collection = GraphCollection(edge_index, size, torch.full((1000,), 40), node={"x": torch.randn(15000, 15)})
    calls = []
    for count in (2, 1000):
        with Counter() as counter:
            collection.batch(torch.randperm(1000)[:count])
        calls.append(counter.calls)
    assert calls[0] == calls[1] < 60


PAIR = torch.tensor([[0, 1, 0], [1, 0, 1]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_nodes": torch.tensor([3, -1])}, "`num_nodes` must be whole numbers .* of at least 0"),
        ({"num_nodes": torch.tensor([2.0, 2.0])}, "`num_nodes` must be whole numbers"),
        ({"num_edges": torch.tensor([2, 2])}, "`edge_index` must have one row per edge, 4 in all .got 3"),
        ({"num_edges": torch.tensor([3])}, "one entry per graph each .got 2 and 1"),
        ({"edge_index": PAIR + 1}, "edge 0 of graph 0 joins 1 and 2, but its 2 nodes are numbered from 0"),
        ({"edge_index": torch.tensor([[0, 1, -1], [1, 0, 0]])}, "edge 0 of graph 1 joins -1 and 0"),
        ({"edge_index": PAIR.float()}, "`edge_index` must be whole numbers"),
        ({"node": {"x": torch.ones(3, 1)}}, "`x` must have one row per node, 4 in all"),
    ],
)
def test_counts_and_edges_that_do_not_fit(changes: dict, message: str) -> None:
    parts = {"edge_index": PAIR, "num_nodes": torch.tensor([2, 2]), "num_edges": torch.tensor([2, 1]), **changes}
    with pytest.raises(ValueError, match=message):
        GraphCollection(**parts)


def test_rows_of_a_list_that_do_not_fit_name_the_graph() -> None:
    def listed(**changes: torch.Tensor) -> list[Data]:
        made = [Data(x=torch.ones(2, 1), edge_index=PAIR[:, :2], edge_weight=torch.ones(2)) for _ in range(3)]
        for name, value in changes.items():
            made[1][name] = value
        return made

    for changes, message in (
        ({"edge_weight": torch.ones(3)}, "graph 1: `edge_weight` must have one row for each of its 2 edges .got 3."),
        ({"edge_index": torch.zeros(3, 2).long()}, "graph 1: `edge_index` must be whole numbers"),
        ({"x": torch.ones(2, 5)}, r"`x` must have as many columns in every graph \(graph 1 has \[2, 5\]"),
    ):
        with pytest.raises(ValueError, match=message):
            GraphCollection.from_list(listed(**changes))
