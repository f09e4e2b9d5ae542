"""Layers of PyG on the CUDA kernels, against PyG's own code in float64 on the CPU."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor
from torch.nn import Linear, Module
from torch_geometric import EdgeIndex
from torch_geometric.nn import ChebConv, EdgeConv, GINEConv, PNAConv, SGConv, TAGConv, TransformerConv, models

from graphkit.nn import accelerate
from graphkit.ops import _native
from tests.ops.cuda.gpu import DEVICE, ON_GPU, SCALE, need_gpu, normal, random_index
from tests.ops.cuda.launchers import assert_close

need_gpu()


class WithEdgeFeatures(Module):
    """A layer with edge features, which are those of the sources."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = GINEConv(Linear(16, 4), edge_dim=3)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        source = edge_index.as_tensor()[0] if isinstance(edge_index, EdgeIndex) else edge_index[0]
        return self.conv(x, edge_index, x[source, :3])


#: The names begin with that of the operator whose kernels the layers run on, for the record of what passed.
MODELS = {
    "aggregate-GCN": lambda: models.GCN(16, 8, 2, 4),
    "aggregate-SAGE": lambda: models.GraphSAGE(16, 8, 2, 4),
    "aggregate-SAGE, max": lambda: models.GraphSAGE(16, 8, 2, 4, aggr="max"),
    "aggregate-GIN": lambda: models.GIN(16, 8, 2, 4),
    "aggregate-GATv2": lambda: models.GAT(16, 8, 2, 4, heads=2, v2=True),
    "path_attention-GAT": lambda: models.GAT(16, 8, 2, 4, heads=2),
    "aggregate-ChebConv": lambda: ChebConv(16, 4, K=2),
    "aggregate-SGConv": lambda: SGConv(16, 4, K=2),
    "aggregate-TAGConv": lambda: TAGConv(16, 4, K=2),
    "aggregate-TransformerConv": lambda: TransformerConv(16, 4, heads=2),
    "aggregate-EdgeConv": lambda: EdgeConv(Linear(32, 4)),
    "aggregate-GINEConv": WithEdgeFeatures,
    "aggregate-PNAConv": lambda: PNAConv(16, 4, ["mean", "max", "std"], ["identity", "amplification"], torch.ones(99)),
}


def make(name: str) -> tuple[Module, Tensor, Tensor]:
    torch.manual_seed(0)
    model, x = MODELS[name]().double(), normal(SCALE, 16, dtype=torch.float64, seed=1)
    return model, x, random_index(SCALE, 2, 10 * SCALE, seed=2)


def passes(model: Module, x: Tensor, edge_index: Tensor) -> list[Tensor]:
    """Returns the output and the gradients of the features and of all parameters."""
    x = x.clone().requires_grad_()
    out = model(x, edge_index)
    grads = torch.autograd.grad(out.sin().sum(), [x, *model.parameters()])
    return [tensor.detach().cpu() for tensor in (out, *grads)]


@pytest.mark.parametrize("name", MODELS)
def test_layers_of_pyg(name: str) -> None:
    model, x, edge_index = make(name)
    expected = passes(model, x, edge_index)
    fused = accelerate(model)
    assert all(row.fused for row in accelerate.report(fused))  # type: ignore[attr-defined]
    for dtype in (torch.float64, torch.float32):
        ours = deepcopy(fused).to(DEVICE, dtype)
        inputs = x.to(DEVICE, dtype), edge_index.to(DEVICE)
        results = [passes(ours, *inputs) for _ in range(2)]
        results.append(passes(ours, inputs[0], EdgeIndex(inputs[1], sparse_size=(SCALE, SCALE))))
        for *runs, right in zip(*results, expected, strict=True):
            assert all(torch.equal(runs[0], run) for run in runs[1:])
            assert_close(runs[0], right, room=2e-5, least=1.0)


@pytest.mark.parametrize("name", MODELS)
def test_no_tensor_is_made_on_another_device(name: str) -> None:
    """What is made without a device is made on one that has no memory, and cannot be used with other tensors."""
    model, x, edge_index = make(name)
    ours, x, edge_index = accelerate(model).to(DEVICE), x.to(DEVICE), edge_index.to(DEVICE)
    expected = passes(ours, x, edge_index)
    with torch.device("meta"):
        for one, other in zip(passes(ours, x, edge_index), expected, strict=True):
            assert torch.equal(one, other)


def test_the_switch_of_the_kernels_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    if not ON_GPU:
        pytest.skip("it is that of a GPU")
    model, x, edge_index = make("aggregate-GCN")
    ours, inputs = accelerate(model).to(DEVICE), (x.to(DEVICE), edge_index.to(DEVICE))
    calls = []
    op = torch.ops.graphkit.aggregate_sum
    monkeypatch.setattr(torch.ops.graphkit, "aggregate_sum", lambda *arguments: calls.append(1) or op(*arguments))
    ours(*inputs)
    assert len(calls) == 2
    monkeypatch.setattr(_native, "_ON_CUDA", set())
    ours(*inputs)
    assert len(calls) == 2
