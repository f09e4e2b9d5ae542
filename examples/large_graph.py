"""Path attention on a graph that is too large for one step: training and inference in batches of its nodes.

Run it with ``python examples/large_graph.py``; it generates a graph of 200,000 nodes and a million edges, and takes
about a minute on one idle core and 1.3 GB of memory. ``--nodes 5000 --edges 25000`` makes it a matter of seconds.
"""

import argparse
import time

import torch
from torch_geometric.data import Data

from graphkit.data import load
from graphkit.nn import SPAGAN
from graphkit.sampling import ShortestPathLoader


@torch.no_grad()
def accuracy(model: SPAGAN, loader: ShortestPathLoader) -> float:
    """Returns the share of a loader's seeds whose class the model finds."""
    model.eval()
    right = 0
    for batch in loader:
        output = model(**model.inputs(batch))[: batch.batch_size]  # what it gives the other nodes means nothing
        right += int((output.argmax(dim=1) == batch.y[: batch.batch_size]).sum())
    return right / loader.input_nodes.numel()


def train(model: SPAGAN, loader: ShortestPathLoader, epochs: int) -> None:
    """Trains the model on the seeds of a loader."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for epoch in range(1, epochs + 1):
        model.train()
        begin, total = time.perf_counter(), 0.0
        for batch in loader:
            output = model(**model.inputs(batch))[: batch.batch_size]
            loss = torch.nn.functional.cross_entropy(output, batch.y[: batch.batch_size])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach())
        print(f"  epoch {epoch} loss {total / len(loader):.4f} ({time.perf_counter() - begin:.1f} s)")


def main(nodes: int = 200_000, edges: int = 1_000_000, batch_size: int = 1024, epochs: int = 3) -> tuple[float, float]:
    """Trains both phases of SPAGAN and returns the accuracy on unseen nodes after each."""
    torch.manual_seed(0)
    dataset = load("sbm-200k", num_nodes=nodes, num_edges=edges)
    data, split = dataset.graphs[0], dataset.splits[0]
    test = split.test[torch.randperm(split.test.numel())[:10_000]]
    model = SPAGAN(dataset.num_features, dataset.num_outputs, dropout=0.2, out_act="none")

    print("phase 1: attention to neighbors, batches without paths")
    loader = ShortestPathLoader(data, batch_size, shuffle=True, input_nodes=split.train, path_layers=0)
    train(model, loader, epochs)
    first = accuracy(model, loader.over(test))
    print(f"accuracy on {test.numel()} unseen nodes {first:.3f}")

    print("phase 2: attention to the cheapest paths by the costs that were learned")
    model.begin_sampled_phase(data)
    edge_index, cost = model.edge_costs(data)
    data = Data(x=data.x, y=data.y, edge_index=edge_index, cost=cost)
    loader = ShortestPathLoader(
        data, batch_size, model.max_hops, model.ratio, shuffle=True, input_nodes=split.train, weight="cost",
        keep_paths=True,  # found once: every pass needs the same
    )  # fmt: skip
    train(model, loader, epochs)
    second = accuracy(model, loader.over(test))
    print(f"accuracy on {test.numel()} unseen nodes {second:.3f}")
    return first, second


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=200_000)
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=3)
    main(**vars(parser.parse_args()))
