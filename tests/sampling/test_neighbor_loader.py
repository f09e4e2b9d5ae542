from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn import SAGEConv

from graphkit.nn import GraphModel
from graphkit.registry import get_model
from graphkit.sampling import NeighborLoader, ShortestPathLoader
from graphkit.sampling.csc_graph import CSCGraph
from graphkit.sampling.neighbor_loader import has_even_sampler, has_pyg_sampler
from tests.sampling.test_shortest_path_loader import Sizes, large

FIELDS = ("n_id", "e_id", "x", "y", "train_mask", "length", "input_id")
ENGINES = [
    "own",
    pytest.param("pyg", marks=pytest.mark.skipif(not has_pyg_sampler(), reason="needs pyg-lib or torch-sparse")),
]


def model_of(name: str, **options: Any) -> GraphModel:
    torch.manual_seed(0)
    return get_model(name)(5, 3, hidden_channels=16, **options).eval()


def in_batches(model: GraphModel, loader: NeighborLoader) -> Tensor:
    with torch.no_grad():
        return torch.cat([model(**model.inputs(batch))[: batch.batch_size] for batch in loader])


def uneven() -> Data:
    """A graph in which degrees differ, with nodes without edges, self loops and weights."""
    data = large(undirected=False)
    hub = torch.stack([torch.arange(100, 400), torch.full((300,), 7)])
    loops = torch.arange(5).expand(2, 5)
    keep = data.edge_index[1] < 550
    data.edge_index = torch.cat([data.edge_index[:, keep], hub, loops], dim=1)
    data.length = torch.rand(data.num_edges, generator=torch.Generator().manual_seed(0))
    return data


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gcn", {}),
        ("gcn", {"num_layers": 3, "improved": True}),
        ("gcn", {"add_self_loops": False}),
        ("gcn", {"normalize": False}),
        ("gat", {"heads": 2}),
        ("gat", {"heads": 2, "edge_attr": "length"}),
        ("gin", {}),
        ("mlp", {}),
        ("factorgcn", {}),
        ("factorgcn", {"factors": (4, 2, 2), "head": "mlp", "size_norm": True, "norm": "source", "gain": 1.0}),
        ("factorgcn", {"factors": (2, 2), "head": "layers", "batch_norm": True, "input_norm": True}),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_all_neighbors_give_what_the_whole_graph_gives(name, options, weighted, engine) -> None:
    data = uneven()
    if weighted:
        data.edge_weight = data.length
    model = model_of(name, **options)
    with torch.no_grad():
        expected = model(**model.inputs(data))
    receptive_field = model.receptive_field(data)
    assert receptive_field is not None
    if engine == "pyg" and not receptive_field.num_layers:
        pytest.skip("PyG's sampler takes one layer at least")
    loader = NeighborLoader(
        model.prepare_for_sampling(data), [-1] * receptive_field.num_layers, batch_size=40, engine=engine
    )
    torch.testing.assert_close(in_batches(model, loader), expected, atol=2e-6, rtol=1e-5)
    assert min(batch.num_nodes for batch in loader) < 300  # and not all of it


@pytest.mark.parametrize(("name", "options"), [("gcn", {}), ("factorgcn", {"gain": 1.0})])
def test_without_what_it_must_know_of_the_whole_a_model_gives_something_else(name, options) -> None:
    data, model = uneven(), model_of(name, **options)
    with torch.no_grad():
        expected = model(**model.inputs(data))
    out = in_batches(model, NeighborLoader(data, [-1, -1], batch_size=40))
    assert float((out - expected).abs().max()) > 0.01


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "options"), [("gcn", {}), ("factorgcn", {"gain": 1.0, "factors": (2,)})])
def test_drawn_neighbors_are_right_on_average(name, options, weighted, engine) -> None:
    data = uneven()
    if weighted:
        data.edge_weight = data.length
    if engine == "pyg" and not has_even_sampler():
        pytest.skip("the sampler of torch-sparse draws some edges more often than others")
    model = model_of(name, **{"num_layers": 1, **options} if name == "gcn" else options)  # one layer is linear in them
    with torch.no_grad():
        expected = model(**model.inputs(data))
    torch.manual_seed(0)
    loader = NeighborLoader(model.prepare_for_sampling(data), [3], batch_size=200, engine=engine)
    passes = torch.stack([in_batches(model, loader) for _ in range(150)])
    error, deviation = passes.mean(dim=0) - expected, passes.std(dim=0) / 150**0.5
    assert float(deviation.max()) > 0.001  # something was drawn
    assert float((error.abs() / (deviation + 1e-5)).max()) < 5.5


