from copy import copy

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch_geometric.data import Data

from graphkit.nn import SPAGAN, SPAGANConv
from graphkit.nn.paths import paths_of, put_paths
from graphkit.ops import shortest_paths
from graphkit.sampling import ShortestPathLoader
from graphkit.sampling.csc_graph import CSCGraph
from graphkit.sampling.path_search import PathSearch
from graphkit.transforms import ShortestPaths, SparseFeatures


def large(num_nodes: int = 600, degree: int = 3, undirected: bool = True, seed: int = 0) -> Data:
    """A ring with a few edges to nodes not far off, so that half of it is many hops away."""
    g = torch.Generator().manual_seed(seed)
    first = torch.arange(num_nodes).repeat(degree)
    second = (first + torch.randint(1, 6, first.shape, generator=g)) % num_nodes
    edge_index = torch.stack([first, second])
    if undirected:
        edge_index = torch.cat([edge_index, edge_index.flip(0)], dim=1)
    data = Data(x=torch.randn(num_nodes, 5, generator=g), edge_index=edge_index, y=torch.arange(num_nodes))
    data.length = torch.rand(data.num_edges, generator=g)
    data.train_mask = torch.arange(num_nodes) % 7 == 0
    data.name = "ring"
    return data


def on_the_whole_graph(model: SPAGAN, data: Data) -> Tensor:
    return model.eval()(**model.inputs(data))


def in_batches(model: torch.nn.Module, loader: ShortestPathLoader) -> Tensor:
    model.eval()
    return torch.cat([model(**model.inputs(batch))[: batch.batch_size] for batch in loader])


@pytest.mark.parametrize("undirected", [True, False])
@pytest.mark.parametrize("weight", [None, "length"])
@pytest.mark.parametrize("layers", [(1, 1), (2, 1), (3, 1), (2, 2), (3, 2)])
def test_a_model_gives_seeds_what_it_gives_them_on_the_whole_graph(undirected, weight, layers) -> None:
    num_layers, path_layers = layers
    data = large(undirected=undirected)
    torch.manual_seed(0)
    model = SPAGAN(5, 3, num_layers=num_layers, path_layers=path_layers, max_hops=3).double()
    data.x = data.x.double()
    expected = on_the_whole_graph(model, ShortestPaths(3, 0.5, weight)(data))
    for keep in (False, True):
        loader = ShortestPathLoader(
            data, 50, 3, 0.5, weight=weight, num_layers=num_layers, path_layers=path_layers, keep_paths=keep
        )
        torch.testing.assert_close(in_batches(model, loader), expected, atol=1e-12, rtol=0)
        assert max(batch.num_nodes for batch in loader) < 200  # and not all of it


def test_the_first_phase_needs_no_paths() -> None:
    data, model = large(), SPAGAN(5, 3)
    loader = ShortestPathLoader(data, 50, path_layers=0)
    torch.testing.assert_close(in_batches(model, loader), on_the_whole_graph(model, data), atol=1e-6, rtol=0)
    assert not paths_of(next(iter(loader)))


def test_the_path_phase_by_the_costs_that_a_model_has_learned() -> None:
    data, model = large(), SPAGAN(5, 3)
    prepared = model.begin_phase(data)
    assert prepared is not None
    edges, cost = model.edge_costs(data)
    costly = Data(x=data.x, edge_index=edges, cost=cost)
    loader = ShortestPathLoader(costly, 50, model.max_hops, model.ratio, weight="cost")
    torch.testing.assert_close(in_batches(model, loader), on_the_whole_graph(model, prepared), atol=1e-6, rtol=0)


def test_gradients_of_a_batch_are_those_of_the_whole_graph() -> None:
    data, model = large(), SPAGAN(5, 3).double().eval()
    data.x = data.x.double()
    seeds = torch.tensor([5, 400, 17])
    prepared = ShortestPaths(2, 1.0)(data)
    model(**model.inputs(prepared))[seeds].square().sum().backward()
    expected = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    batch = next(iter(ShortestPathLoader(data, 3, input_nodes=seeds)))
    model(**model.inputs(batch))[:3].square().sum().backward()
    for parameter, grad in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, grad)


