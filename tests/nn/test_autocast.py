"""Every exported layer and every registered model in mixed precision, forward and backward, against float32."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

import graphkit.nn
from graphkit.export.plain import plain_form
from graphkit.nn import (
    DynamicEdgeConv,
    FactorDiscriminator,
    FactorGCNConv,
    FusedGATConv,
    PackedClips,
    SkeletonModel,
    SPAGANConv,
    STGCNConv,
    STInceptionConv,
    knn_graph,
    label_loss,
    skeleton_supports,
    spatial_partition,
)
from graphkit.registry import get_layout, get_model, model_names
from graphkit.testing import random_graph, random_graphs
from graphkit.transforms import SparseFeatures
from tests.nn.models.test_registered import NAMES, dataset

SHORT = (torch.bfloat16, torch.float16)
LAYOUT = get_layout("ntu-25")
SUPPORTS = skeleton_supports(LAYOUT.edges, LAYOUT.num_joints)
PARTS = spatial_partition(LAYOUT.edges, LAYOUT.num_joints, LAYOUT.center)
X, EDGES, CLIP = torch.randn(12, 8), random_graph(12), torch.randn(12, 25, 4)
EDGE_ATTR = torch.randn(EDGES.size(1), 2, generator=torch.Generator().manual_seed(2))
WORDS = torch.where(torch.rand(12, 8) < 0.5, X, 0.0)

#: A call for each exported layer; a layer that is missing here fails `test_every_exported_layer_is_here`.
LAYERS: dict[str, tuple[type, Callable[[], torch.nn.Module], Callable[[Any], Any]]] = {
    "dynamic": (DynamicEdgeConv, lambda: DynamicEdgeConv(8, 8, k=3), lambda layer: layer(X)),
    "factors": (FactorGCNConv, lambda: FactorGCNConv(8, 8), lambda layer: layer(X, EDGES, return_factors=True)),
    "factors-mean": (
        FactorGCNConv, lambda: FactorGCNConv(8, 8, concat=False, bias=False), lambda layer: layer(X, EDGES)
    ),
    "gat": (FusedGATConv, lambda: FusedGATConv(8, 8, heads=2), lambda layer: layer(X, EDGES)),
    "gat-residual": (FusedGATConv, lambda: FusedGATConv(8, 8, residual=True), lambda layer: layer(X, EDGES)),
    "paths": (SPAGANConv, lambda: SPAGANConv(8, 8, heads=2), lambda layer: layer(X, EDGES)),
    "paths-mean": (SPAGANConv, lambda: SPAGANConv(8, 8, pool="mean", bias=False), lambda layer: layer(X, EDGES)),
    "st-gcn": (STGCNConv, lambda: STGCNConv(4, 8, PARTS), lambda layer: layer(CLIP)),
    "st-gcn-lengths": (
        STGCNConv, lambda: STGCNConv(4, 8, PARTS, stride=2), lambda layer: layer(CLIP, PackedClips.from_lengths([5, 7]))
    ),
    "inception": (STInceptionConv, lambda: STInceptionConv(4, 8, SUPPORTS), lambda layer: layer(CLIP)),
    "inception-lengths": (
        STInceptionConv, lambda: STInceptionConv(4, 8, SUPPORTS), lambda layer: layer(CLIP,
        PackedClips.from_lengths([5, 7]))
    ),
    "discriminator": (FactorDiscriminator, lambda: Judged(), lambda layer: layer(X)),
    "edge-factors": (
        FactorGCNConv, lambda: FactorGCNConv(8, 8, edge_dim=2), lambda layer: layer(X, EDGES, EDGE_ATTR)
    ),
    "sparse-factors": (FactorGCNConv, lambda: FactorGCNConv(8, 8), lambda layer: layer(WORDS.to_sparse_csr(), EDGES)),
    "sparse-gat": (
        FusedGATConv, lambda: FusedGATConv(8, 8, residual=True), lambda layer: layer(WORDS.to_sparse_coo(), EDGES)
    ),
    "sparse-paths": (SPAGANConv, lambda: SPAGANConv(8, 8), lambda layer: layer(WORDS.to_sparse_csr(), EDGES)),
}  # fmt: skip


class Judged(torch.nn.Module):
    """A layer and its discriminator."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.judge = FactorGCNConv(8, 8), FactorDiscriminator(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(self.conv.project(x), EDGES, torch.arange(12) // 4, 3)


def outputs(out: Any) -> Iterable[Tensor]:
    """Returns the float tensors in what a module returned."""
    parts = out if isinstance(out, tuple | list) else (out,)
    return [tensor for tensor in parts if isinstance(tensor, Tensor) and tensor.is_floating_point()]


