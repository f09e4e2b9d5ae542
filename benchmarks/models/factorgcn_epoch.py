"""Seconds per training epoch of FactorGCN on factor-graphs, against the form that loops over the factors.

The other form does what a straightforward implementation does: one factor after the other, a gate per edge, a message
per edge, ``index_add_``, once for the convolution and twice for its discriminator. Both get the same batches, the
same weights and the same optimizer; their epochs alternate, and the median counts.

    python benchmarks/models/factorgcn_epoch.py --json factorgcn_epoch.json
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from graphkit import ops
from graphkit.data import load
from graphkit.nn import FactorDiscriminator, FactorGCN, FactorGCNConv, Projection
from graphkit.tasks import make_task
from graphkit.training.batches import Batches
from graphkit.training.environment import environment
from graphkit.training.loop import train_epoch
from graphkit.training.loss import TrainingLoss


def aggregate_by_loop(
    h: Tensor, source: Tensor, target: Tensor, edge_index: Tensor, norm: Tensor, gain: float
) -> Tensor:
    """The sum over in-edges of every factor, one factor after the other."""
    row, col = edge_index[0], edge_index[1]
    outs = []
    for m in range(source.size(1)):
        gate = torch.sigmoid(gain * (source[:, m][row] + target[:, m][col]))
        features = (h if h.dim() == 2 else h[:, m]) * norm[:, None]
        out = torch.zeros(h.size(0), h.size(-1))
        outs.append(out.index_add_(0, col, gate[:, None] * features[row]))
    return torch.stack(outs, dim=1)


class LoopConv(FactorGCNConv):
    """The layer with the loop in the place of the fused operator."""

    def aggregate_factors(self, projection: Projection, edge_index: Tensor, context: Any = None) -> Tensor:
        """Returns the concatenated factors."""
        norm = loop_norm(edge_index, projection.hidden)
        return aggregate_by_loop(*projection[:3], edge_index, norm, self.gain).flatten(1)


class LoopDiscriminator(FactorDiscriminator):
    """The discriminator with the loop in the place of the fused operator."""

    def forward(
        self, projection: Projection, edge_index: Tensor, batch: Any = None, batch_size: Any = None, context: Any = None
    ) -> Tensor:
        """Returns the logits."""
        hidden, source, target = projection[:3]
        norm = loop_norm(edge_index, hidden)
        z = torch.tanh(aggregate_by_loop(self.lin1(hidden), source, target, edge_index, norm, self.gain))
        z = torch.tanh(aggregate_by_loop(self.lin2(z), source, target, edge_index, norm, self.gain))
        mean = torch.zeros(batch_size, *z.shape[1:]).index_add_(0, batch, z)
        mean = mean / torch.bincount(batch, minlength=batch_size)[:, None, None]
        return self.classifier(torch.tanh(mean))


def loop_norm(edge_index: Tensor, like: Tensor) -> Tensor:
    """One over the root of the in-degrees."""
    return torch.bincount(edge_index[1], minlength=like.size(0)).clamp(min=1).to(like.dtype).rsqrt()


def by_loop(model: FactorGCN) -> FactorGCN:
    """Returns a copy of the model with the loops in it."""
    model = deepcopy(model)
    for conv, judge in zip(model.convs, model.discriminators, strict=True):
        conv.__class__, judge.__class__ = LoopConv, LoopDiscriminator
    return model


def plain(batches: list[tuple[Any, None]]) -> list[tuple[Any, None]]:
    """Returns the batches with ordinary edge indices."""
    copies = []
    for data, ids in batches:
        data = data.clone()
        data.edge_index = torch.stack([data.edge_index[0], data.edge_index[1]])
        copies.append((data, ids))
    return copies


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=20_000)
    parser.add_argument("--batch-size", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    dataset = load("factor-graphs", num_graphs=arguments.graphs, transforms=["self-loops"])
    task = make_task(dataset.task, dataset.metric)
    torch.manual_seed(0)
    # The published stack for this data: two layers of width 32 with 4 and 2 factors, source norm, gain 6.
    model = FactorGCN(
        15, 4, 32, (4, 2), head="linear", readout="mean", act="leaky_relu", head_act="tanh", norm="source"
    )
    order = torch.Generator().manual_seed(0)
    batches = Batches(dataset, dataset.splits[0].train, arguments.batch_size, torch.device("cpu"), order)
    given = list(batches)
    unsorted = plain(given)
    models = {"graphkit": model, "loop over factors": by_loop(model)}
    outputs = [network(**network.inputs(given[0][0])) for network in models.values()]
    torch.testing.assert_close(outputs[0], outputs[1], atol=1e-4, rtol=1e-4)
    steps: dict[str, Callable[[], float]] = {}
    for name, network in models.items():
        optimizer = torch.optim.Adam(network.parameters(), lr=0.005)
        source = given if name == "graphkit" else unsorted
        objective = TrainingLoss(network, task)
        steps[name] = lambda e=objective, o=optimizer, s=source: train_epoch(e, s, o)
    steps["batching alone"] = lambda: float(sum(1 for _ in batches))

    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for epoch in range(arguments.epochs + 1):
        for name, step in steps.items():
            begin = time.perf_counter()
            step()
            if epoch:  # the first epoch warms up
                seconds[name].append(time.perf_counter() - begin)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    total = median["graphkit"] + median["batching alone"]
    ratio = median["loop over factors"] / median["graphkit"]
    print(f"operators: {ops.backend()}, {arguments.threads} thread(s), {len(given)} batches of {arguments.batch_size}")
    for name, value in median.items():
        print(f"{name:<20} {value:8.3f} s per epoch")
    print(f"{'graphkit in all':<20} {total:8.3f} s per epoch, with batching")
    print(f"loop over factors / graphkit: {ratio:.2f}")
    if arguments.json:
        content = {"median_seconds": median, "seconds": seconds, "ratio": ratio, **vars(arguments)}
        content["environment"] = environment(torch.device("cpu"))
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)


if __name__ == "__main__":
    main()
