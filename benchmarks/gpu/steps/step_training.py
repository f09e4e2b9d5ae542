"""Step 4: training steps per second and peak memory of the models: float32, bfloat16, compiled."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from measuring import median_ms, peak_mb
from plain_stigcn import PlainSTIGCN
from reporting import DEVICE, DRY, Reporter, Row
from torch import Tensor
from torch.nn import functional as F
from torch_geometric import EdgeIndex
from torch_geometric.data import Data
from torch_geometric.nn import models

from graphkit.data import load
from graphkit.nn import GAT, GCN, GIN, SPAGAN, STIGCN, FactorGCN, accelerate
from graphkit.ops import _native

#: What is called in a training step, and the targets of its outputs.
Job = tuple[torch.nn.Module, dict[str, Any], Tensor]


def random_graph(nodes: int) -> Data:
    """Returns an undirected graph with ten edges to a node and self loops, 128 features and 10 classes."""
    generator = torch.Generator().manual_seed(0)
    edges = torch.randint(nodes, (2, 5 * nodes), generator=generator)
    loops = torch.arange(nodes).expand(2, -1)
    edge_index = torch.cat([edges, edges.flip(0), loops], dim=1)
    edge_index = edge_index[:, edge_index[1].argsort()]
    x, y = torch.randn(nodes, 128, generator=generator), torch.randint(10, (nodes,), generator=generator)
    return Data(x=x, edge_index=edge_index, y=y)


def of_nodes(make: Callable[[], Any]) -> Job:
    """Returns a model that classifies the nodes of a random graph."""
    model, data = make(), random_graph(200 if DRY else 100_000)
    return model, model.inputs(data), data.y


def accelerated(make: Callable[..., torch.nn.Module], **options: Any) -> Job:
    """Returns a model of PyG on fused operators, and a random graph whose edges are grouped once.

    With the operators of PyTorch it is PyG's own code that runs.
    """
    data = random_graph(200 if DRY else 100_000)
    nodes = data.num_nodes
    edge_index = EdgeIndex(data.edge_index, sparse_size=(nodes, nodes), sort_order="col")
    model = accelerate(make(128, 64, num_layers=2, out_channels=10, **options))
    return model, {"x": data.x, "edge_index": edge_index}, data.y


def spagan() -> Job:
    """Returns SPAGAN in the phase in which it attends to paths."""
    model, data = SPAGAN(128, 10), random_graph(200 if DRY else 20_000)
    prepared = model.begin_phase(data)
    assert prepared is not None
    return model, model.inputs(prepared), data.y


def factorgcn() -> Job:
    """Returns FactorGCN with the published layers for factor-graphs, and a batch of them."""
    from torch_geometric.data import Batch

    count = 20 if DRY else 4000
    dataset = load("factor-graphs", num_graphs=count, transforms=["self-loops"])
    batch = Batch.from_data_list([dataset.graphs[number] for number in range(count)])
    options = {"head": "linear", "readout": "mean", "act": "leaky_relu", "head_act": "tanh", "norm": "source"}
    model = FactorGCN(15, 4, 32, (4, 2), **options)
    return model, model.inputs(batch), batch.y.float()


def stigcn(plain: bool = False) -> Job:
    """Returns STIGCN or its straightforward form, and clips as those of NTU RGB+D."""
    clips, frames = (2, 16) if DRY else (32, 300)
    model: torch.nn.Module = PlainSTIGCN() if plain else STIGCN(polynomial="elementwise", dropout=0.0)
    x = torch.randn(clips, 3, frames, 25, 2, generator=torch.Generator().manual_seed(0))
    return model, {"x": x}, torch.arange(clips)


JOBS: dict[str, Callable[[], Job]] = {
    "stigcn": stigcn,
    "gat": partial(of_nodes, lambda: GAT(128, 10, heads=4)),
    "spagan": spagan,
    "factorgcn": factorgcn,
    "gcn": partial(of_nodes, lambda: GCN(128, 10)),
    "gin": partial(of_nodes, lambda: GIN(128, 10)),
    "PyG's GCN": partial(accelerated, models.GCN),
    "PyG's GraphSAGE": partial(accelerated, models.GraphSAGE),
    "PyG's GIN": partial(accelerated, models.GIN),
    "PyG's GAT": partial(accelerated, models.GAT, heads=8),
    "PyG's GATv2": partial(accelerated, models.GAT, heads=8, v2=True),
}


def to_device(value: Any) -> Any:
    """Moves tensors, and lists of them, to the device."""
    if isinstance(value, list | tuple):
        return [to_device(item) for item in value]
    return value.to(DEVICE) if isinstance(value, Tensor) else value


def measure(name: str, form: str, job: Callable[[], Job]) -> Row:
    """Returns the training steps per second of a model."""
    torch.manual_seed(0)
    model, inputs, y = job()
    model = model.to(DEVICE).train()
    inputs, y = {key: to_device(value) for key, value in inputs.items()}, y.to(DEVICE)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    if form == "compiled":
        torch._dynamo.reset()
    call = torch.compile(model) if form == "compiled" else model
    loss_of = F.binary_cross_entropy_with_logits if y.is_floating_point() else F.cross_entropy

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(DEVICE, torch.bfloat16, enabled=form == "bfloat16"):
            out = call(**inputs)
        loss_of(out.float(), y).backward()
        optimizer.step()

    on = set(_native._ON_CUDA)
    try:
        if form == "float32, operators of PyTorch":
            _native._ON_CUDA.clear()
        ms = median_ms(step, 1.5)
        row: Row = {"model": name, "form": form, "steps_per_second": 1e3 / ms, "ms": ms, "peak_mb": peak_mb(step)}
    finally:
        _native._ON_CUDA |= on
    if name == "stigcn":
        row["clips_per_second"] = y.numel() * 1e3 / ms
    return row


def run(reporter: Reporter) -> None:
    """Works off the step."""
    units: dict[str, Callable[[], Row]] = {}
    for form in ("float32", "bfloat16", "float32, straightforward", "float32, operators of PyTorch", "compiled"):
        for name, job in JOBS.items():
            if form == "float32, straightforward":
                if name != "stigcn":
                    continue
                job = partial(stigcn, plain=True)
            if name.startswith("PyG's") and form in ("bfloat16", "compiled"):
                continue  # PyG's own code runs under autocast and when it is compiled
            if DRY and form == "compiled" and name != "gcn":
                continue  # compiling for the CPU takes a minute for some
            units[f"{name} {form}"] = partial(measure, name, form, job)
    reporter.work_off(units, limit=90)
