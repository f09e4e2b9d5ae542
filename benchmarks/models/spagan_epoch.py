"""Seconds per training step of SPAGAN's path phase on Cora, against the form with separate heads.

The other form does what a straightforward implementation does: dense features, one head after the other with a product
of its own, the features of all paths gathered, a softmax and a sum by ``scatter_reduce`` and ``index_add_``. Both get
the same paths, the same weights and the same optimizer; their steps alternate, and the median counts. Without the raw
files of Cora (``GRAPHKIT_DATA``) a random graph of its size takes its place.

    python benchmarks/models/spagan_epoch.py --json spagan_epoch.json
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.data import Data

from graphkit import ops
from graphkit.data import load
from graphkit.nn import SPAGAN, SPAGANConv
from graphkit.training.environment import environment
from graphkit.transforms import NormalizeFeatures, SelfLoops, SparseFeatures


def cora() -> tuple[str, Data, Tensor]:
    """Returns Cora and its training nodes, or a random graph as large."""
    try:
        dataset = load("cora")
        return "cora", dataset.graphs[0], dataset.splits[0].train
    except FileNotFoundError:
        torch.manual_seed(0)
        edges = torch.randint(2708, (2, 5278))
        x = (torch.rand(2708, 1433) < 0.0127).float()
        edge_index = torch.cat([edges, edges.flip(0)], dim=1)
        return "random", Data(x=x, edge_index=edge_index, y=torch.randint(7, (2708,))), torch.arange(140)


def one_head(h: Tensor, path_index: Tensor, att: Tensor, att_target: Tensor, dropout: float) -> Tensor:
    """Attention of one head over the paths of one length, path by path."""
    phi = h[path_index[0]]
    for row in path_index[1:-1]:
        phi = torch.maximum(phi, h[row])
    target_ids = path_index[-1]
    score = F.leaky_relu(torch.cat([phi, h[target_ids]], dim=1) @ torch.cat([att, att_target]), 0.2)
    highest = torch.full((h.size(0),), -torch.inf).scatter_reduce(0, target_ids, score.detach(), "amax")
    weight = (score - highest[target_ids]).exp()
    total = torch.zeros(h.size(0)).index_add(0, target_ids, weight)
    alpha = F.dropout(weight / total[target_ids], dropout, dropout > 0)
    return torch.zeros_like(h).index_add(0, target_ids, alpha[:, None] * phi)


class SeparateHeads(SPAGAN):
    """The model with separate heads."""

    def attend(self, conv: SPAGANConv, x: Tensor, paths: list[Tensor]) -> Tensor:
        """Returns what a layer returns, head by head."""
        outs, width = [], conv.out_channels
        dropout = conv.dropout if self.training else 0.0
        for head in range(conv.heads):
            columns = slice(head * width, (head + 1) * width)
            h = x @ conv.weight[:, columns] + conv.bias[columns]
            levels = [
                one_head(h, p, conv.att_path[i][head], conv.att_target[i][head], dropout) for i, p in enumerate(paths)
            ]
            if len(levels) == 1:
                outs.append(levels[0])
                continue
            vector = torch.cat([conv.att_length[head], conv.att_length_target[head]])
            scores = [F.leaky_relu(torch.cat([level, h], dim=1) @ vector, 0.2) for level in levels]
            beta = torch.stack(scores, dim=1).softmax(dim=1)
            outs.append(sum(beta[:, i, None] * level for i, level in enumerate(levels)))
        return torch.cat(outs, dim=1) if conv.concat else torch.stack(outs).mean(dim=0)

    def forward(self, x: Tensor, edge_index: Tensor, paths: list[Tensor]) -> Tensor:
        """Returns the outputs."""
        for layer, looked_at in enumerate((paths, [edge_index])):
            x = F.dropout(x, self.dropout, self.training)
            x = F.elu(self.attend(self.convs[layer], x, looked_at))
        return x


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    name, data, ids = cora()
    data = SelfLoops()(NormalizeFeatures()(data))
    torch.manual_seed(0)
    fused = SPAGAN(data.num_features, int(data.y.max()) + 1)
    begin = time.perf_counter()
    prepared = fused.begin_phase(data)
    search = time.perf_counter() - begin
    assert prepared is not None
    separate = deepcopy(fused)
    separate.__class__ = SeparateHeads
    sparse = SparseFeatures()(prepared.clone())
    cases = {"graphkit": (fused, fused.inputs(sparse)), "separate heads": (separate, separate.inputs(prepared))}
    with torch.no_grad():
        outputs = [model.eval()(**inputs) for model, inputs in cases.values()]
    torch.testing.assert_close(outputs[0], outputs[1], atol=1e-5, rtol=1e-4)

    steps: dict[str, Callable[[], None]] = {}
    for case, (model, inputs) in cases.items():
        optimizer = torch.optim.Adam(model.parameters(), lr=0.005, weight_decay=5e-4)

        def step(model: SPAGAN = model, inputs: dict = inputs, optimizer: torch.optim.Optimizer = optimizer) -> None:
            model.train()
            optimizer.zero_grad()
            F.cross_entropy(model(**inputs)[ids], data.y[ids]).backward()
            optimizer.step()

        steps[case] = step
    seconds: dict[str, list[float]] = {case: [] for case in steps}
    for number in range(arguments.steps + 1):
        for case, step in steps.items():
            begin = time.perf_counter()
            step()
            if number:  # the first step warms up
                seconds[case].append(time.perf_counter() - begin)
    median = {case: statistics.median(values) for case, values in seconds.items()}
    ratio = median["separate heads"] / median["graphkit"]
    paths = cases["graphkit"][1]["paths"]
    counts = ", ".join(f"{path_index.size(1):,} of {path_index.size(0) - 1}" for path_index in paths)
    print(f"{name}, operators: {ops.backend()}, {arguments.threads} thread(s); paths by hops: {counts}")
    for case, value in median.items():
        print(f"{case:<20} {1000 * value:8.1f} ms per step")
    print(f"separate heads / graphkit: {ratio:.2f}; costs and paths for the phase: {1000 * search:.0f} ms")
    if arguments.json:
        content = {"median_seconds": median, "seconds": seconds, "ratio": ratio, "search": search, **vars(arguments)}
        content["environment"] = environment(torch.device("cpu"))
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)


if __name__ == "__main__":
    main()
