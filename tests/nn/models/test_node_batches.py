"""Batches of nodes with all neighbors give what the whole graph gives, with parallel edges and self loops too."""

from typing import Any

import pytest
import torch
from torch_geometric import EdgeIndex
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.registry import get_model
from graphkit.sampling import NeighborLoader, ShortestPathLoader

MODELS: list[tuple[str, dict[str, Any]]] = [
    ("gcn", {}),
    ("gcn", {"improved": True}),
    ("gcn", {"add_self_loops": False}),
    ("gcn", {"normalize": False}),
    ("gat", {}),
    ("gat", {"fused": True}),
    ("gat", {"add_self_loops": False}),
    ("gat", {"edge_attr": "edge_weight"}),
    ("gatv2", {}),
    ("gatv2", {"edge_attr": "edge_weight", "input_projection": True, "residual": True}),
    ("gin", {}),
    ("gine", {}),
    ("gine", {"edge_attr": "edge_weight", "jk": "cat"}),
    ("sage", {}),
    ("sage", {"layer_norm": True, "residual": True}),
    ("factorgcn", {}),
    ("factorgcn", {"norm": "source"}),
    ("factorgcn", {"edge_attr": "edge_weight"}),
    ("spagan", {}),
]


def graph(sort: bool = False, weighted: bool = True) -> Data:
    """Returns a graph of 40 nodes with three loops at one node, two at another, one at a third and parallel edges."""
    torch.manual_seed(0)
    more = torch.tensor([[3, 7, 3, 5, 3, 7, 1, 1], [3, 7, 3, 5, 3, 7, 2, 2]])
    edges = torch.cat([torch.randint(40, (2, 120)), more], dim=1)
    order = edges[1].argsort(stable=True) if sort else torch.arange(edges.size(1))
    edges, weight = edges[:, order].contiguous(), torch.rand(edges.size(1), dtype=torch.float64) + 0.1
    data = Data(x=torch.randn(40, 5, dtype=torch.float64), y=torch.zeros(40, dtype=torch.long), edge_index=edges)
    if sort:
        data.edge_index = EdgeIndex(edges, sparse_size=(40, 40), sort_order="col")
    if weighted:
        data.edge_weight = weight
    return data


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sort", [False, True])
@pytest.mark.parametrize(("name", "options"), MODELS)
def test_with_all_neighbors(name: str, options: dict[str, Any], sort: bool, weighted: bool) -> None:
    data = graph(sort, weighted or "edge_attr" in options)
    model = get_model(name)(5, 3, **options).double().eval()
    expected = model(**model.inputs(data)).detach()
    for batch in NeighborLoader(model.prepare_for_sampling(data), [-1, -1], batch_size=7):
        out = model(**model.inputs(batch))[: batch.batch_size].detach()
        torch.testing.assert_close(out, expected[batch.n_id[: batch.batch_size]], rtol=1e-12, atol=1e-12)


def test_with_paths_over_parallel_loops() -> None:
    data = graph(weighted=False)
    model = get_model("spagan")(5, 3).double().eval()
    assert model.begin_sampled_phase(data)
    expected = model(**model.inputs(data)).detach()
    for batch in ShortestPathLoader(model.with_edge_costs(data), 7, ratio=0.5, weight="path_length"):
        out = model(**model.inputs(batch))[: batch.batch_size].detach()
        torch.testing.assert_close(out, expected[batch.n_id[: batch.batch_size]], rtol=1e-12, atol=1e-12)


def test_sampled_batches_are_right_on_average() -> None:
    torch.manual_seed(1)
    edges = torch.stack([torch.tensor([1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0]), torch.zeros(11, dtype=torch.long)])
    data = Data(x=torch.rand(9, 2, dtype=torch.float64), edge_index=edges, y=torch.zeros(9).long())
    model = get_model("gcn")(2, 2, num_layers=1).double().eval()
    expected = model(**model.inputs(data))[0].detach()
    loader = NeighborLoader(model.prepare_for_sampling(data), [3], input_nodes=torch.tensor([0]), batch_size=1)
    outs = torch.stack([model(**model.inputs(batch))[0].detach() for _ in range(2000) for batch in loader])
    assert bool(((outs.mean(0) - expected).abs() < 4 * outs.std(0) / 2000**0.5).all()) and bool((outs.std(0) > 0).all())


def test_a_gcn_refuses_negative_weights_where_it_normalizes_by_degree() -> None:
    data = graph()
    data.edge_weight[4] = -2
    model = get_model("gcn")(5, 3).double().eval()
    for call in (lambda: model(**model.inputs(data)), lambda: model.prepare_for_sampling(data)):
        with pytest.raises(InputError, match=r"`edge_weight`.* got -2 for edge 4 \("):
            call()
    model = get_model("gcn")(5, 3, normalize=False).double().eval()
    assert bool(model(**model.inputs(data)).isfinite().all())


@pytest.mark.parametrize("name", ["gcn", "gat", "gin", "sage"])
def test_layers_skip_what_no_seed_needs(name: str) -> None:
    torch.manual_seed(0)
    data = Data(x=torch.randn(400, 5), edge_index=torch.randint(400, (2, 800)))
    model = get_model(name)(5, 3, num_layers=3).eval()
    (batch,) = NeighborLoader(model.prepare_for_sampling(data), [-1] * 3, torch.arange(9), batch_size=9)
    sizes: list[int] = []
    for conv in model.body.convs:  # type: ignore[union-attr]
        conv.register_forward_hook(lambda conv, inputs, out: sizes.append(out.size(0)))
    out = model(**model.inputs(batch))
    counts = batch.num_sampled_nodes
    assert len(counts) == 4 and sum(counts) == batch.num_nodes and min(counts) > 0
    assert sizes == [sum(counts), sum(counts[:3]), sum(counts[:2])] and out.size(0) == counts[0] == 9
    (fewer,) = NeighborLoader(model.prepare_for_sampling(data), [-1, -1], torch.arange(9), batch_size=9)
    assert model(**model.inputs(fewer)).size(0) == 9  # fewer hops than layers