def test_the_penalty_of_all_seeds_is_that_of_the_whole_graph() -> None:
    data = uneven()
    for factors in ((4, 1), (4, 2), (2, 2, 2)):
        model = model_of("factorgcn", factors=factors, head="linear", gain=1.0)
        receptive_field = model.receptive_field(data)
        assert receptive_field is not None and receptive_field.num_layers == len(factors) + int(factors[-1] > 1)
        expected = model(**model.inputs(data), return_penalty=True)[1]
        everything = torch.arange(600).flip(0)
        (batch,) = NeighborLoader(model.prepare_for_sampling(data), [-1] * receptive_field.num_layers, everything, 600)
        penalty = model(**model.inputs(batch), return_penalty=True)[1]
        torch.testing.assert_close(penalty, expected, atol=1e-6, rtol=1e-5)


def test_a_layer_of_pyg_needs_no_more_than_the_batch() -> None:
    data, conv = uneven(), SAGEConv(5, 4)
    loader = NeighborLoader(data, [-1], batch_size=50)
    out = torch.cat([conv(batch.x, batch.edge_index)[: batch.batch_size] for batch in loader])
    torch.testing.assert_close(out, conv(data.x, data.edge_index), atol=1e-6, rtol=1e-5)


def test_batches_are_those_of_the_path_loader_without_paths() -> None:
    data, seeds = large(), torch.tensor([599, 3, 70])
    ours = list(NeighborLoader(data, [-1, -1], seeds, batch_size=2, engine="own"))
    theirs = list(ShortestPathLoader(data, 2, input_nodes=seeds, path_layers=0))
    for one, other in zip(ours, theirs, strict=True):
        assert set(one.keys()) == set(other.keys())
        assert all(torch.equal(one[name], other[name]) for name in FIELDS)
        assert torch.equal(one.edge_index.as_tensor(), other.edge_index.as_tensor())


@pytest.mark.parametrize("engine", ENGINES)
def test_batches_hold_what_they_say(engine: str) -> None:
    data, seeds = large(), torch.tensor([599, 3, 70])
    torch.manual_seed(0)
    first, second = NeighborLoader(data, [2, 4], seeds, batch_size=2, engine=engine)
    assert first.n_id[:2].tolist() == [599, 3] and second.n_id[0] == 70
    assert (first.batch_size, second.batch_size) == (2, 1) and second.input_id.tolist() == [2]
    degree = torch.bincount(data.edge_index[1], minlength=600)
    for batch in (first, second):
        assert batch.n_id.unique().numel() == batch.num_nodes and batch.e_id.unique().numel() == batch.num_edges
        assert torch.equal(batch.x, data.x[batch.n_id]) and torch.equal(batch.y, batch.n_id)
        assert torch.equal(batch.length, data.length[batch.e_id]) and batch.name == "ring"
        plain = torch.stack([batch.edge_index[0], batch.edge_index[1]])
        assert torch.equal(batch.n_id[plain], data.edge_index[:, batch.e_id])
        count = torch.bincount(plain[1], minlength=batch.num_nodes)
        middle = plain[0][plain[1] < batch.batch_size].unique()
        middle = middle[middle >= batch.batch_size]
        assert torch.equal(count[: batch.batch_size], degree[batch.n_id][: batch.batch_size].clamp(max=2))
        assert torch.equal(count[middle], degree[batch.n_id][middle].clamp(max=4))
        assert int(count.sum()) == int(count[: batch.batch_size].sum() + count[middle].sum())


@pytest.mark.parametrize("engine", ENGINES)
def test_passes_differ_and_workers_make_the_same_batches(engine: str) -> None:
    def passes(workers: int) -> list[Tensor]:
        generator = torch.Generator().manual_seed(1)
        loader = NeighborLoader(large(), [2, 2], torch.arange(100), 32, True, workers, generator, engine)
        return [torch.cat([batch.e_id for batch in loader]) for _ in range(2)]

    first, second = passes(0)
    assert first.shape != second.shape or not torch.equal(first, second)
    assert all(torch.equal(a, b) for a, b in zip((first, second), passes(1), strict=True))


