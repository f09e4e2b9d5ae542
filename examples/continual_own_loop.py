"""Learning tasks one after the other in a training loop of your own, with a model of your own.

Run it with ``python examples/continual_own_loop.py``; it generates its data and takes a few seconds on a laptop.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch_geometric.nn import GATConv

from graphkit.continual import TWP, FineTune, Strategy, TaskHeads, TaskStream
from graphkit.data import load
from graphkit.metrics import average_forgetting, average_performance, learning_accuracy


class MyModel(torch.nn.Module):
    """Two attention layers; nothing in it knows of tasks."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = GATConv(in_channels, 8, heads=4)
        self.second = GATConv(32, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Returns one logit per node and class."""
        return self.second(self.first(x, edge_index).relu(), edge_index)


def learn(stream: TaskStream, strategy: Strategy, epochs: int) -> Tensor:
    """Learns all tasks and returns the score on every task (column) after every task (row)."""
    torch.manual_seed(0)
    model = TaskHeads(lambda classes: MyModel(stream.dataset.num_features, classes), stream.sizes)
    matrix = torch.full((len(stream), len(stream)), torch.nan)
    for task in stream:
        data = task.data  # PyG data with train_mask, val_mask and test_mask
        strategy.before_task(model, task)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(epochs):
            optimizer.zero_grad()
            out = model(data.x, data.edge_index, task=task.index)[data.train_mask]
            loss = cross_entropy(out, task.target(data)) + strategy.penalty(model)
            loss.backward()
            strategy.after_backward(model)
            optimizer.step()
        strategy.after_task(model, task)
        for old in stream[: task.index + 1]:
            matrix[task.index, old.index] = old.scores(model)["test"]
    return matrix


def main(size: int = 60, epochs: int = 60) -> dict[str, float]:
    """Learns nine tasks of two classes with and without a strategy; returns the mean score of each at the end."""
    stream = TaskStream(load("sbm-continual", size=size), 2)
    scores = {}
    for strategy in (FineTune(), TWP(lambda_l=100.0, lambda_t=10.0)):
        matrix = learn(stream, strategy, epochs)
        name = type(strategy).__name__
        scores[name] = average_performance(matrix)
        print(
            f"{name:>8}: average performance {scores[name]:.3f}, AF {average_forgetting(matrix):+.3f} (negative is "
            f"forgetting), learning accuracy {learning_accuracy(matrix):.3f}"
        )
    return scores


if __name__ == "__main__":
    main()