def test_batches_are_laid_out_as_those_of_pyg() -> None:
    data = large()
    data.length = data.length.double()
    seeds = torch.tensor([599, 3, 70])
    first, second = ShortestPathLoader(data, 2, input_nodes=seeds, weight="length")
    assert first.n_id[:2].tolist() == [599, 3] and second.n_id[0] == 70
    assert first.n_id.unique().numel() == len(first.n_id)
    assert (first.batch_size, second.batch_size) == (2, 1) and second.input_id.tolist() == [2]
    for batch in (first, second):
        assert torch.equal(batch.x, data.x[batch.n_id]) and torch.equal(batch.y, batch.n_id)
        assert torch.equal(batch.train_mask, data.train_mask[batch.n_id]) and batch.name == "ring"
        assert torch.equal(batch.length, data.length[batch.e_id])
        plain = batch.edge_index.as_tensor()
        assert torch.equal(batch.n_id[plain], data.edge_index[:, batch.e_id])
        assert batch.edge_index.is_sorted_by_col and bool((plain[1].diff() >= 0).all())
        # Every edge into a seed is there, and the paths of every node that one comes from.
        degree = torch.bincount(data.edge_index[1], minlength=600)[batch.n_id]
        assert torch.equal(torch.bincount(plain[1], minlength=batch.num_nodes)[: batch.batch_size],
                           degree[: batch.batch_size])  # fmt: skip
        for path_index in (batch.path_index_1, batch.path_index_2):
            assert bool((path_index[-1].diff() >= 0).all())
            assert torch.equal(path_index[-1].unique(), plain.unique())
        assert batch.validate()


def test_a_mask_names_the_seeds_and_other_loaders_share_the_graph() -> None:
    data = large()
    loader = ShortestPathLoader(data, 50, input_nodes=data.train_mask, keep_paths=True)
    assert torch.equal(torch.cat([b.n_id[: b.batch_size] for b in loader]), data.train_mask.nonzero().view(-1))
    assert len(loader) == len(list(loader)) == 2 and repr(loader) == "ShortestPathLoader(86 seeds, batch_size=50)"
    other = loader.over(torch.arange(10))
    assert other.subgraphs is loader.subgraphs and len(loader) == 2
    expected = next(iter(ShortestPathLoader(data, 50, input_nodes=torch.arange(10))))
    assert torch.equal(next(iter(other)).path_index_2, expected.path_index_2)


def test_paths_that_a_graph_carries_are_used() -> None:
    data, model = large(), SPAGAN(5, 3)
    odd = ShortestPaths(2, 0.3)(data)
    odd.path_index_2 = odd.path_index_2[:, torch.randperm(odd.path_index_2.size(1))]  # in any order
    loader = ShortestPathLoader(odd, 64, max_hops=7)
    torch.testing.assert_close(in_batches(model, loader), on_the_whole_graph(model, odd), atol=1e-6, rtol=0)


@pytest.mark.parametrize("layout", ["csr", "coo"])
def test_sparse_features_stay_sparse(layout: str) -> None:
    data, model = large(), SPAGAN(5, 3)
    data.x = data.x.relu()
    sparse = SparseFeatures()(copy(data)) if layout == "csr" else copy(data)
    if layout == "coo":
        sparse.x = data.x.to_sparse()
    batch = next(iter(ShortestPathLoader(sparse, 50)))
    assert batch.x.layout == sparse.x.layout and torch.equal(batch.x.to_dense(), data.x[batch.n_id])
    torch.testing.assert_close(
        in_batches(model, ShortestPathLoader(sparse, 50)), in_batches(model, ShortestPathLoader(data, 50))
    )


def test_passes_differ_and_workers_make_the_same_batches() -> None:
    data = large(200)

    def passes(workers: int) -> list[list[Data]]:
        g = torch.Generator().manual_seed(1)
        options = {"shuffle": True, "num_neighbors": 2, "generator": g, "num_workers": workers}
        loader = ShortestPathLoader(data, 90, **options)
        return [list(loader) for _ in range(2)]

    alone, helped = passes(0), passes(2)
    assert not torch.equal(alone[0][0].n_id, alone[1][0].n_id)
    assert torch.cat([b.n_id[: b.batch_size] for b in alone[0]]).sort().values.tolist() == list(range(200))
    for ours, theirs in zip(sum(alone, []), sum(helped, []), strict=True):
        for name in ("n_id", "e_id", "x", "path_index_1", "path_index_2", "input_id"):
            assert torch.equal(ours[name], theirs[name]), name
        assert torch.equal(ours.edge_index.as_tensor(), theirs.edge_index.as_tensor())
        assert torch.bincount(ours.edge_index[1]).max() <= 2


