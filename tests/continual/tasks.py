"""Small streams and models that many tests look at."""

from collections.abc import Callable
from typing import Any

import torch

from graphkit.continual import Strategy, TaskHeads, TaskStream
from graphkit.data import GraphCollection, GraphDataset, Split, load
from graphkit.registry import get_model

#: Options with which a strategy does nothing.
NOTHING: dict[str, dict[str, Any]] = {
    "a-gem": {"strength": 0.0},
    "er-gnn": {"strength": 0.0},
    "ewc": {"strength": 0.0},
    "fine-tune": {},
    "gem": {"strength": 0.0},
    "lwf": {"strength": 0.0},
    "mas": {"strength": 0.0},
    "twp": {"lambda_l": 0.0, "lambda_t": 0.0},
    "uniform": {"strength": 0.0},
}
#: Options for tasks as small as those here.
SMALL: dict[str, dict[str, Any]] = {name: {"memory": 4} for name in ("a-gem", "er-gnn", "gem")}


def nodes(**options: Any) -> GraphDataset:
    """Returns 72 nodes in six classes."""
    return load("sbm-continual", **{"num_classes": 6, "size": 12, "noise": 1.0, **options})


def molecules(count: int = 40) -> GraphDataset:
    """Returns small graphs with four assays, some of whose results are missing."""
    generator = torch.Generator().manual_seed(0)
    sizes = torch.full((count,), 4)
    edges = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]).repeat(1, count)
    x = torch.randn(4 * count, 5, generator=generator)
    y = (x.view(count, 20)[:, :4] > 0).float()
    y[::7, 1] = float("nan")
    graphs = GraphCollection(edges, sizes, sizes, node={"x": x}, graph={"y": y})
    return GraphDataset("molecules", "multitask-graph-classification", graphs, (), 5, 4, "micro-f1")


def labeled_graphs(count: int = 12) -> GraphDataset:
    """Returns small graphs whose nodes have four labels, split by graphs."""
    dataset = molecules(count)
    y = (dataset.graphs.node["x"][:, :4] > 0).float()
    graphs = GraphCollection(
        dataset.graphs.edge_index,
        dataset.graphs.num_nodes,
        dataset.graphs.num_edges,
        node={"x": dataset.graphs.node["x"], "y": y},
    )
    split = Split(*torch.arange(count).split([count // 2, count // 4, count - count // 2 - count // 4]))
    return GraphDataset("labeled", "multilabel-node-classification", graphs, (split,), 5, 4, "micro-f1")


def make_model(dataset: GraphDataset, sizes: list[int] | None = None, name: str = "gat", **options: Any) -> Any:
    """Returns a small model with a head for each of some tasks, or with one for all."""
    heads = {"heads": 2} if name == "gat" else {}

    def make(num_outputs: int) -> torch.nn.Module:
        settings = {"hidden_channels": 8, "dropout": 0.2, **heads, **options}
        return get_model(name).from_data(dataset.replace(num_outputs=num_outputs), **settings)

    torch.manual_seed(0)
    return make(dataset.num_outputs) if sizes is None else TaskHeads(make, sizes)


def learn(
    model: torch.nn.Module,
    stream: TaskStream,
    strategy: Strategy,
    steps: int = 3,
    seed: int = 1,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Learns a stream as a user's own loop would."""
    torch.manual_seed(seed)
    for task in stream:
        strategy.before_task(model, task)
        optimizer = torch.optim.AdamW(model.parameters(), 0.01)
        for _ in range(steps):
            for batch in task:
                optimizer.zero_grad()
                (task.mean_loss(model, batch) + strategy.penalty(model)).backward()
                strategy.after_backward(model)
                watch()
                optimizer.step()
        strategy.after_task(model, task)