def test_edges_are_drawn_evenly_and_in_order() -> None:
    torch.manual_seed(0)
    counts = torch.tensor([7, 3, 0, 12, 5])
    col = torch.repeat_interleave(torch.arange(5), counts)
    edges = CSCGraph(torch.stack([torch.zeros_like(col), col]), 5)
    seen = torch.zeros(27)
    for _ in range(800):
        places, kept = edges.some_into(torch.tensor([3, 0, 2, 1, 4]), 5)
        assert kept.tolist() == [5, 5, 0, 3, 5] and places.unique().numel() == 18
        assert torch.equal(col[places], torch.tensor([3, 0, 1, 4]).repeat_interleave(torch.tensor([5, 5, 3, 5])))
        assert bool((places[:5].diff() > 0).all()) and bool((places[5:10].diff() > 0).all())
        seen[places] += 1
    expected = 800 * (5 / counts[col]).clamp(max=1)
    assert float((seen - expected).abs().max()) < 4.5 * (800 * 0.25) ** 0.5
    pairs = torch.stack([edges.some_into(torch.tensor([0]), 2)[0] for _ in range(1050)])  # 21 pairs of 7 edges
    shares = torch.bincount(pairs[:, 0] * 7 + pairs[:, 1], minlength=49)
    assert (shares > 0).sum() == 21 and abs(float(shares[shares > 0].float().std())) < 15


def test_a_hub_costs_what_is_drawn_of_it() -> None:
    hub = torch.stack([torch.arange(50_000), torch.zeros(50_000).long()])
    data = Data(x=torch.randn(50_000, 2), edge_index=hub)
    loader = NeighborLoader(data, [5], torch.tensor([0]), engine="own")
    with Sizes() as sizes:
        (batch,) = loader
    assert batch.num_edges == 5 and sizes.largest < 200


def test_other_loaders_share_the_graph() -> None:
    loader = NeighborLoader(large(), [-1, -1], batch_size=50, engine="own")
    other = loader.drawing([2, 1]).over(torch.arange(10))
    assert other.subgraphs.edges is loader.subgraphs.edges and other.batch_size == 50
    assert next(iter(other)).num_edges <= 10 * 2 + 20 < next(iter(loader)).num_edges
    assert repr(other) == "NeighborLoader(10 seeds, batch_size=50)" and repr(loader).startswith("NeighborLoader(600")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_neighbors": [0]}, "`num_neighbors` must be a list of whole numbers, -1 \\(all\\) or at least 1"),
        ({"num_neighbors": 10}, "`num_neighbors` must be a list of whole numbers"),
        ({"num_neighbors": [2.0]}, "`num_neighbors` must be a list of whole numbers"),
        ({"batch_size": 0}, "`batch_size` must be a whole number of at least 1"),
        ({"engine": "dgl"}, "`engine` must be one of pyg, own, or None \\(got 'dgl'\\)"),
        ({"num_workers": -1}, "`num_workers` must not be negative"),
        ({"input_nodes": torch.tensor([600])}, "`input_nodes` must hold node ids from 0 to 599"),
        ({"data": Data(edge_index=torch.tensor([[0], [9]]), num_nodes=3)}, "must hold node ids from 0 to 2"),
    ],
)
def test_mistakes_are_one_clear_line(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        NeighborLoader(**{"data": large(), "num_neighbors": [-1], **options})
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="`num_neighbors` must have one number for each of the 1 layers"):
        NeighborLoader(large(), [-1]).drawing([1, 2])


@pytest.mark.skipif(has_pyg_sampler(), reason="PyG's sampler is there")
def test_without_the_libraries_pygs_sampler_is_an_error_only_where_it_is_asked_for() -> None:
    assert NeighborLoader(large(), [2]).engine == "own"
    with pytest.raises(ImportError, match="needs pyg-lib or torch-sparse, and neither is installed"):
        NeighborLoader(large(), [2], engine="pyg")