def test_neighbors_are_drawn_without_putting_them_back() -> None:
    data = large(200)
    counts = torch.zeros(data.num_edges)
    for seed in range(50):
        loader = ShortestPathLoader(data, 200, num_neighbors=3, num_layers=1, path_layers=0,
                                    generator=torch.Generator().manual_seed(seed))  # fmt: skip
        (batch,) = loader
        assert batch.e_id.unique().numel() == batch.e_id.numel()
        degree = torch.bincount(data.edge_index[1], minlength=200)
        assert torch.equal(torch.bincount(batch.edge_index[1], minlength=200), degree.clamp(max=3)[batch.n_id])
        counts[batch.e_id] += 1
    share = counts / 50 / (3 / degree[data.edge_index[1]]).clamp(max=1)
    assert share.min() > 0.3 and abs(float(share.mean()) - 1) < 0.02  # every edge has the same chance


@pytest.mark.parametrize("kind", ["uniform", "digits", "skewed", "ones"])
@pytest.mark.parametrize("undirected", [True, False])
def test_a_search_in_the_surroundings_finds_the_paths_of_the_whole_graph(kind: str, undirected: bool) -> None:
    """Also where cheap ways round lead far away, edges are free, and parallel edges and self loops are among them."""
    for seed in range(4):
        data = large(500, 2, undirected, seed)
        g = torch.Generator().manual_seed(seed)
        edges = torch.cat([data.edge_index, data.edge_index[:, :60], torch.arange(9).expand(2, 9)], dim=1)
        edges = edges[:, torch.randperm(edges.size(1), generator=g)]
        uniform = torch.rand(edges.size(1), generator=g)
        cost = {"uniform": uniform, "digits": torch.randint(0, 4, uniform.shape, generator=g).float(),
                "skewed": uniform**4, "ones": None}[kind]  # fmt: skip
        centers = torch.randperm(500, generator=g)[:20].sort().values
        grouped = CSCGraph(edges, 500)
        search = PathSearch(grouped, cost, 2, 0.8, torch.full((500,), -1, dtype=torch.int32))
        expected = shortest_paths(edges, cost, 2, num_nodes=500, sources=centers, ratio=0.8, self_paths=True)[0]
        for ours, theirs in zip(search.find(centers), expected, strict=True):
            assert torch.equal(ours, theirs)


