"""A graph whose features stay on disk: written block by block, trained on in batches of nodes.

Run it with ``python examples/mapped_features.py``; it takes a few seconds. The features are never in memory as a whole,
neither here nor while training: only the rows that a batch needs are read. The folder is described in
docs/larger_than_memory.md.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from graphkit.data import load, write_folder
from graphkit.nn import GCN
from graphkit.sampling import NeighborLoader

CLASSES = 4


def features(y: np.ndarray, width: int = 16, rows: int = 500) -> Iterator[np.ndarray]:
    """Makes the features of some nodes at a time; yours may come from a database, or from files one after the other."""
    generator = np.random.default_rng(0)
    center = generator.standard_normal((CLASSES, width))
    for begin in range(0, y.size, rows):
        labels = y[begin : begin + rows]
        yield center[labels] + 3 * generator.standard_normal((labels.size, width))


def write(folder: Path, nodes: int) -> None:
    """Writes a graph in which most edges join nodes of one class."""
    generator = np.random.default_rng(1)
    y = generator.integers(CLASSES, size=nodes)
    order = np.argsort(y, kind="stable")  # neighbors in this order mostly have the same class
    one = generator.integers(nodes - 50, size=4 * nodes)
    edge_index = np.stack([order[one], order[one + generator.integers(1, 50, size=one.size)]])
    fold = generator.permutation(nodes) * 10 // nodes
    masks = {"train_mask": fold < 2, "val_mask": fold == 2, "test_mask": fold > 7}
    write_folder(folder, x=features(y), edge_index=edge_index, y=y, class_names=("ash", "elm", "fir", "oak"), **masks)


@torch.no_grad()
def accuracy(model: GCN, loader: NeighborLoader) -> float:
    """Returns the share of a loader's seeds whose class the model finds."""
    model.eval()
    right = 0
    for batch in loader:
        output = model(**model.inputs(batch))[: batch.batch_size]  # what it gives the other nodes means nothing
        right += int((output.argmax(dim=1) == batch.y[: batch.batch_size]).sum())
    return right / loader.input_nodes.numel()


def main(output: str | None = None, nodes: int = 4000, epochs: int = 4) -> float:
    """Trains on the folder and returns the test accuracy."""
    folder = Path(output or tempfile.mkdtemp()) / "trees"
    write(folder, nodes)
    dataset = load(folder)  # opens the files; nothing is read yet but labels, masks and a look at the edges
    data, split = dataset.graphs[0], dataset.splits[0]
    torch.manual_seed(0)
    model = GCN(dataset.num_features, dataset.num_outputs, hidden_channels=32)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    # `prepare_for_sampling` lets batches carry the degrees of nodes in the whole graph, by which GCN divides.
    graph = model.prepare_for_sampling(data)
    training = NeighborLoader(graph, [5, 5], split.train, batch_size=64, shuffle=True)
    everything = NeighborLoader(graph, [-1, -1], split.val, batch_size=256)
    for epoch in range(1, epochs + 1):
        model.train()
        for batch in training:
            output_of_seeds = model(**model.inputs(batch))[: batch.batch_size]
            loss = torch.nn.functional.cross_entropy(output_of_seeds, batch.y[: batch.batch_size])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: validation accuracy {accuracy(model, everything):.2f}")
    test_accuracy = accuracy(model, everything.over(split.test))
    print(f"test accuracy {test_accuracy:.2f} on {split.test.numel()} nodes; the graph is in {folder}")
    print(f"the same from the command line: graphkit train --model gcn --dataset {folder} --set train.batch_size=64")
    return test_accuracy


if __name__ == "__main__":
    main(*sys.argv[1:2])
