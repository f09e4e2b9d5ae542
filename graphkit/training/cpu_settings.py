"""CPU settings of training: number of threads and denormal numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from graphkit.data import GraphDataset
from graphkit.training.batches import GRAPHS

#: Nodes and edges in a batch below which several threads are slower than one.
SMALL = 50_000


@contextmanager
def cpu_settings(threads: int | None) -> Iterator[None]:
    """Context with a number of CPU threads, and denormal numbers flushed to zero.

    Gradients of saturated factors can be denormal, for which a CPU is up to a hundred times slower.
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
    """Returns the number of threads for a data set, ``None`` for all.

    It is 1 for small batches.
    """
    if dataset.holds != "graphs":
        return None
    share = min(1.0, (batch_size or GRAPHS) / len(dataset.graphs))
    return 1 if share * float(dataset.sizes.sum()) < SMALL else None