class Sizes(TorchDispatchMode):
    """Notes how much the largest tensor holds that is made."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        made = [t for t in tree_leaves(out) if isinstance(t, Tensor)]
        given = {t.untyped_storage().data_ptr() for t in tree_leaves(args) if isinstance(t, Tensor)}
        sizes = [t.numel() for t in made if t.untyped_storage().data_ptr() not in given]
        self.largest = max([self.largest, *sizes])
        return out


@pytest.mark.parametrize("weight", [None, "length"])
def test_memory_depends_on_the_batch_and_not_on_the_graph(weight: str | None, monkeypatch) -> None:
    searched: list[int] = []

    def noted(edge_index: Tensor, *args: object, **options: object) -> object:
        searched.append(max(edge_index.size(1), int(options["num_nodes"])))
        return shortest_paths(edge_index, *args, **options)

    monkeypatch.setattr("graphkit.sampling.path_search.shortest_paths", noted)
    largest = {}
    for num_nodes in (6_000, 60_000):
        data = large(num_nodes)
        loader = ShortestPathLoader(data, 20, weight=weight, input_nodes=torch.arange(20))
        with Sizes() as sizes:
            list(loader)
        largest[num_nodes] = max([sizes.largest, *searched])
        searched.clear()
    assert largest[60_000] < 1.5 * largest[6_000] < 6_000  # other random numbers, but not ten times as much


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("layers", [(2, 1), (3, 2)])
def test_paths_are_searched_for_no_more_nodes_than_needed(keep: bool, layers: tuple[int, int], monkeypatch) -> None:
    asked: list[Tensor] = []

    def noted(edge_index: Tensor, *args: object, **options: object) -> object:
        asked.append(options["sources"])
        return shortest_paths(edge_index, *args, **options)

    monkeypatch.setattr("graphkit.sampling.path_search.shortest_paths", noted)
    monkeypatch.setattr("graphkit.sampling.path_sampler._BLOCK", 16)  # kept paths are found some at a time
    data, seeds = large(5_000), torch.arange(30)
    loader = ShortestPathLoader(
        data, 10, input_nodes=seeds, keep_paths=keep, num_layers=layers[0], path_layers=layers[1]
    )
    first, second = list(loader), list(loader)
    for ours, theirs in zip(first, second, strict=True):
        assert torch.equal(ours.n_id, theirs.n_id) and torch.equal(ours.path_index_2, theirs.path_index_2)
    needed = torch.cat([batch.n_id[batch.path_index_1[-1]] for batch in first]).unique()
    assert needed.numel() < 500
    if keep:  # each once, in both passes together
        assert torch.cat(asked).numel() == needed.numel() and max(ids.numel() for ids in asked) == 16
    else:
        assert torch.cat(asked).numel() == 2 * sum(b.path_index_1[-1].unique().numel() for b in first)


def test_a_sorted_graph_is_not_copied() -> None:
    data = large()
    data.edge_index = data.edge_index[:, data.edge_index[1].argsort(stable=True)].contiguous()
    edges = ShortestPathLoader(data).subgraphs.edges
    assert edges.row.data_ptr() == data.edge_index.data_ptr() and edges.order is None


def test_a_model_of_ones_own_with_one_layer() -> None:
    data, conv = large(), SPAGANConv(5, 4, ratio=0.5).eval()
    expected = conv(data.x, data.edge_index)
    loader = ShortestPathLoader(data, 60, ratio=0.5, num_layers=1)
    out = torch.cat([conv(b.x, paths_of(b))[: b.batch_size] for b in loader])
    torch.testing.assert_close(out, expected, atol=1e-6, rtol=0)


def test_graphs_with_little_in_them() -> None:
    lonely = Data(x=torch.randn(3, 5), edge_index=torch.empty(2, 0).long())
    (batch,) = ShortestPathLoader(lonely, 10)
    assert batch.path_index_2.tolist() == [[0, 1, 2]] * 3 and batch.num_edges == 0
    assert list(ShortestPathLoader(lonely, 10, input_nodes=torch.empty(0).long())) == []


def wrong_paths() -> Data:
    return put_paths(large(), [torch.tensor([[0, 600], [1, 1]])])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be a whole number of at least 1 \\(got 0\\)"),
        ({"max_hops": 0}, "`max_hops` must be a whole number of at least 1 \\(got 0\\)"),
        ({"num_neighbors": 0}, "`num_neighbors` must be a whole number of at least 1"),
        ({"path_layers": 3}, "`path_layers` must be from 0 to the 2 layers there are \\(got 3\\)"),
        ({"ratio": 0.0}, "`ratio` must be greater than 0 and finite, or None"),
        ({"num_workers": -1}, "`num_workers` must not be negative \\(got -1\\)"),
        ({"weight": "cost"}, "`ShortestPathLoader` needs lengths in `cost`, which the graph does not have"),
        ({"weight": "negative"}, "`negative` must be finite and not negative \\(got -1.0 for edge 7\\)"),
        ({"weight": "nan"}, "`nan` must be finite and not negative \\(got nan for edge 3\\)"),
        ({"weight": "x"}, "`x` must have one length per edge, 3600 in all \\(got 3000\\)"),
        ({"input_nodes": torch.tensor([600])}, "`input_nodes` must hold node ids from 0 to 599 \\(got ids from 600"),
        ({"input_nodes": torch.tensor([1, 1])}, "`input_nodes` must be unique"),
        ({"input_nodes": torch.ones(3).bool()}, "`input_nodes` must have one entry per node, 600 in all"),
        ({"input_nodes": torch.ones(3)}, "`input_nodes` must be ids \\[S\\] or a mask \\[N\\]"),
        ({"data": Data(edge_index=torch.tensor([[0], [9]]), num_nodes=3)}, "must hold node ids from 0 to 2"),
        ({"data": wrong_paths()}, "`path_index_1` must hold node ids from 0 to 599 \\(got ids from 0 to 600\\)"),
        ({"data": put_paths(large(), [torch.zeros(3, 4).int()])}, "must be an integer tensor \\[2, P\\]"),
        ({"data": put_paths(large(), [[[0, 1], [1]]])}, "`path_index_1` must be an integer tensor \\[2, P\\]"),
    ],
)
def test_mistakes_are_one_clear_line(options: dict, message: str) -> None:
    data = large()
    data.negative, data.nan = data.length.clone(), data.length.clone()
    data.negative[7], data.nan[3] = -1, float("nan")
    with pytest.raises(ValueError, match=message) as error:
        ShortestPathLoader(**{"data": data, **options})
    assert "\n" not in str(error.value)
