"""How the processor computes while a model trains: with how many threads, and with what care for tiny numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from graphkit.data import GraphDataset
from graphkit.training.batches import GRAPHS

#: Nodes and edges in a batch below which a second thread costs more than it brings.
SMALL = 50_000


@contextmanager
def cpu_settings(threads: int | None) -> Iterator[None]:
    """Sets the number of PyTorch's threads for a while, and lets numbers below 1e-38 count as zero.

    Saturated factors have gradients that small, and a CPU takes a hundred times longer to multiply them.
    """
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(before)


def sensible_threads(dataset: GraphDataset, batch_size: int | None) -> int | None:
    """Returns the number of threads for a data set: one where batches are small, ``None`` for all otherwise."""
    if dataset.holds != "graphs":
        return None
    share = min(1.0, (batch_size or GRAPHS) / len(dataset.graphs))
    return 1 if share * float(dataset.sizes.sum()) < SMALL else None
