"""Data sets of the phases of a model that trains in phases."""

from collections.abc import Callable

import torch
from torch_geometric.data import Data

from graphkit.data import GraphDataset


def phase_dataset(
    dataset: GraphDataset, make: Callable[[Data], Data | None], device: torch.device
) -> GraphDataset | None:
    """Returns the data set of a phase.

    Args:
        dataset: The loaded data set.
        make: ``begin_phase`` or ``prepare`` of the model; called once, with the union of all graphs.
        device: Device of the model.

    Returns:
        The data set; ``None`` if ``make`` returns ``None``.
    """
    union = make(dataset.union().to(device))
    return None if union is None else dataset.with_union(union)
