"""The data of a phase, for models that train in phases."""

from collections.abc import Callable

import torch
from torch_geometric.data import Data

from graphkit.data import GraphDataset


def phase_dataset(
    dataset: GraphDataset, make: Callable[[Data], Data | None], device: torch.device
) -> GraphDataset | None:
    """Returns the data set with its graphs as a model wants them in a phase.

    Args:
        dataset: The data set as it was loaded.
        make: The model's ``begin_phase`` or ``prepare``; called once, with the only graph or the union of all.
        device: Where the model is.

    Returns:
        The data set, or ``None`` if ``make`` returns that.
    """
    union = make(dataset.union().to(device))
    return None if union is None else dataset.with_union(union)