def check(module: torch.nn.Module, call: Callable[[], Any], dtype: torch.dtype) -> None:
    """Compares outputs and gradients in mixed precision with those in float32."""

    def run(mixed: bool) -> tuple[list[Tensor], list[Tensor]]:
        module.zero_grad()
        torch.manual_seed(0)
        with torch.autocast("cpu", dtype, enabled=mixed):
            outs = [tensor.float() for tensor in outputs(call())]
        torch.stack([tensor.square().sum() for tensor in outs]).sum().backward()
        return [tensor.detach() for tensor in outs], [p.grad.clone() for p in module.parameters() if p.grad is not None]

    (expected, slopes), (actual, mixed) = run(False), run(True)
    for one, other in zip(actual, expected, strict=True):
        assert bool(one.isfinite().all())
        assert float((one - other).norm()) <= 0.05 * float(other.norm()) + 1e-3
    assert len(slopes) == len(mixed) and all(bool(slope.isfinite().all()) for slope in mixed)
    one, other = (torch.cat([slope.flatten() for slope in grads]) for grads in (mixed, slopes))
    assert float((one - other).norm()) <= 0.25 * float(other.norm()) + 1e-3


def test_every_exported_layer_is_here() -> None:
    exported = {value for value in vars(graphkit.nn).values() if isinstance(value, type)}
    layers = {cls for cls in exported if cls.__module__.startswith(("graphkit.nn.conv", "graphkit.nn.factor_disc"))}
    assert {cls for cls in layers if issubclass(cls, torch.nn.Module)} == {cls for cls, _, _ in LAYERS.values()}


@pytest.mark.parametrize("dtype", SHORT, ids=str)
@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    _, make, call = LAYERS[name]
    layer = make()
    check(layer, lambda: call(layer), dtype)


@pytest.mark.parametrize("dtype", SHORT, ids=str)
@pytest.mark.parametrize("task", ["node-classification", "graph-classification"])
@pytest.mark.parametrize("name", NAMES)
def test_models(name: str, task: str, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    model = get_model(name).from_data(dataset(task), dropout=0.0)
    batch = Batch.from_data_list(random_graphs(6, sizes=(7, 12, 9, 11, 8, 10)))
    options = {"return_penalty": True} if model.has_penalty else {}
    check(model, lambda: model(**model.inputs(batch), **options), dtype)
    check(model.eval(), lambda: model(**model.inputs(batch), **options), dtype)


@pytest.mark.parametrize("name", ["factorgcn", "gat", "gatv2", "gcn", "mlp", "sage", "spagan"])
def test_models_of_sparse_features(name: str) -> None:
    model = get_model(name).from_data(dataset("node-classification"), dropout=0.0)
    graph = SparseFeatures()(random_graphs(6)[2])
    check(model, lambda: model(**model.inputs(graph)), torch.bfloat16)


@pytest.mark.parametrize("name", [name for name in model_names() if issubclass(get_model(name), SkeletonModel)])
def test_models_of_clips(name: str) -> None:
    torch.manual_seed(1)
    model = get_model(name)(3, 5, "ntu-25", 2, channels=(8, 16), blocks=(1, 1), dropout=0.0)
    check(model, lambda: model(torch.randn(4, 3, 8, 25, 2)), torch.bfloat16)
    model.eval()
    clips = torch.randn(2, 3, 8, 25, 2)
    expected = model(clips).detach()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        out = plain_form(model)(clips).float()
    assert float((out - expected).abs().max()) < 0.05 * float(expected.abs().max())


@pytest.mark.parametrize("name", ["factorgcn", "gat", "gatv2", "gcn", "gin", "gine", "sage", "spagan"])
def test_sums_over_many_neighbors_do_not_stop_growing(name: str) -> None:
    nodes = 4097
    edges = torch.stack([torch.arange(1, nodes), torch.zeros(nodes - 1, dtype=torch.long)])
    edges = torch.cat([edges, torch.arange(nodes).expand(2, -1)], dim=1)
    torch.manual_seed(0)
    options = {"head": "linear"} if name == "factorgcn" else {}
    model = get_model(name)(4, 3, readout="sum", **options).eval()
    graph = Data(x=torch.ones(nodes, 4), edge_index=edges)
    check(model, lambda: model(**model.inputs(graph)), torch.bfloat16)


def test_neighbors_are_found_in_float32() -> None:
    x = torch.randn(60, 16) + 5
    with torch.autocast("cpu", torch.bfloat16):
        neighbors = knn_graph(x, 4)
    assert torch.equal(neighbors.as_tensor(), knn_graph(x, 4).as_tensor())


def test_the_label_loss_counts_more_edges_than_half_precision_can() -> None:
    edges = torch.stack([torch.zeros(1000, dtype=torch.long), torch.ones(1000, dtype=torch.long)])
    coefficients, y = torch.rand(1000, 2), torch.tensor([[1.0, 0.0]])
    expected = label_loss(coefficients, edges, y)
    with torch.autocast("cpu", torch.bfloat16):
        loss = label_loss(coefficients.bfloat16(), edges, y)
    torch.testing.assert_close(loss, expected, rtol=0.01, atol=0.01)
